using OptimSharp.Schedulers;

namespace OptimSharp.Tests.Groups;

public class CombinedOptimizerTests
{
    // Every law that an optimizer keeps by itself: among them threads, all or nothing, no allocation, exact resume through files, one-pass steps.
    [Fact]
    public void Two_elementwise_optimizers_keep_all_laws_together() =>
        OptimizerLaws.Check(parameters => Halves(parameters, p => new AdamW(p, new() { WeightDecay = 0.1 }), p => new Lion(p)), new() { Elementwise = true });

    // But for that of groups: one that is added is the first optimizer's, whatever its shapes.
    [Theory]
    [MemberData(nameof(LawsWithoutGroups))]
    public void Muon_with_AdamW_keeps_all_laws(string law) => OptimizerLaws.Named(law).Check(Routed, new() { Elementwise = false });

    public static TheoryData<string> LawsWithoutGroups => [.. OptimizerLaws.All.Where(law => law != OptimizerLaws.Groups).Select(law => law.Name)];

    // Both take sums over all their parameters, and their own only.
    [Fact]
    public void Measuring_optimizers_keep_all_laws_together() => OptimizerLaws.Check(
        parameters => Halves(parameters, p => new LAMB(p), p => new Prodigy(p)), new() { Elementwise = false, SumsOverAll = true, ElementTypes = [ElementType.Float32] });

    static CombinedOptimizer Halves(IReadOnlyList<Parameter> parameters, Func<Parameter[], Optimizer> one, Func<Parameter[], Optimizer> other)
    {
        int half = (parameters.Count + 1) / 2; // in their order: a norm over all adds them up in it
        return parameters.Count == 1 ? new(one([parameters[0]])) : new(one([.. parameters.Take(half)]), other([.. parameters.Skip(half)]));
    }

    static Optimizer Routed(IReadOnlyList<Parameter> parameters)
    {
        Parameter[] matrices = [.. parameters.Where(p => p.Shape.Length == 2 && p.ElementType is ElementType.Float32 or ElementType.Float64)], rest = [.. parameters.Except(matrices)];
        return matrices.Length == 0 ? new CombinedOptimizer(new AdamW(rest)) : rest.Length == 0 ? new CombinedOptimizer(new Muon(matrices)) : new CombinedOptimizer(new AdamW(rest), new Muon(matrices));
    }

    public static TheoryData<string> Pairs => ["Muon+AdamW", "LAMB+Prodigy", "Prodigy+Prodigy", "SGD+Adagrad", "AdamW+AdamW", "Adafactor+SOAP", "AdamWScheduleFree+SGD"];

