using System.Text.Json;
using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Schedulers;

namespace OptimSharp.Tests.Checkpoints;

public class OptimizerStateDictTests
{
    const int Steps = 6;

    public static TheoryData<Type> Optimizers => [.. OptimizerDriver.PublicOptimizers];

    [Theory] // test_state_dict_deterministic
    [MemberData(nameof(Optimizers))]
    public void Resuming_at_any_step_gives_the_same_bits(Type type)
    {
        foreach (var (options, sparse) in Samples(type))
        {
            var (whole, wanted) = Start(type, options, sparse);
            for (int step = 0; step < Steps; step++)
                Step(wanted, whole, step, sparse);
            string expected = Text(wanted.StateDict()), values = Text(whole);
            for (int k = 0; k <= Steps; k++)
            {
                var (parameters, optimizer) = Start(type, options, sparse);
                for (int step = 0; step < k; step++)
                    Step(optimizer, parameters, step, sparse);
                var (copies, resumed) = Start(type, [], sparse);
                foreach (var (copy, parameter) in copies.Zip(parameters))
                    parameter.Values.CopyTo(copy.Values);
                var saved = optimizer.StateDict();
                resumed.LoadStateDict(saved);
                Assert.Equal(Text(saved), Text(resumed.StateDict()));
                optimizer.Dispose();
                for (int step = k; step < Steps; step++)
                    Step(resumed, copies, step, sparse);
                Assert.Equal(values, Text(copies));
                Assert.Equal(expected, Text(resumed.StateDict()));
                resumed.Dispose();
            }
            wanted.Dispose();
        }
    }

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void The_state_has_the_entries_that_are_named_and_no_others(Type type)
    {
        foreach (var (options, sparse) in Samples(type))
        {
            var (parameters, optimizer) = Start(type, options, sparse);
            Step(optimizer, parameters, 0, sparse);
            Step(optimizer, parameters, 1, sparse);
            var states = optimizer.StateDict().GetDict("state");
            for (int i = 0; i < parameters.Length; i++)
            {
                var state = optimizer.StateOf(parameters[i]);
                string[] live = state is null ? [] : [.. state.TensorKeys, .. state.ScalarKeys, .. state.ListKeys, .. state.Step > 0 ? ["step"] : Array.Empty<string>()];
                Assert.Equal(live.Order(), states.ContainsKey(i) ? states.GetDict(i).Keys.Select(x => x.ToString()).Order() : []);
            }
            optimizer.Dispose();
        }
    }

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void The_keys_of_a_state_are_PyTorchs(Type type)
    {
        var files = GoldenFiles.Own().Select(f => f.File).Where(f => string.Equals(Path.GetFileName(Path.GetDirectoryName(f)), type.Name, StringComparison.OrdinalIgnoreCase));
        foreach (string file in files)
        {
            using var document = JsonDocument.Parse(File.ReadAllText(file));
            if (document.RootElement.GetProperty("kind").GetString() != "optimizer" || document.RootElement.GetProperty("optimizer").GetString() != type.Name)
                continue;
            foreach (var state in document.RootElement.GetProperty("steps").EnumerateArray().SelectMany(s => s.GetProperty("state").EnumerateArray()))
            {
                string[] keys = [.. state.EnumerateObject().Select(p => p.Name)];
                using var optimizer = OptimizerDriver.For(type).Create([keys.Contains("variance") ? Parameter.Of("p", new float[2]) : Matrix("p", 2, 2)], []);
                string[] ours = [.. optimizer.EntriesOf(optimizer.ParameterGroups[0].Parameters[0]).Select(e => e.Key)];
                Assert.Equal(ours.Where(keys.Contains), keys); // PyTorch's order, too
            }
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void With_a_scheduler_in_either_order(bool optimizerFirst)
    {
        (Func<Optimizer, LRScheduler> Make, string Name)[] schedulers =
            [(o => new StepLR(o, 2, 0.5), "step"), (o => new OneCycleLR(o, 0.1, 10), "cycle"), (o => new SequentialLR(o, [new LinearLR(o), new ExponentialLR(o, 0.9)], [3]), "sequence")];
        foreach (var (make, _) in schedulers)
        {
            var (whole, wanted) = Start(typeof(AdamW), [], false);
            var scheduler = make(wanted);
            Train(wanted, scheduler, whole, 0, Steps);
            for (int k = 1; k < Steps; k++)
            {
                var (parameters, first) = Start(typeof(AdamW), [], false);
                var firstScheduler = make(first);
                Train(first, firstScheduler, parameters, 0, k);
                var (saved, savedScheduler) = (first.StateDict(), firstScheduler.StateDict());

                var second = OptimizerDriver.For(typeof(AdamW)).Create(parameters, []);
                if (optimizerFirst)
                    second.LoadStateDict(saved);
                var resumed = make(second);
                resumed.LoadStateDict(savedScheduler);
                if (!optimizerFirst)
                    second.LoadStateDict(saved);
                Assert.Equal(Text(saved), Text(second.StateDict()));
                Train(second, resumed, parameters, k, Steps);
                Assert.Equal(Text(whole), Text(parameters));
                Assert.Equal(Text(wanted.StateDict()), Text(second.StateDict()));
            }
        }

        static void Train(Optimizer optimizer, LRScheduler scheduler, Parameter<float>[] parameters, int from, int to)
        {
            for (int step = from; step < to; step++)
            {
                Step(optimizer, parameters, step, false);
                scheduler.Step();
            }
        }
    }

    [Fact]
    public void The_structure_is_PyTorchs()
    {
        using var optimizer = Trained(out _);
        Assert.Equal(
            "{state: {0: {step: 2, exp_avg: tensor([2, 3], Float32), exp_avg_sq: tensor([2, 3], Float32)}, 1: {step: 2, exp_avg: tensor([2], Float32), exp_avg_sq: tensor([2], Float32)}}, " +
            "param_groups: [{amsgrad: false, betas: (0.9, 0.999), decoupled_weight_decay: false, eps: 1E-08, lr: 0.1, maximize: false, weight_decay: 0, param_names: ['w'], params: [0]}, " +
            "{amsgrad: false, betas: (0.9, 0.999), decoupled_weight_decay: false, eps: 1E-08, lr: 0.5, maximize: false, weight_decay: 0, param_names: ['b'], params: [1]}]}",
            optimizer.StateDict().ToString());
        using var unnamed = new SGD([Parameter.Of("", new float[1])]);
        Assert.False(unnamed.StateDict().GetDicts("param_groups")[0].ContainsKey("param_names"));
        using var lbfgs = new LBFGS([Parameter.Of("p", new float[1])]);
        Assert.Equal(25, lbfgs.StateDict().GetDicts("param_groups")[0].GetInt64("max_eval"));
    }

    [Fact]
    public void Nothing_is_shared()
    {
        using var optimizer = Trained(out var parameters);
        var saved = optimizer.StateDict();
        string before = Text(saved);
        Step(optimizer, parameters, 5, false);
        Assert.Equal(before, Text(saved));
        using var other = Adam();
        other.LoadStateDict(saved);
        saved.GetDict("state").GetDict(0)["step"] = 99;
        saved.GetDict("state").GetDict(0)["exp_avg"] = null;
        saved.GetDicts("param_groups")[0]["lr"] = 7;
        saved.Remove("state");
        Assert.Equal(before, Text(other.StateDict()));
        var tensor = TensorData.Of(new float[] { 1, 2 }, 2);
        tensor.ToArray<float>()[0] = 9;
        tensor.ToDoubles()[0] = 9;
        Assert.Equal([1, 2], tensor.ToDoubles());
    }

    [Fact]
    public void What_does_not_fit_is_refused_by_path_and_nothing_changes()
    {
        Refused("State 'state' is missing.", d => d.Remove("state"));
        Refused("State 'param_groups' is missing.", d => d.Remove("param_groups"));
        Refused("State 'param_groups' must have the optimizer's 2 groups, but has 1.", d => { Unname(d); d["param_groups"] = d.GetDicts("param_groups")[..1]; });
        Refused("State 'param_groups[0].param_names' lacks 'b', a parameter of the optimizer's group (Missing says what becomes of it; ByPosition matches without names).", d => d["param_groups"] = d.GetDicts("param_groups")[..1]);
        Refused("State 'param_groups[1].params' must have the 1 parameters of the optimizer's group, but has 2.", d => { Unname(d); d.GetDicts("param_groups")[1]["params"] = new[] { 1, 2 }; });
        Refused("State 'param_groups[1].params[0]' must be a whole number or a name, but is true.", d => d.GetDicts("param_groups")[1]["params"] = new[] { true });
        Refused("State 'state.1' must be the state of a parameter that a group has, but is {step: 2, exp_avg: tensor([2], Float32), exp_avg_sq: tensor([2], Float32)}.", d => { d.GetDicts("param_groups")[1]["params"] = new[] { "b" }; State(d)["step"] = 2; });
        Refused("State 'param_groups[1].param_names' must have 1 names, as many as there are parameters, but has 2.", d => d.GetDicts("param_groups")[1]["param_names"] = new[] { "b", "c" });
        Refused("State 'param_groups[1].param_names' lacks 'b', a parameter of the optimizer's group (Missing says what becomes of it; ByPosition matches without names).", d => d.GetDicts("param_groups")[1]["param_names"] = new[] { "c" });
        Refused("State 'param_groups[1].momentum' is an option that the optimizer does not have; it has: amsgrad, betas, caution, decoupled_weight_decay, eps, lr, maximize, weight_decay.", d => d.GetDicts("param_groups")[1]["momentum"] = 0.9);
        Refused("State 'param_groups[1].lr' is missing.", d => d.GetDicts("param_groups")[1].Remove("lr"));
        Refused("State 'param_groups[1].lr' can't be loaded: LearningRate must be ≥ 0, but is -1.", d => d.GetDicts("param_groups")[1]["lr"] = -1);
        Refused("State 'param_groups[1].betas' can't be loaded: Betas ('betas') is of type ValueTuple`2 and cannot be fast.", d => d.GetDicts("param_groups")[1]["betas"] = "fast");
        Refused("State 'param_groups[1].initial_lr' must be a number, but is 'fast'.", d => d.GetDicts("param_groups")[1]["initial_lr"] = "fast");
        Refused("State 'state.7' must be the state of a parameter that a group has, but is {step: 1}.", d => d.GetDict("state")[7] = new StateDict { { "step", 1 } });
        Refused("State 'state.1.step' is missing.", d => State(d).Remove("step"));
        Refused("State 'state.1.step' must be a whole number ≥ 0, but is 1.5.", d => State(d)["step"] = 1.5);
        Refused("State 'state.1.step' must be a whole number ≥ 0, but is -1.", d => State(d)["step"] = TensorData.Of(new[] { -1f }, []));
        Refused("State 'state.1.exp_avg_sq' is missing.", d => State(d).Remove("exp_avg_sq"));
        Refused("State 'state.1.exp_avg' must be a tensor, but is 1.", d => State(d)["exp_avg"] = 1);
        Refused("State 'state.1.exp_avg' must be [2] and real for parameter 'b' [2] Float32, but is tensor([2, 1], Float32).", d => State(d)["exp_avg"] = TensorData.Of(new float[2], 2, 1));
        Refused("State 'state.1.exp_avg' must be [2] and real for parameter 'b' [2] Float32, but is tensor([2], Complex64).", d => State(d)["exp_avg"] = TensorData.Of(new Complex64[2], 2));
        Refused("State 'state.1.square_avg' is nothing that Adam remembers of parameter 'b' [2] Float32; it remembers: step, exp_avg, exp_avg_sq, max_exp_avg_sq.", d => State(d)["square_avg"] = TensorData.Of(new float[2], 2));

        static StateDict State(StateDict dict) => dict.GetDict("state").GetDict(1);

        static void Refused(string message, Action<StateDict> spoil)
        {
            using var optimizer = Trained(out _);
            string before = Text(optimizer.StateDict());
            using var other = Trained(out var parameters);
            Step(other, parameters, 3, false);
            other.ParameterGroups[0].LearningRate = 0.7; // would show if group 0 were loaded
            var dict = other.StateDict();
            spoil(dict);
            Assert.Equal(message, Assert.Throws<StateDictException>(() => optimizer.LoadStateDict(dict)).Message);
            Assert.Equal(before, Text(optimizer.StateDict()));
        }
    }

    [Fact]
    public void What_is_refused_is_told_in_short()
    {
        object?[] many = [.. Enumerable.Repeat(new string('a', 1 << 20), 1 << 12)];
        foreach (object value in (object[])[many, (many, many), new StateDict { { "x", many } }])
        {
            foreach (string key in (string[])["lr", "betas", "amsgrad", "initial_lr", "params", "param_names"])
            {
                using var optimizer = Trained(out _);
                var dict = optimizer.StateDict();
                dict.GetDicts("param_groups")[0][key] = value;
                Assert.InRange(Assert.Throws<StateDictException>(() => optimizer.LoadStateDict(dict)).Message.Length, 1, 400);
            }
        }
    }

    [Fact]
    public void A_state_of_another_optimizer_is_refused()
    {
        using var adam = Trained(out _);
        using var sgd = new SGD([new([Matrix("w", 2, 3)]), new([Parameter.Of("b", new float[2])])]);
        Assert.StartsWith("State 'param_groups[0].amsgrad' is an option that the optimizer does not have", Assert.Throws<StateDictException>(() => sgd.LoadStateDict(adam.StateDict())).Message);
    }

    [Fact]
    public void Parts_of_LBFGS_that_do_not_go_together_are_refused()
    {
        var (parameters, optimizer) = Start(typeof(LBFGS), [], false);
        Step(optimizer, parameters, 0, false);
        foreach (string key in (string[])["t", "ro", "old_dirs", "prev_flat_grad"])
        {
            var dict = optimizer.StateDict();
            dict.GetDict("state").GetDict(0).Remove(key);
            Assert.Equal($"State 'state.0.{key}' is missing.", Assert.Throws<StateDictException>(() => optimizer.LoadStateDict(dict)).Message);
        }
        var shorter = optimizer.StateDict();
        shorter.GetDict("state").GetDict(0)["ro"] = new double[9];
        Assert.Contains("as ro is", Assert.Throws<StateDictException>(() => optimizer.LoadStateDict(shorter)).Message, StringComparison.Ordinal);
        optimizer.Dispose();
    }

    [Fact]
    public void A_longer_history_than_is_kept_is_cut_at_the_next_step()
    {
        var (parameters, optimizer) = Start(typeof(LBFGS), [], false);
        for (int step = 0; step < 3; step++)
            Step(optimizer, parameters, step, false);
        Assert.True(optimizer.StateOf(parameters[0])!.TensorList("ro").Count > 2);
        using var other = new LBFGS(parameters, new() { HistorySize = 2, MaxIterations = 3 });
        other.LoadStateDict(optimizer.StateDict(), new() { Keep = ["history_size"] });
        Step(other, parameters, 3, false);
        Assert.InRange(other.StateOf(parameters[0])!.TensorList("ro").Count, 1, 2);
        Assert.Equal(other.StateOf(parameters[0])!.TensorList("ro").Count, other.StateOf(parameters[0])!.TensorList("old_dirs").Count);
        optimizer.Dispose();
    }

    [Fact]
    public void Names_match_where_both_sides_have_them()
    {
        var (a, b) = (Parameter.Of("a", new float[2]), Parameter.Of("b", new float[2]));
        using var saved = new Adam([a, b]);
        Step(saved, [a, b], 0, false);
        var dict = saved.StateDict();
        using var other = new Adam([Parameter.Of("b", new float[2]), Parameter.Of("a", new float[2])]);
        other.LoadStateDict(dict);
        Assert.Equal(saved.StateOf(b)!.Tensor("exp_avg"), other.StateOf(other.ParameterGroups[0].Parameters[0])!.Tensor("exp_avg"));
        other.LoadStateDict(dict, new() { ByPosition = true });
        Assert.Equal(saved.StateOf(a)!.Tensor("exp_avg"), other.StateOf(other.ParameterGroups[0].Parameters[0])!.Tensor("exp_avg"));

        // test_can_load_from_to_named_state_dict: one side without names
        Unname(dict);
        other.LoadStateDict(dict);
        Assert.Equal(saved.StateOf(a)!.Tensor("exp_avg"), other.StateOf(other.ParameterGroups[0].Parameters[0])!.Tensor("exp_avg"));
        Assert.Equal("['b', 'a']", $"[{string.Join(", ", other.StateDict().GetDicts("param_groups")[0].GetList("param_names").Select(n => $"'{n}'"))}]");
        using var unnamed = new Adam([Parameter.Of("", new float[2]), Parameter.Of("", new float[2])]);
        unnamed.LoadStateDict(saved.StateDict());
        Assert.Equal(saved.StateOf(a)!.Tensor("exp_avg"), unnamed.StateOf(unnamed.ParameterGroups[0].Parameters[0])!.Tensor("exp_avg"));
    }

    [Fact]
    public void Without_strictness_what_has_no_match_stays_as_it_is()
    {
        var (a, b) = (Parameter.Of("a", new float[2]), Parameter.Of("b", new float[2]));
        using var saved = new Adam([a, b]);
        Step(saved, [a, b], 0, false);
        var (a2, c) = (Parameter.Of("a", new float[2]), Parameter.Of("c", new float[2]));
        using var other = new Adam([c, a2]);
        Step(other, [c, a2], 1, false);
        Step(other, [c, a2], 2, false);
        var before = other.StateOf(c)!.Tensor("exp_avg");
        Assert.Throws<StateDictException>(() => other.LoadStateDict(saved.StateDict()));
        other.LoadStateDict(saved.StateDict(), new() { Strict = false });
        Assert.Equal(1, other.StateOf(a2)!.Step);
        Assert.Equal(2, other.StateOf(c)!.Step);
        Assert.Equal(before, other.StateOf(c)!.Tensor("exp_avg"));
        Step(other, [c, a2], 3, false);
    }

    [Fact]
    public void Options_come_from_the_state_except_those_to_keep()
    {
        using var saved = Trained(out _);
        _ = new StepLR(saved, 2);
        using var other = new Adam([new([Matrix("w", 2, 3)]), new([Parameter.Of("b", new float[2])])], new() { LearningRate = 3, Epsilon = 0.25 });
        other.LoadStateDict(saved.StateDict(), new() { Keep = ["lr", "initial_lr"] });
        Assert.Equal(3, other.ParameterGroups[1].LearningRate);
        Assert.Equal(1e-8, other.ParameterGroups[1].Options.Epsilon);
        Assert.Null(other.ParameterGroups[1].InitialLearningRate);
        other.LoadStateDict(saved.StateDict());
        Assert.Equal(0.5, other.ParameterGroups[1].LearningRate);
        Assert.Equal(0.5, other.ParameterGroups[1].InitialLearningRate);
        Assert.StartsWith("There is no option 'rate' to keep; there are: amsgrad, betas,", Assert.Throws<ArgumentException>(() => other.LoadStateDict(saved.StateDict(), new() { Keep = ["rate"] })).Message);
    }

    [Fact] // test_can_load_older_state_dict
    public void What_older_checkpoints_lack_is_filled_in_as_in_PyTorch()
    {
        using var saved = Trained(out _);
        var dict = saved.StateDict();
        foreach (var group in dict.GetDicts("param_groups"))
        {
            foreach (string key in (string[])["amsgrad", "maximize", "decoupled_weight_decay"])
                group.Remove(key);
            foreach (string key in (string[])["foreach", "fused", "capturable", "differentiable"])
                group[key] = null; // and what PyTorch's newer ones have, we do not need
        }
        using var other = Adam(new() { AMSGrad = true, Maximize = true });
        other.LoadStateDict(dict, new() { Keep = ["maximize"] });
        Assert.False(other.ParameterGroups[0].Options.AMSGrad); // it was trained without, whatever this one was made with
        Assert.True(other.ParameterGroups[0].Options.Maximize);
        Assert.Equal(2, other.StateOf(other.ParameterGroups[0].Parameters[0])!.Step);
    }

    [Fact] // test_load_nontensor_step, and the other way round
    public void Steps_and_rates_may_be_numbers_or_tensors()
    {
        using var saved = Trained(out _);
        foreach (object step in new object[] { 12, 12.0, TensorData.Of(new[] { 12f }, []), TensorData.Of(new[] { 12.0 }, 1) })
        {
            var dict = saved.StateDict();
            dict.GetDict("state").GetDict(0)["step"] = step;
            dict.GetDicts("param_groups")[0]["lr"] = TensorData.Of(new[] { 0.25f }, []);
            using var other = Adam();
            other.LoadStateDict(dict);
            Assert.Equal(12, other.StateOf(other.ParameterGroups[0].Parameters[0])!.Step);
            Assert.Equal(0.25, other.ParameterGroups[0].LearningRate);
        }
    }

    [Fact]
    public void A_buffer_of_none_is_no_buffer()
    {
        var p = Parameter.Of("p", new float[] { 1, 2 });
        using var optimizer = new SGD([p], new() { Momentum = 0.9 });
        var dict = optimizer.StateDict();
        dict.GetDict("state")[0] = new StateDict { { "momentum_buffer", null } };
        optimizer.LoadStateDict(dict);
        Assert.Null(optimizer.StateOf(p));
        p.Gradient = new float[] { 1, 2 };
        optimizer.Step();
        Assert.Equal([1, 2], optimizer.StateOf(p)!.Tensor("momentum_buffer")); // the gradient itself: a first step
    }

    [Theory]
    [InlineData(StatePrecision.Compute, ElementType.Float32)]
    [InlineData(StatePrecision.Parameter, ElementType.BFloat16)]
    public void State_is_converted_to_the_type_that_it_is_kept_in(StatePrecision precision, ElementType expected)
    {
        var p = Parameter.Of("p", new double[3000]);
        using var saved = new Adam([p]);
        p.Gradient = Enumerable.Range(0, 3000).Select(i => Math.Sin(i)).ToArray();
        saved.Step();
        var q = Parameter.Of("p", new BFloat16[3000]);
        using var other = new Adam([q], new() { StatePrecision = precision });
        other.LoadStateDict(saved.StateDict());
        var tensor = other.StateDict().GetDict("state").GetDict(0).GetTensor("exp_avg");
        Assert.Equal(expected, tensor.ElementType);
        Assert.Equal(saved.StateOf(p)!.Tensor("exp_avg").Select(x => expected == ElementType.Float32 ? (float)x : (double)(BFloat16)(float)x), tensor.ToDoubles());
    }

    [Fact] // test_state_dict_pre_hook, test_state_dict_post_hook, test_load_state_dict_pre_hook_and_prepend, test_load_state_dict_post_hook
    public void Handlers_see_and_change_what_is_saved_and_loaded()
    {
        using var optimizer = Trained(out _);
        optimizer.StateSaving += (o, _) => ((Adam)o!).ParameterGroups[0].LearningRate = 0.125;
        optimizer.StateSaved += (_, e) => e.State["note"] = "saved";
        var dict = optimizer.StateDict();
        Assert.Equal(0.125, dict.GetDicts("param_groups")[0].GetDouble("lr"));
        Assert.Equal("saved", dict.GetString("note"));

        using var other = Adam();
        double seen = 0;
        other.StateLoading += (_, e) => e.State.GetDicts("param_groups")[0]["lr"] = 0.002;
        other.StateLoaded += (_, _) => seen = other.ParameterGroups[0].LearningRate;
        ((IStateful)other).LoadStateDict(dict);
        Assert.Equal(0.002, seen);
        Assert.Equal(0.125, dict.GetDicts("param_groups")[0].GetDouble("lr"));
    }

    [Fact]
    public void Tensors_are_made_of_what_fits()
    {
        Assert.Equal("tensor([2, 3], Float32)", TensorData.Of(new float[6], 2, 3).ToString());
        Assert.Equal("tensor([], Float64)", TensorData.Of(new double[1], []).ToString());
        Assert.Equal([1, 2], TensorData.Of([new Complex64(1, 2)], 1).ToDoubles());
        Assert.Throws<ArgumentException>(() => TensorData.Of(new float[6], 2, 2));
        Assert.Throws<ArgumentException>(() => TensorData.Of(new float[6], -2, -3));
        Assert.Throws<ArgumentException>(() => TensorData.Of(new char[1], 1));
        Assert.Throws<InvalidOperationException>(() => TensorData.Of(new float[1], 1).ToArray<double>());
    }

    static Adam Adam(AdamOptions? options = null) => new(
        [new([Matrix("w", 2, 3)]), new([Parameter.Of("b", new float[2])], o => o with { LearningRate = 0.5 })], options ?? new() { LearningRate = 0.1 });

    static Adam Trained(out Parameter<float>[] parameters)
    {
        var optimizer = Adam();
        parameters = [.. optimizer.ParameterGroups.SelectMany(g => g.Parameters).Cast<Parameter<float>>()];
        Step(optimizer, parameters, 0, false);
        Step(optimizer, parameters, 1, false);
        return optimizer;
    }

    static Parameter<float> Matrix(string name, int rows, int columns) => Parameter.Of(name, new float[rows * columns], rows, columns);

    static void Unname(StateDict dict)
    {
        foreach (var group in dict.GetDicts("param_groups"))
            group.Remove("param_names");
    }

    static IEnumerable<(KeyValuePair<string, object?>[] Options, bool Sparse)> Samples(Type type) =>
        OptimizerSamples.TakesDenseGradients(type)
            ? OptimizerSamples.OptionSets(type).Select(o => (o, false))
            : OptimizerSamples.SparseOptionSets(type).Select(o => (o, true));

    static (Parameter<float>[] Parameters, Optimizer Optimizer) Start(Type type, KeyValuePair<string, object?>[] options, bool sparse)
    {
        Parameter<float>[] parameters = [.. Enumerable.Range(0, 3).Select(i =>
        {
            long[] shape = sparse ? [5, 4] : OptimizerSamples.ShapeOf(type, 20, i);
            int count = (int)shape.Aggregate(1L, (a, b) => a * b);
            return Parameter.Of($"p{i}", Array.ConvertAll(Numbers.Tame(count, (ulong)i + 50), x => (float)x), shape);
        })];
        return (parameters, OptimizerDriver.For(type).Create(parameters, OptimizerSamples.StepsAlone(type) ? options : [.. options, new("max_iter", 3)]));
    }

    static void Step(Optimizer optimizer, Parameter<float>[] parameters, int step, bool sparse)
    {
        if (optimizer is LBFGS)
        {
            optimizer.Step(() => parameters.Select((p, i) =>
            {
                p.Gradient = p.Values.ToArray().Select((x, k) => (1 + k % 5 + i) * (x - 0.5f)).ToArray();
                return p.Values.ToArray().Select((x, k) => (1 + k % 5 + i) * (x - 0.5) * (x - 0.5) / 2).Sum();
            }).Sum());
            return;
        }
        for (int i = 0; i < parameters.Length; i++)
        {
            float[] numbers = Array.ConvertAll(Numbers.Tame((int)parameters[i].Count, (ulong)(100 * step + i)), x => (float)x);
            if (i == 2 && step < 2)
                parameters[i].Gradient = null; // comes in later
            else if (sparse)
                parameters[i].SparseGradient = new(new long[] { 3, step % 3, 3 }, numbers.AsMemory(0, 12));
            else
                parameters[i].Gradient = numbers;
        }
        optimizer.Step();
    }

    static string Text(Parameter<float>[] parameters) => string.Join(" ", parameters.SelectMany(p => p.Values.ToArray()).Select(BitConverter.SingleToUInt32Bits));

    /// <summary>All of a state, with the tensors' numbers.</summary>
    static string Text(object? value) => value switch
    {
        StateDict dict => $"{{{string.Join(", ", dict.Select(e => $"{e.Key}: {Text(e.Value)}"))}}}",
        IReadOnlyList<object?> list => $"[{string.Join(", ", list.Select(Text))}]",
        TensorData tensor => $"{tensor} {string.Join(" ", tensor.ToDoubles().Select(BitConverter.DoubleToUInt64Bits))}",
        _ => FormattableString.Invariant($"{value}"),
    };
}
