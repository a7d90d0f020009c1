using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace OptimSharp.Torch.Tests.Averaging;

public class BatchNormTests
{
    [Fact]
    public void Statistics_of_a_network_are_PyTorchs()
    {
        using var scope = NewDisposeScope();
        using var model = ConvNet.Create();
        Assert.Equal(5, BatchNorm.UpdateStatistics(ConvNet.Batches().Select(b => (b, (Tensor?)null)), model));
        var actual = model.StateDict();
        foreach (var (key, value) in ConvNet.State("after"))
        {
            double[] expected = ((TensorData)value!).ToDoubles();
            Assert.Null(Comparison.Difference(expected, actual.GetTensor(key).ToDoubles(), 1e-6));
        }
    }

    [Theory] // test_update_bn_cnn: loaders of (x) and (x, y)
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_batch_is_a_tensor_or_begins_with_one(int kind)
    {
        using var scope = NewDisposeScope();
        using var model = ConvNet.Create();
        var batches = ConvNet.Batches();
        long count = kind switch
        {
            0 => BatchNorm.UpdateStatistics(batches, model),
            1 => BatchNorm.UpdateStatistics(batches.Select(b => Tuple.Create(b, "label")), model),
            2 => BatchNorm.UpdateStatistics(batches.Select(b => new List<Tensor> { b }), model),
            _ => BatchNorm.UpdateStatistics(batches.Select(b => new Dictionary<string, Tensor> { ["image"] = b }), model, (m, b) => m.forward(b["image"])),
        };
        Assert.Equal(5, count);
        Assert.Null(Comparison.Difference(ConvNet.State("after").GetTensor("8.running_var").ToDoubles(), model.StateDict().GetTensor("8.running_var").ToDoubles(), 1e-6));
    }

    [Fact] // test_update_bn_dnn
    public void Means_are_those_of_the_data_and_what_was_before_is_forgotten()
    {
        using var scope = NewDisposeScope();
        using var linear = Linear(3, 2);
        using var norm = BatchNorm1d(2);
        using var model = Sequential(linear, norm);
        var data = Models.Random(8, 40, 3);
        using var noGrad = no_grad();
        model.forward(data * 7);
        BatchNorm.UpdateStatistics(data.split(10), model);
        var inside = linear.forward(data);
        // Batches of the same size: the mean of their means is the mean, and of their variances, the mean of the variances (n − 1).
        Close(inside.mean([0]), norm.running_mean!);
        Close(stack(inside.split(10).Select(x => x.var([0]))).mean([0]), norm.running_var!);

        static void Close(Tensor expected, Tensor actual) => Assert.Null(Comparison.Difference(Models.Values(expected), Models.Values(actual), 1e-6));
    }

    [Fact] // test_bn_update_eval_momentum
    public void Momenta_and_modes_come_back()
    {
        using var scope = NewDisposeScope();
        using var model = ConvNet.Create();
        model.eval();
        var layers = model.children().ToArray();
        layers[4].train(); // one that differs
        BatchNorm.UpdateStatistics(ConvNet.Batches(), model);
        Assert.Equal((0.3, 0.1), (((TorchSharp.Modules.BatchNorm)layers[1]).momentum, ((TorchSharp.Modules.BatchNorm)layers[4]).momentum));
        Assert.Equal([false, false, false, false, true, false, false, false, false], layers.Select(l => l.training));
        Assert.False(model.training);
    }

    [Fact]
    public void After_a_batch_that_throws_all_is_as_before()
    {
        using var scope = NewDisposeScope();
        using var model = ConvNet.Create();
        model.eval();
        string before = ConvNet.Bits(model);
        Assert.Throws<TimeoutException>(() => BatchNorm.UpdateStatistics(Failing(), model));
        Assert.Equal(before, ConvNet.Bits(model));
        Assert.False(model.training);
        Assert.Equal(0.3, ((TorchSharp.Modules.BatchNorm)model.children().ElementAt(1)).momentum);
        Assert.True(is_grad_enabled());

        static IEnumerable<Tensor> Failing()
        {
            yield return ConvNet.Batches()[0];
            throw new TimeoutException();
        }
    }

