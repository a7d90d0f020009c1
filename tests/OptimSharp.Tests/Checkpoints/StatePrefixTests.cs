namespace OptimSharp.Tests.Checkpoints;

/// <summary>Names that wrappers put something in front of.</summary>
public class StatePrefixTests
{
    [Fact]
    public void Keys_lose_and_get_a_prefix_and_the_original_stays()
    {
        var metadata = new StateDict { { "", 1 }, { "module", 2 }, { "module.a", 3 } };
        var state = new StateDict { PythonType = "collections.OrderedDict", Attributes = new() { { "_metadata", metadata } } };
        state["module.a.weight"] = TensorData.Of([1f], 1);
        state["step"] = 7;
        string before = state.ToString();
        var bare = state.WithoutPrefix("module.");
        Assert.Equal(["a.weight", "step"], bare.Keys.Select(k => k.Name));
        Assert.Equal("collections.OrderedDict", bare.PythonType);
        Assert.Equal("{: 2, a: 3}", bare.Attributes!.GetDict("_metadata").ToString()); // what torch.nn.modules.utils.consume_prefix_in_state_dict_if_present leaves
        Assert.Equal(["module.a.weight", "module.step"], bare.WithPrefix("module.").Keys.Select(k => k.Name));
        Assert.Equal("{module: 2, module.a: 3}", bare.WithPrefix("module.").Attributes!.GetDict("_metadata").ToString());
        Assert.Equal(before, state.ToString());
        Assert.Equal("{: 1, module: 2, module.a: 3}", metadata.ToString());
        Assert.Equal("Two names of the state would be 'a'. (Parameter 'state')",
            Assert.Throws<ArgumentException>(() => new StateDict { { "a", 1 }, { "module.a", 2 } }.WithoutPrefix("module.")).Message);
        Assert.Throws<ArgumentException>(() => state.WithPrefix(""));
    }

    [Fact]
    public void In_an_optimizers_state_names_are_those_of_parameters()
    {
        using var optimizer = new SGD([Parameter.Of("module.w", new float[1])], new() { Momentum = 0.9 });
        var state = optimizer.StateDict();
        Assert.Equal("['w']", StateDict.Text(state.WithoutPrefix("module.").GetDicts("param_groups")[0]["param_names"]));
        Assert.Equal(0.9, state.WithoutPrefix("m").GetDicts("param_groups")[0].GetDouble("momentum")); // options are none
        var named = new StateDict { { "state", new StateDict { { "module.w", new StateDict { { "step", 1 } } } } }, { "param_groups", new[] { new StateDict { { "params", new[] { "module.w" } } } } } };
        Assert.Equal("{state: {w: {step: 1}}, param_groups: [{params: ['w']}]}", named.WithoutPrefix("module.").ToString());
    }

    [Fact]
    public void An_averages_names_are_those_after_its_own_prefix()
    {
        using var average = new AveragedParameters([Parameter.Of("w", new float[1]), Parameter.Of("b", new float[1])]);
        average.Update();
        var state = average.StateDict();
        var wrapped = state.WithPrefix("module.");
        Assert.Equal(["n_averaged", "module.module.w", "module.module.b"], wrapped.Keys.Select(k => k.Name));
        string message = Assert.Throws<StateDictException>(() => average.LoadStateDict(wrapped)).Message;
        Assert.EndsWith(". All names in the state begin with 'module.': load state.WithoutPrefix(\"module.\").", message, StringComparison.Ordinal);
        average.LoadStateDict(wrapped.WithoutPrefix("module."));

        var bare = state.WithoutPrefix("module."); // a model's, not an average's
        message = Assert.Throws<StateDictException>(() => average.LoadStateDict(bare)).Message;
        Assert.EndsWith(". Names in the state lack the prefix 'module.': load state.WithPrefix(\"module.\").", message, StringComparison.Ordinal);
        average.LoadStateDict(bare.WithPrefix("module."));
        Assert.Equal(1, average.Count);
        message = Assert.Throws<StateDictException>(() => average.LoadStateDict(new() { { "ema", state } })).Message;
        Assert.EndsWith(". Its entry 'ema' has such names: load state.GetDict(\"ema\").", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("model.a model.b", "a b", "model.", null)]
    [InlineData("model.net.a model.net.b", "a b", "model.net.", null)]
    [InlineData("_orig_mod.net.a _orig_mod.net.b", "net.a net.b", "_orig_mod.", null)]
    [InlineData("a b", "module.a module.b module.c", null, "module.")]
    [InlineData("model.a b", "a b", null, null)] // not all have it
    [InlineData("a.x a.y", "b.x c.y", null, null)]
    [InlineData("a", "a", null, null)]
    public void The_advice_names_a_prefix_that_all_have(string theirs, string ours, string? off, string? on)
    {
        string expected = off is not null ? $". All names in the state begin with '{off}': load state.WithoutPrefix(\"{off}\")"
            : on is not null ? $". Names in the state lack the prefix '{on}': load state.WithPrefix(\"{on}\")" : "";
        Assert.Equal(expected, StatePrefix.Advice(theirs.Split(' '), ours.Split(' ')));
    }
}
