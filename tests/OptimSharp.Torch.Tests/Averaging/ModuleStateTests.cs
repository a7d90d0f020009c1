using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace OptimSharp.Torch.Tests.Averaging;

/// <summary>A module's state under PyTorch's keys.</summary>
public class ModuleStateTests
{
    static readonly string[] Keys =
    [
        "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked", "3.weight", "3.bias",
        "4.weight", "4.bias", "4.running_mean", "4.running_var", "4.num_batches_tracked", "7.weight", "7.bias",
        "8.weight", "8.bias", "8.running_mean", "8.running_var", "8.num_batches_tracked",
    ];

    [Fact]
    public void Keys_are_PyTorchs_in_its_order()
    {
        using var model = ConvNet.Create();
        Assert.Equal(ConvNet.State("model").Keys, model.StateDict().Keys);
        Assert.Equal(Keys, model.StateDict().Keys.Select(k => k.Name));
    }

    [Fact]
    public void A_loaded_module_has_the_same_bits_and_keeps_its_tensors()
    {
        using var from = ConvNet.Create();
        using (no_grad())
            from.forward(Models.Random(3, 2, 1, 8, 8)).Dispose(); // changes statistics and counts
        using var to = ConvNet.Create();
        var parameters = to.parameters().ToArray();
        to.LoadStateDict(from.StateDict());
        Assert.Equal(ConvNet.Bits(from), ConvNet.Bits(to));
        Assert.All(parameters.Zip(to.parameters()), p => Assert.Same(p.First, p.Second));
    }

    [Fact]
    public void Both_sides_have_copies()
    {
        using var model = Linear(2, 1);
        var state = model.StateDict();
        double[] before = state.GetTensor("weight").ToDoubles();
        using (no_grad())
            model.weight!.fill_(7);
        Assert.Equal(before, state.GetTensor("weight").ToDoubles());
        model.LoadStateDict(state);
        Assert.Equal(before, Models.Values(model.weight));
    }

    /// <summary>TorchSharp has a BFloat16, too: an error says which one is meant.</summary>
    [Fact]
    public void Types_of_one_name_are_told_apart()
    {
        Assert.Contains("can't be of type TorchSharp.BFloat16.", Assert.Throws<ArgumentException>(() => TensorData.Of(new TorchSharp.BFloat16[2], 2)).Message, StringComparison.Ordinal);
        Assert.Equal("The tensor's elements are BFloat16, not TorchSharp.BFloat16.",
            Assert.Throws<InvalidOperationException>(() => TensorData.Of(new OptimSharp.BFloat16[2], 2).ToArray<TorchSharp.BFloat16>()).Message);
    }

    [Fact]
    public void Eight_bit_floats_become_the_numbers_that_they_stand_for()
    {
        using var model = Linear(2, 1);
        model.LoadStateDict(new()
        {
            { "weight", TensorData.Of([1.5f, -448], 1, 2).To(ElementType.Float8E4M3FN) },
            { "bias", TensorData.Of([0.25f], 1).To(ElementType.Float8E5M2) },
        });
        Assert.Equal([1.5, -448, 0.25], Models.Values(model));
    }

    [Fact]
    public void Numbers_are_rounded_to_the_modules_type()
    {
        using var model = Linear(1, 1).to(bfloat16);
        model.LoadStateDict(new() { { "weight", TensorData.Of([1.0 + 1.0 / 512], 1, 1) }, { "bias", TensorData.Of([(Half)2], 1) } });
        Assert.Equal((1.0, 2.0), (Models.Values(model.weight!)[0], Models.Values(model.bias!)[0]));
        Assert.Equal(ScalarType.BFloat16, model.weight!.dtype);
    }

    [Theory]
    [InlineData("7.bias", "missing", "State '7.bias' is missing.")]
    [InlineData("9.bias", "float", "State '9.bias' must be a parameter or buffer of the module, which has: 0.weight, ")]
    [InlineData("8.weight", "float", "State '8.weight' must be [5] and real, but is tensor([3], Float32).")]
    [InlineData("8.bias", "text", "State '8.bias' must be a tensor, but is 'x'.")]
    [InlineData("8.num_batches_tracked", "float", "State '8.num_batches_tracked' must be [] and Int64, but is tensor([3], Float32).")]
    public void What_does_not_fit_is_refused_and_nothing_changes(string key, string value, string message)
    {
        using var model = ConvNet.Create();
        string before = ConvNet.Bits(model);
        var state = ConvNet.State("after");
        if (value == "missing")
            state.Remove(key);
        else
            state[key] = value == "float" ? TensorData.Of([1f, 2, 3], 3) : "x";
        Assert.StartsWith(message, Assert.Throws<StateDictException>(() => model.LoadStateDict(state)).Message);
        Assert.Equal(before, ConvNet.Bits(model));
    }

    [Fact]
    public void Unless_it_need_not_be_strict()
    {
        using var model = ConvNet.Create();
        var report = model.LoadStateDict(new() { { "7.bias", TensorData.Of([1f, 2, 3, 4, 5], 5) }, { "other", 1 } }, strict: false);
        Assert.Equal([1.0, 2, 3, 4, 5], model.StateDict().GetTensor("7.bias").ToDoubles());
        Assert.Equal(["7.bias"], report.Loaded);
        Assert.Equal(Keys.Except(["7.bias"]), report.Missing);
        Assert.Equal(["other"], report.Unexpected);
    }

