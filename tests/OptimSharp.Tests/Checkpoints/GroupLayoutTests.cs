namespace OptimSharp.Tests.Checkpoints;

/// <summary>State follows names into other groups; what one side alone has is refused, started fresh, kept or dropped.</summary>
public class GroupLayoutTests
{
    [Fact]
    public void Two_groups_become_one_when_their_options_are_the_same()
    {
        using var saved = Trained(new() { LearningRate = 0.1 }, ["a", "b"], ["c"]);
        using var one = Make(new() { LearningRate = 0.7 }, ["c", "a", "b"]);
        var report = one.LoadStateDict(saved.StateDict());
        Assert.True(report.IsComplete);
        Assert.Equal(0.1, one.ParameterGroups[0].LearningRate);
        foreach (string name in (string[])["a", "b", "c"])
            Same(saved, name, one, name);
        Assert.Equal(new("c", LoadOutcome.Loaded, "c", 0, 1), report.Entries[0]);
        Assert.Equal("3 loaded, 0 missing, 0 unexpected\n  loaded 'c' of group 0 from 'c' of group 1\n  loaded 'a' of group 0\n  loaded 'b' of group 0", report.ToString());
    }

    [Fact]
    public void Two_groups_with_other_options_do_not_become_one_unless_told_how()
    {
        using var saved = Trained(new() { LearningRate = 0.1 }, ["a"], ["b"]);
        saved.ParameterGroups[1].LearningRate = 0.5;
        var dict = saved.StateDict();
        using var one = Make(new() { LearningRate = 0.7 }, ["a", "b"]);
        string before = one.StateDict().ToString();
        Assert.Equal("State 'param_groups[1].param_names' has parameters of the optimizer's group 0, of which others are in the state's group 0: 'lr' is 0.1 and 0.5. RebuildGroups makes the state's groups; Keep leaves such options as they are.",
            Assert.Throws<StateDictException>(() => one.LoadStateDict(dict)).Message);
        Assert.Equal(before, one.StateDict().ToString());

        one.LoadStateDict(dict, new() { Keep = ["lr"] });
        Assert.Equal(0.7, one.ParameterGroups[0].LearningRate);
        Same(saved, "b", one, "b");

        var report = one.LoadStateDict(dict, new() { Strict = false });
        Assert.Equal(0.7, one.ParameterGroups[0].LearningRate);
        Assert.Equal(new("param_groups[0]", LoadOutcome.Kept, null, 0, null, "its parameters come from groups 0 and 1, of which 'lr' is 0.1 and 0.5"), report.Entries[0]);

        var old = one.ParameterGroups[0];
        report = one.LoadStateDict(dict, new() { RebuildGroups = true });
        Assert.True(report.IsComplete);
        Assert.Equal([0.1, 0.5], one.ParameterGroups.Select(g => g.LearningRate));
        Assert.Equal(["a", "b"], one.ParameterGroups.SelectMany(g => g.Parameters).Select(p => p.Name));
        Assert.Equal(dict.ToString(), one.StateDict().ToString());
        Assert.Throws<InvalidOperationException>(() => old.Options); // no longer the optimizer's
        TrainsOnAlike(saved, one);
    }

    [Fact]
    public void One_group_becomes_several()
    {
        using var saved = Trained(new() { LearningRate = 0.1 }, ["a", "b", "c"]);
        using var two = Make(new() { LearningRate = 0.7 }, ["b"], ["a", "c"]);
        Assert.True(two.LoadStateDict(saved.StateDict()).IsComplete);
        Assert.Equal([0.1, 0.1], two.ParameterGroups.Select(g => g.LearningRate));
        TrainsOnAlike(saved, two);
    }

