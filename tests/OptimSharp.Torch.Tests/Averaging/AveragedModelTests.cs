using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using Net = TorchSharp.Modules.Sequential;

namespace OptimSharp.Torch.Tests.Averaging;

public class AveragedModelTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Whole_numbers_are_averaged_as_PyTorch_does(bool ema)
    {
        var golden = ConvNet.Read("whole_buffers.json");
        int[][] models = [.. golden.GetProperty("models").EnumerateArray().Select(m => m.EnumerateArray().Select(x => x.GetInt32()).ToArray())];
        foreach (var entry in golden.GetProperty("cases").EnumerateArray().Where(c => c.GetProperty("average").GetString() == "ema" == ema))
        {
            using var scope = NewDisposeScope();
            var type = entry.GetProperty("dtype").GetString() switch { "int64" => int64, "int32" => int32, _ => uint8 };
            using var model = new Counting(type);
            using var average = new AveragedModel<Counting>(model, ema ? OptimSharp.Averaging.Ema(0.7) : null, new() { UseBuffers = true });
            foreach (var (numbers, expected) in models.Zip(entry.GetProperty("averages").EnumerateArray()))
            {
                model.count.fill_(numbers[0]);
                model.several.copy_(tensor(numbers[1..]));
                average.Update();
                var state = average.StateDict();
                Assert.Equal(expected.EnumerateArray().Select(x => x.GetDouble()), [.. state.GetTensor("module.count").ToDoubles(), .. state.GetTensor("module.several").ToDoubles()]);
            }
        }
    }

    sealed class Counting : Module
    {
        public readonly Tensor count, several;
        readonly TorchSharp.Modules.Parameter weight = Parameter(zeros(1));

        public Counting(ScalarType type) : base("counting")
        {
            count = zeros([], dtype: type);
            several = zeros(3, dtype: type);
            register_parameter("weight", weight);
            register_buffer("count", count);
            register_buffer("several", several);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Buffers_follow_the_model_or_are_averaged(bool useBuffers)
    {
        using var scope = NewDisposeScope();
        using var norm = BatchNorm1d(1);
        using var average = new AveragedModel<TorchSharp.Modules.BatchNorm1d>(norm, OptimSharp.Averaging.Ema(0.75), new() { UseBuffers = useBuffers });
        using var noGrad = no_grad();
        foreach (int value in new[] { 4, 8 })
        {
            norm.running_mean!.fill_(value);
            norm.weight!.fill_(value);
            norm.num_batches_tracked!.fill_(value);
            average.Update();
        }
        var state = average.StateDict();
        double expected = useBuffers ? 5 : 8; // ¾ · 4 + ¼ · 8
        Assert.Equal((5.0, expected, expected), (state.GetTensor("module.weight").ToDoubles()[0], state.GetTensor("module.running_mean").ToDoubles()[0], state.GetTensor("module.num_batches_tracked").ToDoubles()[0]));
    }

    [Fact]
    public void The_second_module_is_called_with_the_averages()
    {
        using var scope = NewDisposeScope();
        using var model = Constant(1);
        using var average = new AveragedModel<Net>(model, () => Constant(0));
        var x = ones(1, 2);
        Assert.Equal(3, average.Module.forward(x).item<float>()); // no update yet: the model as it was: 1 + 1 + 1
        foreach (int value in new[] { 2, 4 })
        {
            Fill(model, value);
            average.Update();
        }
        Assert.Equal(9, average.Module.forward(x).item<float>()); // weights of 3
        Assert.Equal(12, model.forward(x).item<float>());
        Fill(model, 6);
        average.Update();
        Assert.Equal(12, average.Module.forward(x).item<float>());
    }

    [Fact]
    public void A_given_second_module_is_not_disposed_a_made_one_is()
    {
        using Net model = Constant(1), given = Constant(0);
        Net? made = null;
        new AveragedModel<Net>(model, given).Dispose();
        new AveragedModel<Net>(model, () => made = Constant(0)).Dispose();
        Assert.False(given.parameters().First().IsInvalid);
        Assert.Empty(made!.parameters());
    }

    [Fact]
    public void Swapping_in_gives_every_bit_back()
    {
        using var scope = NewDisposeScope();
        using var model = ConvNet.Create();
        using AveragedModel<Net> swa = new(model), ema = new(model, OptimSharp.Averaging.Ema(0.5));
        swa.Update();
        ema.Update();
        using (no_grad())
        {
            foreach (var parameter in model.parameters())
                parameter.mul_(3);
            model.forward(Models.Random(3, 2, 1, 8, 8));
        }
        ema.Update();
        string before = ConvNet.Bits(model);
        try
        {
            using var outer = swa.SwapIn();
            string averages = ConvNet.Bits(model);
            using (ema.SwapIn())
            using (no_grad())
            {
                Assert.NotEqual(averages, ConvNet.Bits(model));
                model.forward(Models.Random(4, 2, 1, 8, 8)); // changes statistics and counts
                model.parameters().First().fill_(double.NaN);
            }
            Assert.Equal(averages, ConvNet.Bits(model));
            throw new TimeoutException();
        }
        catch (TimeoutException)
        {
        }
        Assert.Equal(before, ConvNet.Bits(model));
    }

    [Fact]
    public void Moving_the_model_inside_is_survived()
    {
        using var scope = NewDisposeScope();
        using var model = Constant(2);
        using var average = new AveragedModel<Net>(model);
        average.Update();
        Fill(model, 5);
        using (average.SwapIn())
        {
            model.to(float64); // new parameters
            Assert.Equal(6, model.forward(ones([1, 2], dtype: float64)).item<double>());
        }
        Assert.Equal(15, model.forward(ones([1, 2], dtype: float64)).item<double>());
        average.Update();
        Assert.Equal(3.5, average.StateDict().GetTensor("module.0.bias").ToDoubles()[0]);
    }

    [Fact]
    public void Disposing_the_model_inside_is_survived()
    {
        var model = Constant(2);
        using var average = new AveragedModel<Net>(model);
        average.Update();
        using (average.SwapIn())
            model.Dispose();
        Assert.Throws<InvalidOperationException>(average.Update);
        Assert.Equal(1, average.Count);
    }

    [Fact]
    public void Tensors_that_pointers_cannot_reach_are_averaged_by_operators()
    {
        using var scope = NewDisposeScope();
        using var model = new Turned();
        using AveragedModel<Turned> average = new(model, () => new Turned()), loaded = new(model);
        average.Update();
        using (no_grad())
            model.weight.mul_(3);
        double[] before = Models.Values(model.weight), expected = [.. before.Select(x => x * 2 / 3)]; // ½(1 + 3) = 2
        average.Update();
        Close(Models.Values(average.Module.weight));
        using (average.SwapIn())
            Close(Models.Values(model.weight));
        Assert.Equal(before, Models.Values(model.weight));
        loaded.LoadStateDict(average.StateDict());
        Close(loaded.StateDict().GetTensor("module.weight").ToDoubles());

        void Close(double[] actual) => Assert.Null(Comparison.Difference(expected, actual, 1e-6));
    }

    /// <summary>A parameter that is not contiguous.</summary>
    sealed class Turned : Module<Tensor, Tensor>
    {
        public readonly TorchSharp.Modules.Parameter weight = Parameter(Models.Random(2, 3, 4).t());

        public Turned() : base("turned") => register_parameter("weight", weight);

        public override Tensor forward(Tensor x) => x.matmul(weight);
    }

    [Fact]
    public void Averages_of_half_models_are_float()
    {
        using var scope = NewDisposeScope();
        using var model = Constant(1).to(bfloat16);
        using var average = new AveragedModel<Net>(model, OptimSharp.Averaging.Ema(0.998046875)); // 1 − 2⁻⁹
        average.Update();
        Fill(model, 2);
        average.Update();
        Assert.Equal([1.001953125f], average.StateDict().GetTensor("module.0.bias").ToArray<float>());
        using (average.SwapIn())
            Assert.Equal([1.0], Models.Values(model.parameters().Last())); // rounded
    }

    [Fact]
    public void Functions_over_tensors_see_and_make_averages()
    {
        using var scope = NewDisposeScope();
        using var model = Constant(1);
        using var one = new AveragedModel<Net>(model, TensorAveraging.PerTensor((average, current, count) => 0.1 * average + 0.9 * current));
        using var all = new AveragedModel<Net>(model, TensorAveraging.AllTensors((averages, current, count) =>
        {
            for (int i = 0; i < averages.Count; i++)
                averages[i].mul_(0.1).add_(current[i], 0.9);
        }));
        using var bad = new AveragedModel<Net>(model, TensorAveraging.PerTensor((average, _, _) => average.reshape(-1, 1)));
        one.Update();
        all.Update();
        bad.Update();
        Fill(model, 2);
        one.Update();
        all.Update();
        foreach (var average in new[] { one, all })
            Assert.Equal(1.9f, average.StateDict().GetTensor("module.0.weight").ToArray<float>()[1], 1e-6f);
        Assert.Contains("shape", Assert.Throws<InvalidOperationException>(bad.Update).Message);
        Assert.Equal((1, 1f), (bad.Count, bad.StateDict().GetTensor("module.0.weight").ToArray<float>()[0]));
    }

    [Fact]
    public void The_last_checkpoints_are_averaged()
    {
        using var model = Constant(0);
        using var average = new AveragedModel<Net>(model);
        foreach (int value in new[] { 1, 3, 8 })
        {
            Fill(model, value);
            average.Update(model.StateDict());
        }
        using var other = Constant(9);
        average.CopyTo(other);
        Assert.All(Models.Values(other), x => Assert.Equal(4, x));
        var state = model.StateDict();
        state.Add("more", 1);
        Assert.Contains("'more' must be a parameter or buffer of the model", Assert.Throws<StateDictException>(() => average.Update(state)).Message);
        Assert.Equal(3, average.Count);
    }

    [Fact]
    public void Modules_that_differ_are_refused()
    {
        using var model = Constant(1);
        using Net names = Sequential(("first", Linear(2, 1))), shapes = Sequential(("0", Linear(3, 1)));
        using var average = new AveragedModel<Net>(model);
        average.Update();
        foreach (var (other, message) in new[] { (names, "'first.weight' [1, 2] Float32 is none of those that are averaged: 0.weight, 0.bias"), (shapes, "'0.weight' [1, 3] Float32 does not fit") })
        {
            Assert.Contains(message, Assert.Throws<ArgumentException>(() => average.Update(other)).Message);
            Assert.Contains(message, Assert.Throws<ArgumentException>(() => average.CopyTo(other)).Message);
            Assert.Contains(message, Assert.Throws<ArgumentException>(() => new AveragedModel<Net>(model, other)).Message);
        }
        Assert.Contains("the model itself", Assert.Throws<ArgumentException>(() => new AveragedModel<Net>(model, model)).Message);
        Assert.Contains("There is no second module", Assert.Throws<InvalidOperationException>(() => average.Module).Message);
        Assert.Equal(1, average.Count);
    }

    [Fact] // test_averaged_model_state_dict
    public void A_loaded_average_goes_on_with_the_same_bits()
    {
        using Net model = ConvNet.Create(), second = ConvNet.Create();
        using AveragedModel<Net> first = new(model, OptimSharp.Averaging.Ema(0.9)), loaded = new(second, OptimSharp.Averaging.Ema(0.9));
        first.Update();
        using (no_grad())
            model.forward(Models.Random(3, 2, 1, 8, 8)).Dispose();
        first.Update();
        var state = first.StateDict();
        Assert.Equal(ConvNet.State("model").Keys.Select(k => $"module.{k.Name}").Prepend("n_averaged"), state.Keys.Select(k => k.Name));
        Assert.Equal([2L], state.GetTensor("n_averaged").ToArray<long>());
        loaded.LoadStateDict(state);
        first.Update();
        loaded.Update(model);
        Assert.Equal(Bits(first), Bits(loaded));
        state.Remove("module.8.bias");
        Assert.Equal("State 'module.8.bias' is missing.", Assert.Throws<StateDictException>(() => loaded.LoadStateDict(state)).Message);
        Assert.Equal(3, loaded.Count);

        static string Bits(AveragedModel<Net> average) => string.Join(' ', average.StateDict().SelectMany(e => ((TensorData)e.Value!).ToDoubles()).Select(x => x.ToString("R")));
    }

    static Net Constant(int value)
    {
        var model = Sequential(("0", Linear(2, 1)));
        Fill(model, value);
        return model;
    }

    static void Fill(Net model, double value)
    {
        using var noGrad = no_grad();
        foreach (var parameter in model.parameters())
            parameter.fill_(value);
    }
}
