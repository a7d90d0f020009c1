using OptimSharp.Schedulers;

namespace OptimSharp.Tests.Checkpoints;

/// <summary>States that other programs made (tools/fixtures/make_states.py) load, and go on as PyTorch does.</summary>
public class StatesFromElsewhereTests
{
    static readonly string[] Names = ["0.weight", "0.bias", "2.weight", "2.bias"];

    [Fact] // timm's and MMEngine's groups
    public void Keys_of_groups_that_no_optimizer_has_are_kept_as_extras()
    {
        var saved = Read("timm");
        var p = Parameters(saved.GetDict("model"));
        using var optimizer = new SGD([new([p[0], p[2]]), new([p[1], p[3]])]);
        Assert.True(optimizer.LoadStateDict(saved.GetDict("optimizer")).IsComplete);

        var extras = optimizer.ParameterGroups[1].Extras;
        Assert.Equal("{lr_scale: 0.5, group_name: 'layer_0_no_decay', fix_step: null}", extras.ToString());
        Assert.Contains("    group_name: layer_0_decay\n    lr: 0.1\n    lr_scale: 0.75\n    maximize: false\n", optimizer.ToString(), StringComparison.Ordinal);
        Assert.Equal("State 'param_groups' is missing, but the entry 'optimizer' has it: load state.GetDict(\"optimizer\").", Assert.Throws<StateDictException>(() => optimizer.LoadStateDict(saved)).Message);
        Assert.Equal(0.75, optimizer.ParameterGroups[0].Extras.GetDouble("lr_scale"));
        Assert.Equal("layer_0_no_decay", optimizer.StateDict().GetDicts("param_groups")[1].GetString("group_name"));
        Step(p, 2);
        optimizer.Step();
        SameWeights(saved.GetDict("next"), p, 1e-6);
    }

    [Fact]
    public void Extras_are_read_written_and_saved_by_their_names()
    {
        using var optimizer = new SGD([Parameter.Of("p", new float[1])]);
        var extras = optimizer.ParameterGroups[0].Extras;
        extras["lr_scale"] = 0.5f;
        extras["tags"] = new object[] { "a", 1, true };
        extras["more"] = new StateDict { { "x", 1 } };
        using var other = new SGD([Parameter.Of("p", new float[1])]);
        var saved = optimizer.StateDict();
        other.LoadStateDict(saved);
        Assert.Equal("{lr_scale: 0.5, tags: ['a', 1, true], more: {x: 1}}", other.ParameterGroups[0].Extras.ToString());
        saved.GetDicts("param_groups")[0].GetDict("more")["x"] = 2;
        extras.GetDict("more")["x"] = 3;
        Assert.Equal(1, other.ParameterGroups[0].Extras.GetDict("more").GetInt64("x")); // copies

        // As in PyTorch the file's take the place of all; those to keep stay.
        saved.GetDicts("param_groups")[0].Remove("tags");
        other.ParameterGroups[0].Extras["lr_scale"] = 0.25;
        other.LoadStateDict(saved, new() { Keep = ["lr_scale"] });
        Assert.Equal(["more", "lr_scale"], other.ParameterGroups[0].Extras.Keys.Select(k => k.Name));
        Assert.Equal(0.25, other.ParameterGroups[0].Extras.GetDouble("lr_scale"));
        Assert.Contains("swa_lr, max_momentum, base_momentum, more, lr_scale.", Assert.Throws<ArgumentException>(() => other.LoadStateDict(saved, new() { Keep = ["rate"] })).Message, StringComparison.Ordinal);

        foreach (string taken in (string[])["momentum", "params", "betas", "foreach"])
        {
            extras[taken] = 1;
            Assert.Contains($"An extra of parameter group 0 is named '{taken}'", Assert.Throws<InvalidOperationException>(optimizer.StateDict).Message, StringComparison.Ordinal);
            extras.Remove(taken);
        }
        Assert.Throws<StateDictException>(() => extras["date"] = DateTime.Now);
    }

    [Fact]
    public void Extras_of_yours_stay_when_a_scheduler_is_loaded()
    {
        using var optimizer = new SGD([Parameter.Of("p", new float[1])]);
        var scheduler = new StepLR(optimizer, 2);
        optimizer.ParameterGroups[0].Extras["lr_scale"] = 0.5;
        scheduler.LoadStateDict(scheduler.StateDict());
        Assert.Equal(0.5, optimizer.ParameterGroups[0].Extras.GetDouble("lr_scale"));
    }