    [Fact]
    public void Groups_that_were_added_during_training_are_made()
    {
        using var saved = Trained(new() { LearningRate = 0.1 }, ["head"]);
        saved.AddParameterGroup(new([Parameter.Of("body", new float[2])], o => o with { LearningRate = 0.001, WeightDecay = 0.5 }));
        saved.ParameterGroups[1].Extras["group_name"] = "thawed";
        Step(saved, 2);
        using var resumed = Make(new() { LearningRate = 0.1 }, ["head", "body"]);
        resumed.LoadStateDict(saved.StateDict(), new() { RebuildGroups = true });
        Assert.Equal(saved.StateDict().ToString(), resumed.StateDict().ToString());
        Assert.Equal(1, resumed.StateOf(Find(resumed, "body"))!.Step);
        Assert.Equal("thawed", resumed.ParameterGroups[1].Extras.GetString("group_name"));
        Assert.Contains("(parameter group 1)", Assert.ThrowsAny<ArgumentException>(() => resumed.ParameterGroups[1].LearningRate = -1).Message, StringComparison.Ordinal);
        TrainsOnAlike(saved, resumed);
        resumed.AddParameterGroup(new([Parameter.Of("more", new float[2])]));
        Assert.Throws<ArgumentException>(() => resumed.AddParameterGroup(new([Find(resumed, "body")])));
    }

    [Fact]
    public void Rebuilding_keeps_group_objects_that_are_as_they_were()
    {
        using var saved = Trained(new(), ["a"], ["b"]);
        using var same = Make(new() { LearningRate = 0.7 }, ["a"], ["b"]);
        var groups = same.ParameterGroups.ToArray();
        same.LoadStateDict(saved.StateDict(), new() { RebuildGroups = true });
        Assert.Equal(groups, same.ParameterGroups);
        Assert.Equal(saved.StateDict().ToString(), same.StateDict().ToString());
    }

    [Fact]
    public void A_scheduler_of_groups_that_became_fewer_steps_and_is_saved()
    {
        using var saved = Trained(new() { LearningRate = 0.1 }, ["a", "b"]);
        using var two = Make(new() { LearningRate = 0.7 }, ["a"], ["b"]);
        var scheduler = new OptimSharp.Schedulers.ExponentialLR(two, 0.5);
        two.LoadStateDict(saved.StateDict(), new() { RebuildGroups = true, Keep = ["lr"] });
        Assert.Equal([0.7], scheduler.BaseLearningRates);
        Step(two, 2);
        scheduler.Step();
        Assert.Equal(0.35, two.ParameterGroups[0].LearningRate);
        Assert.Equal("[0.7]", StateDict.Text(scheduler.StateDict()["base_lrs"]));
    }

    [Fact]
    public void Rebuilding_goes_by_position_without_names_and_needs_as_many()
    {
        using var saved = Trained(new() { LearningRate = 0.1 }, ["a", "b"], ["c"]);
        var dict = saved.StateDict();
        foreach (var group in dict.GetDicts("param_groups"))
            group.Remove("param_names");
        using var three = Make(new(), ["x", "y", "z"]);
        Assert.Equal("State 'param_groups' must have the optimizer's 1 groups, but has 2.", Assert.Throws<StateDictException>(() => three.LoadStateDict(dict, new() { Strict = false })).Message);
        three.LoadStateDict(dict, new() { RebuildGroups = true });
        Assert.Equal([2, 1], three.ParameterGroups.Select(g => g.Parameters.Count));
        Same(saved, "c", three, "z");
        using var four = Make(new(), ["w", "x"], ["y", "z"]);
        Assert.Equal("State 'param_groups' must have the optimizer's 4 parameters, but has 3, and without names on both sides nobody knows which.",
            Assert.Throws<StateDictException>(() => four.LoadStateDict(dict, new() { RebuildGroups = true, Strict = false })).Message);
    }