    [Fact]
    public void A_loader_without_batches_is_an_error_and_changes_nothing()
    {
        using var scope = NewDisposeScope();
        using var model = ConvNet.Create();
        string before = ConvNet.Bits(model);
        Assert.StartsWith("The loader has no batches", Assert.Throws<InvalidOperationException>(() => BatchNorm.UpdateStatistics(Array.Empty<Tensor>(), model)).Message);
        Assert.Equal(before, ConvNet.Bits(model));
    }

    [Fact]
    public void A_batch_of_another_kind_is_named()
    {
        using var model = ConvNet.Create();
        string before = ConvNet.Bits(model);
        Assert.StartsWith("A batch is a String; it must be a tensor, or a tuple or list that begins with one.",
            Assert.Throws<ArgumentException>(() => BatchNorm.UpdateStatistics(["x"], model)).Message);
        Assert.Equal(before, ConvNet.Bits(model));
    }

    [Fact]
    public void A_model_without_batch_normalisation_is_left_alone_and_the_loader_unread()
    {
        using var model = Sequential(Linear(2, 2), BatchNorm1d(2, track_running_stats: false), InstanceNorm1d(2, track_running_stats: true));
        Assert.Equal(0, BatchNorm.UpdateStatistics(Unreadable(), model));

        static IEnumerable<Tensor> Unreadable()
        {
            throw new InvalidOperationException("read");
#pragma warning disable CS0162 // makes it an iterator
            yield break;
#pragma warning restore CS0162
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Dropout_drops_unless_switched_off(bool off)
    {
        using var scope = NewDisposeScope();
        using var norm = BatchNorm1d(1);
        using var model = Sequential(("drop", Dropout(0.5)), ("norm", norm));
        BatchNorm.UpdateStatistics([ones(10_000, 1)], model, dropoutOff: off);
        // Dropout makes 0 or 2 of 1: variance 1. Without it, all are 1.
        double variance = norm.running_var!.item<float>();
        Assert.InRange(variance, off ? 0 : 0.95, off ? 0 : 1.05);
        Assert.True(model.training);
    }

    [Fact]
    public void Batches_leave_no_tensor_but_the_loaders()
    {
        using var model = ConvNet.Create();
        var batches = ConvNet.Batches();
        using var scope = NewDisposeScope();
        BatchNorm.UpdateStatistics(batches, model);
        Assert.Equal(0, scope.DisposablesCount);
        Assert.All(batches, b => Assert.False(b.IsInvalid));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Averages_get_statistics_of_their_own_and_the_model_keeps_its(bool withCopy)
    {
        using var scope = NewDisposeScope();
        using var model = ConvNet.Create();
        using var swa = withCopy ? new AveragedModel<TorchSharp.Modules.Sequential>(model, ConvNet.Create) : new AveragedModel<TorchSharp.Modules.Sequential>(model);
        Assert.Throws<InvalidOperationException>(() => BatchNorm.UpdateStatistics(ConvNet.Batches(), swa));
        swa.Update();
        string before = ConvNet.Bits(model);
        BatchNorm.UpdateStatistics(ConvNet.Batches(), swa);
        Assert.Equal(before, ConvNet.Bits(model));
        using (swa.SwapIn())
        {
            var actual = model.StateDict();
            foreach (var (key, value) in ConvNet.State("after")) // the average of one model is that model
                Assert.Null(Comparison.Difference(((TensorData)value!).ToDoubles(), actual.GetTensor(key).ToDoubles(), 1e-6));
        }
        Assert.Equal(before, ConvNet.Bits(model));
        Assert.Equal([5L], swa.StateDict().GetTensor("module.8.num_batches_tracked").ToArray<long>());
        if (withCopy)
            Assert.Equal(5, ((TorchSharp.Modules.BatchNorm1d)swa.Module.children().Last()).num_batches_tracked!.item<long>());
    }
}