    [Fact]
    public void The_options_of_every_optimizer_are_known()
    {
        foreach (var type in OptimSharp.Conformance.OptimizerDriver.PublicOptimizers)
        {
            using var optimizer = OptimSharp.Conformance.OptimizerDriver.For(type).Create([Parameter.Of("p", new float[4], 2, 2)], []);
            using var other = type == typeof(SGD) ? (Optimizer)new Adam([Parameter.Of("p", new float[4], 2, 2)]) : new SGD([Parameter.Of("p", new float[4], 2, 2)]);
            foreach (string key in optimizer.ParameterGroups[0].OptionKeys)
                Assert.False(GroupReader.CanBeExtra(other.ParameterGroups[0], key), $"{type.Name}'s {key} is not in GroupReader.OptionsOfAll");
        }
    }

    [Fact] // torch.distributed.checkpoint's and FSDP's full state dict
    public void A_state_by_names_is_loaded_by_name()
    {
        var saved = Read("named");
        var p = Parameters(saved.GetDict("model"));
        using var optimizer = new Adam([new([p[1], p[0]]), new([p[2], p[3]])]); // in another order
        Assert.True(optimizer.LoadStateDict(saved.GetDict("optimizer")).IsComplete);
        Assert.Equal([0.01, 0.05], optimizer.ParameterGroups.Select(g => g.LearningRate));
        Step(p, 2);
        optimizer.Step();
        SameWeights(saved.GetDict("next"), p, 1e-6);

        // A wrapped model's
        var prefixed = saved.GetDict("optimizer").WithPrefix("module.");
        string before = optimizer.StateDict().ToString();
        Assert.EndsWith(". All names in the state begin with 'module.': load state.WithoutPrefix(\"module.\").", Assert.Throws<StateDictException>(() => optimizer.LoadStateDict(prefixed)).Message, StringComparison.Ordinal);
        Assert.Equal(before, optimizer.StateDict().ToString());
        optimizer.LoadStateDict(prefixed.WithoutPrefix("module."));
        Assert.Equal(2, optimizer.StateOf(p[3])!.Step);

        // Without names of ours, the order decides
        using var unnamed = new Adam([new([Parameter.Of("", new float[6], 2, 3), Parameter.Of("", new float[2])]), new([Parameter.Of("", new float[4], 2, 2), Parameter.Of("", new float[2])])]);
        unnamed.LoadStateDict(saved.GetDict("optimizer"));
        Assert.Equal(saved.GetDict("optimizer").GetDict("state").GetDict("2.bias").GetTensor("exp_avg").ToDoubles(), unnamed.StateOf(unnamed.ParameterGroups[1].Parameters[1])!.Tensor("exp_avg"));
    }

    [Theory] // Hugging Face's Trainer
    [InlineData("LambdaLR")]
    [InlineData("MultiplicativeLR")]
    public void A_schedule_of_a_partial_function_has_no_state_of_it(string name)
    {
        var saved = Read("partial").GetDict(name);
        using var optimizer = new SGD([Parameter.Of("", new float[1])], new() { LearningRate = 0.1, Momentum = 0.9 });
        Func<long, double> halves = epoch => 1 / (1 + epoch / 4.0);
        LRScheduler scheduler = name == "LambdaLR" ? new LambdaLR(optimizer, halves) : new MultiplicativeLR(optimizer, halves);
        optimizer.LoadStateDict(saved.GetDict("optimizer"));
        scheduler.LoadStateDict(saved.GetDict("scheduler"));
        Assert.Equal(4, scheduler.LastEpoch);
        GoesOn(saved, scheduler);
    }