    [Fact]
    public void A_replaced_head_starts_fresh()
    {
        using var saved = Trained(new() { LearningRate = 0.1 }, ["body", "head"]);
        var dict = saved.StateDict();
        Adam Other() => new([Parameter.Of("body", new float[2]), Parameter.Of("head", new float[3])], new() { LearningRate = 0.7 });
        using var other = Other();
        string why = "must be [3] and real for parameter 'head' [3] Float32, but is tensor([2], Float32)";
        Assert.Equal($"State 'state.1.exp_avg' {why}.", Assert.Throws<StateDictException>(() => other.LoadStateDict(dict)).Message);
        Assert.Empty(other.StateDict().GetDict("state"));

        var report = other.LoadStateDict(dict, new() { Missing = MissingState.StartFresh });
        Assert.Equal([new("body", LoadOutcome.Loaded, "body", 0, 0), new("head", LoadOutcome.Fresh, "head", 0, 0, $"'exp_avg' {why}")], report.Entries);
        Assert.Equal("body head", string.Join(" ", report.Loaded.Concat(report.Missing)));
        Assert.Empty(report.Unexpected);
        Assert.Equal(0.1, other.ParameterGroups[0].LearningRate);
        Same(saved, "body", other, "body");
        Assert.Null(other.StateOf(Find(other, "head")));
        Step(other, 4);
        Assert.Equal((3, 1), (other.StateOf(Find(other, "body"))!.Step, other.StateOf(Find(other, "head"))!.Step));

        // Kept: its own state stays; started fresh: it goes.
        other.LoadStateDict(dict, new() { Missing = MissingState.Keep });
        Assert.Equal((2, 1), (other.StateOf(Find(other, "body"))!.Step, other.StateOf(Find(other, "head"))!.Step));
        other.LoadStateDict(dict, new() { Missing = MissingState.StartFresh });
        Assert.Null(other.StateOf(Find(other, "head")));
    }

    [Fact]
    public void A_head_with_a_new_name_stays_in_a_group_of_its_own()
    {
        using var saved = Trained(new() { LearningRate = 0.1 }, ["a", "b"], ["old"]);
        saved.ParameterGroups[1].LearningRate = 0.5;
        using var other = Make(new() { LearningRate = 0.7 }, ["a", "new", "b"]);
        var report = other.LoadStateDict(saved.StateDict(), new() { Missing = MissingState.StartFresh, Unexpected = UnexpectedState.Drop, RebuildGroups = true });
        Assert.Equal(["a b", "", "new"], other.ParameterGroups.Select(g => string.Join(" ", g.Parameters.Select(p => p.Name))));
        Assert.Equal([0.1, 0.5, 0.7], other.ParameterGroups.Select(g => g.LearningRate));
        Assert.Equal("a b | new | old", $"{string.Join(" ", report.Loaded)} | {string.Join(" ", report.Missing)} | {string.Join(" ", report.Unexpected)}");
        Assert.Equal(2, report.Entries.Single(e => e.Name == "new").Group);
    }

    [Fact]
    public void Dropped_layers_are_left_out_when_told()
    {
        using var saved = Trained(new() { LearningRate = 0.1 }, ["a", "b", "c"]);
        var dict = saved.StateDict();
        using var other = Make(new(), ["c", "a"]);
        string message = Assert.Throws<StateDictException>(() => other.LoadStateDict(dict)).Message;
        Assert.Equal("State 'param_groups[0].param_names' has 'b', no parameter of the optimizer (Unexpected says what becomes of it; ByPosition matches without names).", message);
        Assert.Throws<StateDictException>(() => other.LoadStateDict(dict, new() { Missing = MissingState.StartFresh }));
        var report = other.LoadStateDict(dict, new() { Unexpected = UnexpectedState.Drop });
        Assert.Equal([new("c", LoadOutcome.Loaded, "c", 0, 0), new("a", LoadOutcome.Loaded, "a", 0, 0), new("b", LoadOutcome.Dropped, "b", null, 0)], report.Entries);
        Same(saved, "c", other, "c");
    }

