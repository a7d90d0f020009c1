namespace OptimSharp.Tests.Checkpoints;

/// <summary>A state of which nothing is of use: what loading says of it.</summary>
public class LenientLoadTests
{
    // SGD's one state is optional: none is missing.
    [Theory]
    [InlineData(MissingState.Refuse, LoadOutcome.Fresh)]
    [InlineData(MissingState.StartFresh, LoadOutcome.Fresh)]
    [InlineData(MissingState.Keep, LoadOutcome.Kept)]
    public void A_parameter_whose_entries_were_all_dropped_is_not_loaded(MissingState missing, LoadOutcome outcome)
    {
        using var saved = Stepped(p => new Adam(p));
        using var other = Stepped(p => new SGD(p, new() { Momentum = 0.9 }));
        var parameter = other.ParameterGroups[0].Parameters[0];
        double[] before = other.StateOf(parameter)!.Tensor("momentum_buffer");
        var dict = saved.StateDict();
        dict["param_groups"] = other.StateDict()["param_groups"]; // their options are not what this is about
        LoadReport? report = null;
        var warnings = Schedulers.Bench.Warnings(() => report = other.LoadStateDict(dict, new() { Missing = missing, Unexpected = UnexpectedState.Drop }), s => s == other);
        Assert.Equal(["step", "exp_avg", "exp_avg_sq"], report!.Entries.Where(e => e.Outcome == LoadOutcome.Dropped).Select(e => e.From));
        Assert.Empty(report.Loaded);
        Assert.False(report.IsComplete);
        Assert.Equal((outcome, "it has 'step', and nothing that SGD remembers"), report.Entries.Where(e => e.Name == "w").Select(e => (e.Outcome, e.Reason)).Single());
        Assert.Equal("SGD has loaded no parameter's state: none fits. Of the first, it has 'step', and nothing that SGD remembers.", Assert.Single(warnings));
        Assert.Equal(outcome == LoadOutcome.Kept ? before : null, other.StateOf(parameter)?.Tensor("momentum_buffer"));
    }

    [Fact]
    public void What_has_one_entry_of_use_is_loaded()
    {
        using var saved = Stepped(p => new SGD(p, new() { Momentum = 0.9 }));
        using var other = Stepped(p => new SGD(p, new() { Momentum = 0.9 }));
        var dict = saved.StateDict();
        dict.GetDict("state").GetDict(0)["more"] = 1.0;
        LoadReport? report = null;
        Assert.Empty(Schedulers.Bench.Warnings(() => report = other.LoadStateDict(dict, new() { Strict = false }), s => s == other));
        Assert.Equal(["w"], report!.Loaded);
        Assert.Equal(["state.0.more"], report.Unexpected);
    }

    [Theory]
    [InlineData("func_evals")]
    [InlineData("n_iter")]
    public void A_count_that_is_not_whole_is_refused_by_name(string key)
    {
        using var optimizer = new LBFGS([Parameter.Of("w", new double[] { 1 })]);
        optimizer.Step(() => 0.0);
        var state = optimizer.StateDict();
        foreach (object value in new object[] { 1.5, TensorData.Of(new[] { 1.5 }, []) })
        {
            state.GetDict("state").GetDict(0)[key] = value;
            Assert.Equal($"State 'state.0.{key}' must be a whole number ≥ 0, but is 1.5.", Assert.Throws<StateDictException>(() => optimizer.LoadStateDict(state)).Message);
        }
    }

    static Optimizer Stepped(Func<Parameter[], Optimizer> make)
    {
        var w = Parameter.Of("w", new float[] { 1, 2 });
        var optimizer = make([w]);
        w.Gradient = new float[] { 1, 2 };
        optimizer.Step();
        return optimizer;
    }
}