    static (Optimizer First, Optimizer Second) Make(string pair, Model model)
    {
        string[] names = pair.Split('+');
        return (Make(names[0], model.Matrices, 0.01), Make(names[1], model.Vectors, 0.02));

        static Optimizer Make(string name, Parameter[] parameters, double rate) => name switch
        {
            "Muon" => new Muon(parameters, new() { LearningRate = rate }),
            "AdamW" => new AdamW(parameters, new() { LearningRate = rate }),
            "LAMB" => new LAMB(parameters, new() { LearningRate = rate, MaxGradientNorm = 0.5 }),
            "Prodigy" => new Prodigy(parameters, new() { LearningRate = rate * 100 }),
            "SGD" => new SGD(parameters, new() { LearningRate = rate, Momentum = 0.9 }),
            "Adagrad" => new Adagrad(parameters, new() { LearningRate = rate }),
            "Adafactor" => new Adafactor(parameters, new() { LearningRate = rate }),
            "SOAP" => new SOAP(parameters, new() { LearningRate = rate }),
            "AdamWScheduleFree" => new AdamWScheduleFree(parameters, new() { LearningRate = rate }),
            _ => throw new ArgumentException(name),
        };
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void It_gives_the_bits_of_its_optimizers_alone(string pair)
    {
        Model together = new(), apart = new();
        var (a, b) = Make(pair, together);
        using var combined = new CombinedOptimizer(a, b);
        var (first, second) = Make(pair, apart);
        using (first)
        using (second)
        {
            for (int step = 0; step < 6; step++)
            {
                together.GiveGradients(step);
                apart.GiveGradients(step);
                combined.Step();
                first.Step();
                second.Step();
                Assert.Equal(apart.Values, together.Values);
            }
            Assert.Equal(first.StateDict().ToString(), a.StateDict().ToString());
            Assert.Equal(second.StateDict().ToString(), b.StateDict().ToString());
        }
    }

    [Fact]
    public void An_optimizer_of_it_can_be_stepped_alone_in_between()
    {
        Model together = new(), apart = new();
        var (a, b) = Make("Muon+AdamW", together);
        using var combined = new CombinedOptimizer(a, b);
        var (first, second) = Make("Muon+AdamW", apart);
        using (first)
        using (second)
        {
            for (int step = 0; step < 6; step++)
            {
                together.GiveGradients(step);
                apart.GiveGradients(step);
                if (step % 2 == 0)
                    combined.Step();
                else
                    b.Step();
                if (step % 2 == 0)
                    first.Step();
                second.Step();
                Assert.Equal(apart.Values, together.Values);
            }
        }
    }

    [Fact]
    public void A_training_step_clips_by_the_norm_of_all()
    {
        Model together = new(), apart = new();
        var (a, b) = Make("Muon+AdamW", together);
        using var combined = new CombinedOptimizer(a, b);
        var training = new TrainingStep(combined, new() { MaxNorm = 0.25, GradientsAfter = GradientsAfter.Kept, Schedulers = [new StepLR(combined, 2, 0.5), new StepLR(b, 3, 0.1)] });
        var (first, second) = Make("Muon+AdamW", apart);
        using (first)
        using (second)
        {
            LRScheduler[] schedulers = [new StepLR(first, 2, 0.5), new StepLR(second, 2, 0.5), new StepLR(second, 3, 0.1)];
            for (int step = 0; step < 6; step++)
            {
                together.GiveGradients(step);
                apart.GiveGradients(step);
                double norm = OptimSharp.Gradients.ClipNorm([.. apart.Matrices, .. apart.Vectors], 0.25);
                first.Step();
                second.Step();
                foreach (var scheduler in schedulers)
                    scheduler.Step();
                Assert.Equal(norm, training.Step().Norm);
                Assert.Equal(apart.Values, together.Values);
            }
            Assert.Equal([first.ParameterGroups[0].LearningRate, second.ParameterGroups[0].LearningRate], combined.ParameterGroups.Select(g => g.LearningRate));
        }
    }

    [Fact]
    public void An_option_that_only_some_groups_have_is_scheduled_in_them()
    {
        var model = new Model();
        using var combined = Combine(model);
        var betas = OptionScheduler.Over(combined, "betas[0]", o => new LinearLR(o, 1, 0.5, totalIters: 2));
        var decay = new OptionScheduler(combined, "weight_decay", (step, start) => start + step);
        double muon = (double)combined.ParameterGroups[0]["weight_decay"]!;
        for (int step = 0; step < 2; step++)
        {
            model.GiveGradients(step);
            combined.Step();
            betas.Step();
            decay.Step();
        }
        Assert.Equal(0.45, ((AdamW)combined.Optimizers[1]).ParameterGroups[0].Options.Betas.Beta1, 1e-15);
        Assert.Equal([muon + 2, 2.01], combined.ParameterGroups.Select(g => (double)g["weight_decay"]!));
    }

    [Fact]
    public void What_a_step_did_is_told_of_the_groups_of_all()
    {
        var model = new Model();
        using var combined = Combine(model);
        var training = new TrainingStep(combined, new() { Statistics = true, GradientsAfter = GradientsAfter.Kept });
        double[] before = model.Values;
        model.GiveGradients(0);
        var statistics = training.Step().Statistics!;
        double[] moved = [.. before.Zip(model.Values, (a, b) => b - a)];
        Assert.Equal(2, statistics.Groups.Count);
        int matrices = (int)model.Matrices.Sum(m => m.Count);
        Assert.Equal(Ratio(before[..matrices], moved[..matrices]), statistics.Groups[0].UpdateRatio, 1e-6);
        Assert.Equal(Ratio(before[matrices..], moved[matrices..]), statistics.Groups[1].UpdateRatio, 1e-6);

        static double Ratio(double[] values, double[] moved) => Math.Sqrt(moved.Sum(x => x * x) / values.Sum(x => x * x));
    }

    [Fact]
    public void A_step_that_fails_in_the_second_changes_nothing_of_the_first()
    {
        var model = new Model();
        var (a, b) = Make("Muon+AdamW", model);
        using var combined = new CombinedOptimizer(a, b);
        model.GiveGradients(0);
        combined.Step();
        string before = combined.StateDict().ToString();
        double[] values = model.Values;
        model.GiveGradients(1);
        model.Vectors[1].SparseGradient = new SparseGradient<float>(new long[] { 1 }, new float[] { 1 });
        Assert.Contains("does not take sparse gradients", Assert.Throws<InvalidOperationException>(combined.Step).Message);
        Assert.Equal(values, model.Values);
        Assert.Equal(before, combined.StateDict().ToString());
    }

    [Fact]
    public void State_dicts_are_in_PyTorchs_structure_and_name_the_algorithms()
    {
        var model = new Model();
        using var combined = Combine(model);
        model.GiveGradients(0);
        combined.Step();
        var state = combined.StateDict();
        Assert.Equal([0L, 1, 2, 3], state.GetDict("state").Keys.Select(key => key.Number));
        var groups = state.GetDicts("param_groups").ToArray();
        Assert.Equal(["Muon", "AdamW"], groups.Select(g => g.GetString("algorithm")));
        Assert.Equal(new object[] { 0L, 1L }, groups[0].GetList("params"));
        Assert.Equal(new object[] { 2L, 3L }, groups[1].GetList("params"));
        Assert.Equal(["w0", "w1"], groups[0].GetList("param_names"));
        Assert.True(groups[0].ContainsKey("ns_steps") && !groups[0].ContainsKey("betas"));
        Assert.Equal(["momentum_buffer"], state.GetDict("state").GetDict(1L).Keys.Select(k => k.Name));
        Assert.Equal(["step", "exp_avg", "exp_avg_sq"], state.GetDict("state").GetDict(2L).Keys.Select(k => k.Name));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_run_resumes_exactly_also_with_the_optimizers_in_another_order(bool reversed)
    {
        Model straight = new(), cut = new();
        using var one = Combine(straight);
        StateDict state;
        using (var first = Combine(cut))
        {
            first.ParameterGroups[1].LearningRate = one.ParameterGroups[1].LearningRate = 0.005;
            for (int step = 0; step < 3; step++)
            {
                cut.GiveGradients(step);
                first.Step();
            }
            state = first.StateDict();
        }
        var (muon, adam) = Make("Muon+AdamW", cut);
        using var second = reversed ? new CombinedOptimizer(adam, muon) : new CombinedOptimizer(muon, adam);
        second.LoadStateDict(state, new() { RebuildGroups = reversed });
        for (int step = 0; step < 6; step++)
        {
            straight.GiveGradients(step);
            one.Step();
            if (step < 3)
                continue;
            cut.GiveGradients(step);
            second.Step();
        }
        Assert.Equal(straight.Values, cut.Values);
    }

    [Fact]
    public void Loading_keeps_the_algorithms_apart()
    {
        var model = new Model();
        using var combined = Combine(model);
        model.GiveGradients(0);
        combined.Step();
        var state = combined.StateDict();
        using var other = new CombinedOptimizer(new AdamW(model.Matrices), new SGD(model.Vectors));
        var error = Assert.Throws<StateDictException>(() => other.LoadStateDict(state));
        Assert.Equal("param_groups[0].algorithm", error.Path);
        Assert.Contains("is Muon, but the optimizer's group 0, which has parameters of it, is stepped by AdamW", error.Message);

        using var moved = new CombinedOptimizer(new AdamW(model.Matrices, new() { LearningRate = 0.5 }), new AdamW(model.Vectors));
        var report = moved.LoadStateDict(state, new() { Missing = MissingState.StartFresh });
        Assert.Equal(0.5, moved.ParameterGroups[0].LearningRate);
        Assert.Equal(0.02, moved.ParameterGroups[1].LearningRate);
        Assert.Null(moved.StateOf(model.Matrices[0]));
        Assert.NotNull(moved.StateOf(model.Vectors[0]));
        Assert.Contains(report.Entries, e => e is { Name: "w0", Outcome: LoadOutcome.Fresh, Reason: "it is of Muon, not of AdamW" });
    }

    [Fact]
    public void An_algorithm_that_is_no_name_is_refused_and_one_of_the_same_state_is_another()
    {
        var model = new Model();
        using var combined = new CombinedOptimizer(new RAdam(model.Matrices), new SGD(model.Vectors));
        model.GiveGradients(0);
        combined.Step();
        var state = combined.StateDict();
        using var other = new CombinedOptimizer(new Adam(model.Matrices), new SGD(model.Vectors));
        Assert.Contains("is RAdam, but", Assert.Throws<StateDictException>(() => other.LoadStateDict(state)).Message, StringComparison.Ordinal);
        string before = combined.StateDict().ToString();
        foreach (bool strict in new[] { true, false })
        {
            state.GetDicts("param_groups")[1]["algorithm"] = 5;
            Assert.Equal("State 'param_groups[1].algorithm' must be the name of an optimizer's class, but is 5.", Assert.Throws<StateDictException>(() => combined.LoadStateDict(state, new() { Strict = strict })).Message);
        }
        Assert.Equal(before, combined.StateDict().ToString());
        state.GetDicts("param_groups")[1]["algorithm"] = null; // as without one
        combined.LoadStateDict(state);
    }

    // Numbers of a group belong to the states that are loaded: without them Prodigy's and Schedule-Free's steps are long.
    [Theory]
    [InlineData("Prodigy+SGD", "d")]
    [InlineData("AdamWScheduleFree+SGD", "k")]
    public void A_parameter_that_comes_in_leaves_the_groups_numbers(string pair, string number)
    {
        var model = new Model();
        StateDict state;
        var (a, b) = pair.StartsWith("Prodigy", StringComparison.Ordinal) ? (new Prodigy(model.Matrices) as Optimizer, new SGD(model.Vectors)) : (new AdamWScheduleFree(model.Matrices), new SGD(model.Vectors));
        using (var combined = new CombinedOptimizer(a, b))
        {
            for (int step = 0; step < 4; step++)
            {
                model.GiveGradients(step);
                combined.Step();
            }
            state = combined.StateDict();
        }
        Parameter[] all = [.. model.Matrices, .. model.Vectors];
        using var moved = new CombinedOptimizer(number == "d" ? new Prodigy(all) : new AdamWScheduleFree(all));
        moved.LoadStateDict(state, new() { Missing = MissingState.StartFresh });
        Assert.Equal(state.GetDicts("param_groups").First().GetDouble(number), moved.StateDict().GetDicts("param_groups").First().GetDouble(number));
        Assert.NotNull(moved.StateOf(model.Matrices[0]));
        Assert.Null(moved.StateOf(model.Vectors[0]));
    }

    [Fact]
    public void A_scaler_unscales_the_whole_or_its_optimizers_but_not_both()
    {
        var model = new Model();
        var (a, b) = Make("Muon+AdamW", model);
        using var combined = new CombinedOptimizer(a, b);
        var scaler = new GradScaler();
        model.GiveGradients(0);
        scaler.Unscale(a);
        Assert.Contains("Muon, which has the same gradients, was unscaled", Assert.Throws<InvalidOperationException>(() => scaler.Step(combined)).Message);
        scaler.Step(a);
        scaler.Step(b);
        scaler.Update();
        scaler.Unscale(combined);
        Assert.Contains("CombinedOptimizer, which has the same gradients", Assert.Throws<InvalidOperationException>(() => scaler.Unscale(b)).Message);
        scaler.Step(combined);
    }

    [Fact]
    public void A_group_whose_parameters_are_now_of_two_optimizers_is_not_rebuilt()
    {
        var model = new Model();
        using var one = new AdamW([.. model.Matrices, .. model.Vectors]);
        using var combined = Combine(model);
        var error = Assert.Throws<StateDictException>(() => combined.LoadStateDict(one.StateDict(), new() { RebuildGroups = true }));
        Assert.Contains("are stepped by Muon and by AdamW", error.Message);
    }

    [Fact]
    public void Whichever_is_disposed_all_are()
    {
        var model = new Model();
        var (a, b) = Make("Muon+AdamW", model);
        var combined = new CombinedOptimizer(a, b);
        model.GiveGradients(0);
        combined.Step();
        a.Dispose();
        Assert.Throws<ObjectDisposedException>(combined.Step);
        Assert.Throws<ObjectDisposedException>(b.Step);
        Assert.Null(combined.StateOf(model.Vectors[0]));
        combined.Dispose();
        b.Dispose();
    }

    [Fact]
    public void A_step_raises_the_events_of_all_once()
    {
        var model = new Model();
        var (a, b) = Make("Muon+AdamW", model);
        using var combined = new CombinedOptimizer(a, b);
        var raised = new List<string>();
        foreach (var (name, optimizer) in new[] { ("all", combined), ("a", a), ("b", b) })
        {
            optimizer.Stepping += (sender, _) => raised.Add($"{name} before {sender == optimizer}");
            optimizer.Stepped += (sender, _) => raised.Add($"{name} after {sender == optimizer}");
        }
        model.GiveGradients(0);
        combined.Step();
        Assert.Equal(["all before True", "a before True", "b before True", "a after True", "b after True", "all after True"], raised);
    }

    // A handler may change the state dict, and that of all is numbered over all.
    [Fact]
    public void Saving_and_loading_raise_the_events_of_the_whole_alone()
    {
        var model = new Model();
        var (a, b) = Make("Muon+AdamW", model);
        using var combined = new CombinedOptimizer(a, b);
        var raised = new List<string>();
        foreach (var (name, optimizer) in new[] { ("all", combined), ("a", a), ("b", b) })
        {
            optimizer.StateSaving += (_, _) => raised.Add($"{name} saving");
            optimizer.StateSaved += (_, e) => raised.Add($"{name} saved {e.State.GetDicts("param_groups").Length}");
            optimizer.StateLoading += (_, e) => raised.Add($"{name} loading {e.State.GetDicts("param_groups").Length}");
            optimizer.StateLoaded += (_, _) => raised.Add($"{name} loaded");
        }
        combined.LoadStateDict(combined.StateDict());
        Assert.Equal(["all saving", "all saved 2", "all loading 2", "all loaded"], raised);
        raised.Clear();
        b.LoadStateDict(b.StateDict());
        Assert.Equal(["b saving", "b saved 1", "b loading 1", "b loaded"], raised);
    }

    [Fact]
    public void A_thread_in_one_of_them_keeps_others_out()
    {
        var model = new Model();
        var (a, b) = Make("Muon+AdamW", model);
        using var combined = new CombinedOptimizer(a, b);
        Exception? error = null;
        a.Stepping += (_, _) =>
        {
            var thread = new Thread(() => error = Record.Exception(combined.Step));
            thread.Start();
            thread.Join();
        };
        model.GiveGradients(0);
        a.Step();
        Assert.Contains("while another thread is in Step", Assert.IsType<InvalidOperationException>(error).Message);
    }

    [Fact]
    public void A_view_of_one_refuses_steps_of_all()
    {
        var model = new Model();
        var (a, b) = Make("AdamWScheduleFree+SGD", model);
        using var combined = new CombinedOptimizer(a, b);
        model.GiveGradients(0);
        combined.Step();
        using (((AdamWScheduleFree)a).EvalView())
        {
            Assert.Contains("EvalView of AdamWScheduleFree", Assert.Throws<InvalidOperationException>(combined.Step).Message);
            Assert.Contains("EvalView of AdamWScheduleFree", Assert.Throws<InvalidOperationException>(() => combined.StateDict()).Message);
            b.Step();
        }
        combined.Step();
    }

    [Fact]
    public void Groups_are_added_to_its_optimizers_but_no_parameter_twice()
    {
        var model = new Model();
        var adam = new AdamW([model.Vectors[0]]);
        using var combined = new CombinedOptimizer(new Muon(model.Matrices), adam);
        Assert.Contains("Parameter 'w0' [6, 8] Float32 is in parameter group 0 already", Assert.Throws<ArgumentException>(() => adam.AddParameterGroup(new([model.Matrices[0]]))).Message);
        adam.AddParameterGroup(new([model.Vectors[1]], o => o with { LearningRate = 0.5 }));
        Assert.Equal(3, combined.ParameterGroups.Count);
        model.GiveGradients(0);
        double[] before = model.Values;
        combined.Step();
        Assert.Equal(model.Values.Length, before.Zip(model.Values).Count(x => x.First != x.Second));
        Assert.NotNull(combined.StateOf(model.Vectors[1]));
    }

    [Fact]
    public void It_is_bound_to_other_parameters_by_name()
    {
        Model model = new(), other = new();
        using var combined = Combine(model);
        model.GiveGradients(0);
        combined.Step();
        combined.Rebind([.. other.Vectors, .. other.Matrices]);
        Assert.Null(combined.StateOf(model.Matrices[0]));
        Assert.NotNull(combined.StateOf(other.Matrices[0]));
        double[] before = model.Values;
        other.GiveGradients(1);
        combined.Step();
        Assert.Equal(before, model.Values);
        Assert.Contains("has no match of its name", Assert.Throws<ArgumentException>(() => combined.Rebind(model.Vectors)).Message);
    }

    [Fact]
    public void It_is_shown_with_its_optimizers_names()
    {
        using var combined = Combine(new Model());
        string text = combined.ToString();
        Assert.StartsWith("CombinedOptimizer (\nParameter Group 0 of Muon\n", text);
        Assert.Contains("\nParameter Group 1 of AdamW\n", text);
    }

    [Fact]
    public void What_can_not_be_combined_is_refused_by_name()
    {
        var model = new Model();
        using var lbfgs = new LBFGS(model.Vectors);
        using var adam = new AdamW(model.Vectors);
        using var sgd = new SGD([model.Vectors[1]]);
        Assert.Equal("LBFGS evaluates the closure several times a step, at places of its own choice: it can't be combined with others. (Parameter 'optimizers')", Refusal(lbfgs));
        Assert.Equal("AdamW (optimizer 1) is given twice. (Parameter 'optimizers')", Refusal(adam, adam));
        Assert.Contains("is AdamW's and SGD's", Refusal(adam, sgd));
        Assert.Equal("There are no optimizers to combine. (Parameter 'optimizers')", Refusal());
        Assert.Contains("Optimizer 1 is null", Refusal(adam, null!));
        using var combined = new CombinedOptimizer(adam);
        Assert.Contains("AdamW (optimizer 0) is a part of another CombinedOptimizer", Refusal(adam));
        Assert.Contains("CombinedOptimizer (optimizer 0) is one of several itself: give its Optimizers", Refusal(combined));
        Assert.Throws<ArgumentException>(() => new Lookahead(new CombinedOptimizer(new AdamWScheduleFree(new Model().Vectors))));

        static string Refusal(params Optimizer[] optimizers) => Assert.ThrowsAny<ArgumentException>(() => new CombinedOptimizer(optimizers)).Message;
    }

    static CombinedOptimizer Combine(Model model)
    {
        var (a, b) = Make("Muon+AdamW", model);
        return new(a, b);
    }

    /// <summary>Two matrices and two vectors, with gradients that depend on the step only.</summary>
    sealed class Model
    {
        readonly float[][] values = [Numbers(48, 1), Numbers(35, 2), Numbers(6, 3), Numbers(7, 4)];

        public Model()
        {
            Matrices = [Parameter.Of("w0", values[0], [6, 8]), Parameter.Of("w1", values[1], [7, 5])];
            Vectors = [Parameter.Of("b0", values[2]), Parameter.Of("b1", values[3])];
        }

        public Parameter<float>[] Matrices { get; }

        public Parameter<float>[] Vectors { get; }

        public double[] Values => [.. values.SelectMany(v => v).Select(v => (double)v)];

        public void GiveGradients(int step)
        {
            foreach (var (i, parameter) in Matrices.Concat(Vectors).Index())
                parameter.Gradient = Numbers((int)parameter.Count, 100 + 10 * step + i);
        }

        static float[] Numbers(int count, int seed)
        {
            var random = new Random(seed);
            return [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() * 2 - 1))];
        }
    }
}