    [Fact]
    public void Not_strict_means_the_same_for_names_options_entries_and_shapes()
    {
        using var saved = Trained(new() { LearningRate = 0.1 }, ["a", "b"]);
        var dict = saved.StateDict();
        dict.GetDicts("param_groups")[0]["momentum"] = 0.9; // another optimizer's option
        dict.GetDicts("param_groups")[0].Remove("eps");
        dict.GetDict("state").GetDict(0)["momentum_buffer"] = TensorData.Of(new float[2], 2);
        dict.GetDict("state").GetDict(1).Remove("exp_avg_sq");
        dict.GetDict("state")[7] = new StateDict { { "step", 1 } };
        using var other = Make(new() { LearningRate = 0.7, Epsilon = 0.25 }, ["a", "b", "new"]);
        Step(other, 0);
        Step(other, 1);
        Step(other, 2);
        foreach (var strict in (LoadStateOptions[])[new(), new() { Missing = MissingState.StartFresh }, new() { Unexpected = UnexpectedState.Drop }])
        {
            string before = other.StateDict().ToString();
            Assert.Throws<StateDictException>(() => other.LoadStateDict(dict, strict));
            Assert.Equal(before, other.StateDict().ToString());
        }
        var report = other.LoadStateDict(dict, new() { Strict = false });
        Assert.Equal((0.1, 0.25), (other.ParameterGroups[0].LearningRate, other.ParameterGroups[0].Options.Epsilon));
        Assert.Equal((2, 3, 3), (other.StateOf(Find(other, "a"))!.Step, other.StateOf(Find(other, "b"))!.Step, other.StateOf(Find(other, "new"))!.Step));
        Assert.Equal(
            """
            1 loaded, 3 missing, 3 unexpected
              dropped 'param_groups[0].momentum'
              kept 'param_groups[0].eps' of group 0
              dropped 'state.0.momentum_buffer'
              loaded 'a' of group 0
              kept 'b' of group 0: 'exp_avg_sq' is missing
              kept 'new' of group 0
              dropped 'state.7'
            """, report.ToString());
        Assert.True(new LoadStateOptions { Strict = true }.Strict);
        Assert.False(new LoadStateOptions { Missing = MissingState.StartFresh }.Strict);
    }

    [Fact]
    public void What_is_broken_is_refused_also_when_not_strict()
    {
        Refused("State 'param_groups[0].lr' can't be loaded: LearningRate must be ≥ 0, but is -1.", d => d.GetDicts("param_groups")[0]["lr"] = -1);
        Refused("State 'state.0.step' must be a whole number ≥ 0, but is -1.", d => d.GetDict("state").GetDict(0)["step"] = -1);
        Refused("State 'state.0.exp_avg' must be a tensor, but is 'x'.", d => d.GetDict("state").GetDict(0)["exp_avg"] = "x");
        Refused("State 'param_groups' is missing.", d => d.Remove("param_groups"));

        static void Refused(string message, Action<StateDict> spoil)
        {
            using var saved = Trained(new() { LearningRate = 0.1 }, ["a"]);
            var dict = saved.StateDict();
            spoil(dict);
            using var other = Make(new(), ["a"]);
            string before = other.StateDict().ToString();
            foreach (bool rebuild in (bool[])[false, true])
                Assert.Equal(message, Assert.Throws<StateDictException>(() => other.LoadStateDict(dict, new() { Strict = false, RebuildGroups = rebuild })).Message);
            Assert.Equal(before, other.StateDict().ToString());
        }
    }