    [Fact] // one meaning of strict: what does not fit is as good as missing
    public void A_replaced_head_stays_as_it_is()
    {
        using var from = Linear(2, 3);
        using var to = Linear(2, 4);
        double[] bias = Models.Values(to.bias!);
        var state = from.StateDict();
        state["weight"] = TensorData.Of(new float[8], 4, 2);
        var report = to.LoadStateDict(state, strict: false);
        Assert.Equal(["weight"], report.Loaded);
        Assert.Equal(new("bias", LoadOutcome.Kept, "bias", Reason: "must be [4] and real, but is tensor([3], Float32)"), report.Entries[1]);
        Assert.Equal(new double[8], Models.Values(to.weight!));
        Assert.Equal(bias, Models.Values(to.bias!));
        state["bias"] = "x";
        Assert.Throws<StateDictException>(() => to.LoadStateDict(state, strict: false)); // broken, not another head's
    }

    [Theory]
    [InlineData("module.", ". All names in the state begin with 'module.': load state.WithoutPrefix(\"module.\").")]
    [InlineData("_orig_mod.", ". All names in the state begin with '_orig_mod.': load state.WithoutPrefix(\"_orig_mod.\").")]
    [InlineData("", ". Its entry 'state_dict' has such names: load state.GetDict(\"state_dict\").")]
    [InlineData("model.", ". Its entry 'state_dict' has such names: load state.GetDict(\"state_dict\"). All names in the state begin with 'model.': load state.WithoutPrefix(\"model.\").")]
    public void Names_of_a_wrapped_model_or_a_whole_checkpoint_are_told_from_others(string prefix, string advice)
    {
        using var from = ConvNet.Create();
        using var to = ConvNet.Create();
        var state = prefix.Length > 0 ? from.StateDict().WithPrefix(prefix) : from.StateDict();
        if (prefix is "" or "model.")
            state = new() { { "epoch", 3 }, { "state_dict", state } };
        string before = ConvNet.Bits(to);
        Assert.EndsWith(advice, Assert.Throws<StateDictException>(() => to.LoadStateDict(state)).Message, StringComparison.Ordinal);
        string? warning = null;
        void Note(object? sender, WarningEventArgs e) => warning = ReferenceEquals(sender, to) ? e.Message : warning;
        Warnings.Raised += Note;
        try
        {
            Assert.Empty(to.LoadStateDict(state, strict: false).Loaded);
        }
        finally
        {
            Warnings.Raised -= Note;
        }
        Assert.Equal("Nothing was loaded into the module: no entry of the state dict has the name and shape of one of its tensors" + advice, warning);
        Assert.Equal(before, ConvNet.Bits(to));
        if (prefix is "module." or "_orig_mod.")
            Assert.True(to.LoadStateDict(state.WithoutPrefix(prefix)).IsComplete);
    }

    [Fact]
    public void An_averaged_model_tells_a_prefix_too()
    {
        using var model = Linear(2, 1);
        using var average = new AveragedModel<TorchSharp.Modules.Linear>(model);
        average.Update();
        var state = average.StateDict().WithPrefix("module.");
        Assert.EndsWith(". All names in the state begin with 'module.': load state.WithoutPrefix(\"module.\").", Assert.Throws<StateDictException>(() => average.LoadStateDict(state)).Message, StringComparison.Ordinal);
        average.LoadStateDict(state.WithoutPrefix("module."));
    }

    [Fact]
    public void Old_checkpoints_count_no_batches()
    {
        using var model = ConvNet.Create();
        var state = ConvNet.State("after");
        foreach (string layer in new[] { "1", "4", "8" })
            state.Remove($"{layer}.num_batches_tracked");
        model.LoadStateDict(state);
        Assert.Equal([1L], model.StateDict().GetTensor("8.num_batches_tracked").ToArray<long>());
    }

    [Fact]
    public void Shared_tensors_have_all_their_names()
    {
        using var model = new Tied();
        Assert.Equal(["a.weight", "b.weight"], model.StateDict().Keys.Select(k => k.Name));
        using var average = new AveragedModel<Tied>(model);
        average.Update();
        var state = average.StateDict();
        Assert.Equal(["n_averaged", "module.a.weight", "module.b.weight"], state.Keys.Select(k => k.Name));
        average.LoadStateDict(state);
        average.Update(model.StateDict());
        Assert.Equal(2, average.Count);
    }

    sealed class Tied : Module<Tensor, Tensor>
    {
        readonly TorchSharp.Modules.Linear a = Linear(2, 2, hasBias: false), b = Linear(2, 2, hasBias: false);

        public Tied() : base("tied")
        {
            b.weight = a.weight;
            RegisterComponents();
        }

        public override Tensor forward(Tensor x) => b.forward(a.forward(x));
    }

    [Fact]
    public void Tensors_of_every_type_go_there_and_back()
    {
        using var scope = NewDisposeScope();
        ScalarType[] types = [ScalarType.Bool, ScalarType.Byte, ScalarType.Int8, ScalarType.Int16, ScalarType.Int32, ScalarType.Int64, ScalarType.Float16, ScalarType.BFloat16, ScalarType.Float32, ScalarType.Float64, ScalarType.ComplexFloat32, ScalarType.ComplexFloat64];
        foreach (var type in types)
        {
            var tensor = arange(6).to_type(type).reshape(2, 3).transpose(0, 1); // not contiguous
            var data = tensor.ToTensorData();
            Assert.Equal([3L, 2], data.Shape.ToArray());
            Assert.True(data.ToTensor().equal(tensor).all().item<bool>(), type.ToString());
            Assert.Equal(type, data.ToTensor().dtype);
        }
        Assert.Equal(0, zeros(0, 2).ToTensorData().ToTensor().numel());
        Assert.Contains("sparse", Assert.Throws<ArgumentException>(() => eye(2).to_sparse().ToTensorData()).Message);
    }
}