    [Fact]
    public void Tensors_of_one_element_are_numbers()
    {
        var saved = Read("tensor_rate");
        using var optimizer = new SGD([Parameter.Of("", new float[1])], new() { LearningRate = 0.3, Momentum = 0.9 });
        var scheduler = new CosineAnnealingLR(optimizer, 10);
        scheduler.LoadStateDict(saved.GetDict("scheduler"));
        optimizer.LoadStateDict(saved.GetDict("optimizer"));
        Assert.Equal([0.1], scheduler.BaseLearningRates);
        Assert.Equal(0.1, optimizer.ParameterGroups[0].InitialLearningRate);
        GoesOn(saved, scheduler);

        var scaler = new GradScaler();
        scaler.LoadStateDict(new()
        {
            { "scale", One(8) }, { "growth_factor", One(2) }, { "backoff_factor", One(0.5) }, { "growth_interval", TensorData.Of([100L], 1) }, { "_growth_tracker", TensorData.Of([3], []) },
        });
        Assert.Equal("GradScaler (scale 8, 3 of 100 steps to the next growth)", scaler.ToString());
        var plateau = new ReduceLROnPlateau(optimizer);
        var state = plateau.StateDict();
        (state["best"], state["num_bad_epochs"], state["min_lrs"]) = (One(0.25), TensorData.Of([4L], []), new object[] { One(0.01) });
        state["default_min_lr"] = One(0.01);
        plateau.LoadStateDict(state);
        Assert.Equal((0.25, 4, 0.01), (plateau.Best, plateau.BadEpochs, plateau.MinLR[0]));
        var steps = new MultiStepLR(optimizer, [1]);
        var counter = new StateDict { { 5, TensorData.Of([2L], []) } };
        steps.LoadStateDict(new() { { "milestones", counter }, { "gamma", One(0.5) }, { "base_lrs", new object[] { One(0.1) } }, { "last_epoch", One(3) } });
        Assert.Equal([5, 5], steps.Milestones);
        Assert.Throws<StateDictException>(() => new StateDict { { "x", TensorData.Of([1.0, 2], 2) } }.GetDouble("x"));
        Assert.Throws<StateDictException>(() => new StateDict { { "x", TensorData.Of(new Complex64[1], 1) } }.GetDouble("x"));

        static TensorData One(double x) => TensorData.Of([x], []);
    }

    public static StateDict Read(string name) => Checkpoint.Load(Path.Combine(FixtureTests.Folder, "states", name + ".pt"));

    static Parameter<float>[] Parameters(StateDict model) =>
        [.. Names.Select(name => Parameter.Of(name, model.GetTensor(name).ToArray<float>(), model.GetTensor(name).Shape))];

    /// <summary>The gradients of make_states.py.</summary>
    static void Step(Parameter<float>[] parameters, int number)
    {
        foreach (var (i, p) in parameters.Index())
            p.Gradient = Enumerable.Range(0, (int)p.Count).Select(k => (float)Math.Cos(k + number + i)).ToArray();
    }

    static void SameWeights(StateDict expected, Parameter<float>[] parameters, double tolerance)
    {
        foreach (var p in parameters)
        {
            foreach (var (wanted, found) in expected.GetTensor(p.Name).ToDoubles().Zip(p.Values.ToArray()))
                Assert.Equal(wanted, found, tolerance);
        }
    }

    static void GoesOn(StateDict saved, LRScheduler scheduler)
    {
        foreach (double rate in saved.GetDoubles("next"))
        {
            scheduler.Optimizer.Step();
            scheduler.Step();
            Assert.Equal(rate, scheduler.Optimizer.ParameterGroups[0].LearningRate, 1e-12);
        }
    }

    [Fact] // names that are not all different: the numbers of the places decide, but not against the names
    public void Names_that_occur_twice_are_not_taken_for_others()
    {
        using var saved = Of(("w", "v"), ("w", "v"));
        using SGD same = Of(("w", "v"), ("w", "v")), other = Of(("w", "w"), ("v", "v"));
        var state = saved.StateDict();
        Assert.True(same.LoadStateDict(state).IsComplete);
        Assert.Equal("State 'param_groups[0].param_names' has 'v' at the place of 'w', a parameter of the optimizer's group 0, and not all names are different, so that they don't say which is which (ByPosition matches without names).",
            Assert.Throws<StateDictException>(() => other.LoadStateDict(state)).Message);
        Assert.True(other.LoadStateDict(state, new() { ByPosition = true }).IsComplete);

        static SGD Of(params (string First, string Second)[] groups) =>
            new([.. groups.Select(g => new ParameterGroup<SGDOptions>([Parameter.Of(g.First, new float[1]), Parameter.Of(g.Second, new float[1])]))]);
    }
}