    [Fact]
    public void What_can_not_be_kept_of_groups_that_become_one_is_refused()
    {
        using var saved = Trained(new() { LearningRate = 0.1 }, ["a", "b"]);
        using var two = Make(new() { LearningRate = 0.7 }, ["a"], ["b"]);
        two.ParameterGroups[1].LearningRate = 0.8;
        Assert.Equal("State 'param_groups[0].param_names' has parameters of the optimizer's groups 0 and 1, of which 'lr' can't both be kept: it is 0.7 and 0.8.",
            Assert.Throws<StateDictException>(() => two.LoadStateDict(saved.StateDict(), new() { RebuildGroups = true, Keep = ["lr"] })).Message);
        two.ParameterGroups[1].LearningRate = 0.7;
        two.LoadStateDict(saved.StateDict(), new() { RebuildGroups = true, Keep = ["lr"] });
        Assert.Equal(0.7, Assert.Single(two.ParameterGroups).LearningRate);
    }

    [Fact]
    public void One_state_for_all_needs_all()
    {
        using var saved = new LBFGS([Parameter.Of("a", new float[2]), Parameter.Of("b", new float[2])]);
        using var other = new LBFGS([Parameter.Of("a", new float[2]), Parameter.Of("c", new float[2])]);
        Assert.Contains("lacks 'c'", Assert.Throws<StateDictException>(() => other.LoadStateDict(saved.StateDict(), new() { Strict = false })).Message, StringComparison.Ordinal);
        using var turned = new LBFGS([Parameter.Of("b", new float[2]), Parameter.Of("a", new float[2])]);
        Assert.Contains("must be in the optimizer's order, because LBFGS has one state", Assert.Throws<StateDictException>(() => turned.LoadStateDict(saved.StateDict(), new() { Strict = false, RebuildGroups = true })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void When_nothing_fits_a_warning_says_so()
    {
        using var saved = Trained(new() { LearningRate = 0.1 }, ["a", "b"]);
        using var other = Make(new(), ["a", "b"]);
        var warnings = Schedulers.Bench.Warnings(() => other.LoadStateDict(saved.StateDict().WithPrefix("_orig_mod."), new() { Strict = false }), s => s == other);
        Assert.Equal("Adam has loaded no parameter's state: no name in the state dict is one of its own. All names in the state begin with '_orig_mod.': load state.WithoutPrefix(\"_orig_mod.\").", Assert.Single(warnings));
    }

    static Adam Make(AdamOptions options, params string[][] groups) =>
        new([.. groups.Select(names => new ParameterGroup<AdamOptions>(names.Select(name => (Parameter)Parameter.Of(name, new float[2]))))], options);

    static Adam Trained(AdamOptions options, params string[][] groups)
    {
        var optimizer = Make(options, groups);
        Step(optimizer, 0);
        Step(optimizer, 1);
        return optimizer;
    }

    /// <summary>Gradients that depend on the name and the step.</summary>
    static void Step(Adam optimizer, int step)
    {
        foreach (var p in optimizer.ParameterGroups.SelectMany(g => g.Parameters).Cast<Parameter<float>>())
            p.Gradient = Enumerable.Range(0, (int)p.Count).Select(i => (float)Math.Sin(p.Name[0] + 3 * step + i)).ToArray();
        optimizer.Step();
    }

    static Parameter<float> Find(Adam optimizer, string name) => (Parameter<float>)optimizer.ParameterGroups.SelectMany(g => g.Parameters).Single(p => p.Name == name);

    static void Same(Adam saved, string from, Adam loaded, string to) =>
        Assert.Equal(saved.StateOf(Find(saved, from))!.Tensor("exp_avg"), loaded.StateOf(Find(loaded, to))!.Tensor("exp_avg"));

    static void TrainsOnAlike(Adam saved, Adam loaded)
    {
        foreach (var p in saved.ParameterGroups.SelectMany(g => g.Parameters).Cast<Parameter<float>>())
            p.Values.CopyTo(Find(loaded, p.Name).Values);
        Step(saved, 3);
        Step(loaded, 3);
        foreach (var p in saved.ParameterGroups.SelectMany(g => g.Parameters).Cast<Parameter<float>>())
            Assert.Equal(p.Values.ToArray(), Find(loaded, p.Name).Values.ToArray());
    }
}
