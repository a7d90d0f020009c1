using static OptimSharp.Doors.Door;

namespace OptimSharp.Doors;

/// <summary>What handlers, closures and functions of the user's do to the optimizer that calls them.</summary>
static class HandlerDoors
{
    const string NotThere = "which is not done";

    public static IEnumerable<(string Name, Action Try)> All =>
    [
        .. Optimizers.Select(o => ($"dispose in Stepping, {o.Name}", (Action)(() => DisposeInStepping(o.Make)))),
        .. Optimizers.Select(o => ($"dispose in a closure, {o.Name}", (Action)(() => DisposeInClosure(o.Make)))),
        .. Optimizers.Select(o => ($"dispose in Stepped, {o.Name}", (Action)(() => DisposeInStepped(o.Make)))),
        ("dispose in AnyStepping", DisposeInAnyStepping),
        ("dispose in handlers of state", DisposeInStateHandlers),
        ("dispose within a training step", DisposeWithinTrainingStep),
        ("dispose in a warning of LBFGS", DisposeInWarning),
        ("step within a step", StepWithinStep),
        ("a step follows in Stepped", StepInStepped),
        ("change groups and state in Stepping", ChangeInStepping),
        ("change groups and state in the closure of LBFGS", ChangeInClosureOfLBFGS),
        ("zero gradients, read state in the closure of LBFGS", ReadInClosureOfLBFGS),
        ("add a group while the options of another are made", AddWithinAdd),
        ("zero gradients in Stepping", ZeroInStepping),
        ("unscale in Stepping of a training step", UnscaleInStepping),
        ("remove gradients in an averaging function", RemoveInAveraging),
    ];

    static readonly (string Name, Func<Parameter[], Optimizer> Make)[] Optimizers =
    [
        ("Adam", p => new Adam(p)), ("Adafactor", p => new Adafactor(p)), ("LBFGS", p => new LBFGS(p, new() { LineSearch = LineSearch.StrongWolfe })),
    ];

    static (Parameter<float>[] Parameters, Optimizer Optimizer) Warm(Func<Parameter[], Optimizer> make)
    {
        Parameter<float>[] parameters = [Ones("a", 1000), Parameter.Of("b", Enumerable.Repeat(1f, 6000).ToArray(), 60, 100)];
        parameters[1].Gradient = Enumerable.Repeat(1f, 6000).ToArray();
        var optimizer = make(parameters);
        for (int i = 0; i < 3; i++)
            Step(optimizer, parameters);
        return (parameters, optimizer);
    }

    /// <summary>½Σx², by a closure.</summary>
    static double Step(Optimizer optimizer, Parameter<float>[] parameters, Action? within = null) => optimizer.Step(() =>
    {
        within?.Invoke();
        double loss = 0;
        foreach (var parameter in parameters)
        {
            parameter.Gradient = parameter.Values.ToArray();
            loss += parameter.Values.ToArray().Sum(x => 0.5 * x * x);
        }
        return loss;
    });

    static float[][] Values(Parameter<float>[] parameters) => [.. parameters.Select(p => p.Values.ToArray())];

    static void Unchanged(float[][] before, Parameter<float>[] parameters)
    {
        for (int i = 0; i < before.Length; i++)
            Same(before[i], parameters[i].Values.ToArray());
    }

    static void DisposeInStepping(Func<Parameter[], Optimizer> make)
    {
        var (parameters, optimizer) = Warm(make);
        var before = Values(parameters);
        optimizer.Stepping += (_, _) => optimizer.Dispose();
        Refused<ObjectDisposedException>(() => Step(optimizer, parameters), optimizer.GetType().Name);
        Unchanged(before, parameters);
        Refused<ObjectDisposedException>(() => Step(optimizer, parameters), optimizer.GetType().Name);
    }

    static void DisposeInClosure(Func<Parameter[], Optimizer> make)
    {
        for (int at = 1; at <= 2; at++) // LBFGS evaluates it several times
        {
            var (parameters, optimizer) = Warm(make);
            var before = Values(parameters);
            int calls = 0;
            if (at == 2 && !optimizer.GetType().Name.StartsWith("LBFGS", StringComparison.Ordinal))
                break;
            foreach (var parameter in parameters)
                parameter.Values.Span.Fill(3); // a way to go
            before = Values(parameters);
            Refused<ObjectDisposedException>(() => Step(optimizer, parameters, () =>
            {
                if (++calls == at)
                    optimizer.Dispose();
            }), optimizer.GetType().Name);
            Unchanged(before, parameters);
        }
    }

    static void DisposeInStepped(Func<Parameter[], Optimizer> make)
    {
        var (parameters, optimizer) = Warm(make);
        optimizer.Stepped += (_, _) => optimizer.Dispose();
        Step(optimizer, parameters);
        Refused<ObjectDisposedException>(() => optimizer.StateDict(), "");
        Same<ParameterState?>(null, optimizer.StateOf(parameters[0]));
    }

    static void DisposeInAnyStepping()
    {
        var (parameters, optimizer) = Warm(p => new AdamW(p));
        var before = Values(parameters);
        EventHandler handler = (sender, _) => ((Optimizer)sender!).Dispose();
        Optimizer.AnyStepping += handler;
        try
        {
            Refused<ObjectDisposedException>(optimizer.Step, "AdamW");
        }
        finally
        {
            Optimizer.AnyStepping -= handler;
        }
        Unchanged(before, parameters);
    }

    static void DisposeInStateHandlers()
    {
        var (parameters, first) = Warm(p => new Adam(p));
        first.StateSaving += (_, _) => first.Dispose();
        Refused<ObjectDisposedException>(() => first.StateDict(), "Adam");

        (_, var second) = Warm(p => new Adam(p));
        second.StateSaved += (_, _) => second.Dispose();
        var state = second.StateDict();

        (_, var third) = Warm(p => new Adam(p));
        third.StateLoading += (_, _) => third.Dispose();
        Refused<ObjectDisposedException>(() => third.LoadStateDict(state), "Adam");

        (_, var fourth) = Warm(p => new Adam(p));
        fourth.StateLoaded += (_, _) => fourth.Dispose();
        fourth.LoadStateDict(state);
        Refused<ObjectDisposedException>(fourth.Step, "Adam");
    }

    static void DisposeWithinTrainingStep()
    {
        var (parameters, optimizer) = Warm(p => new Adam(p));
        var before = Values(parameters);
        var step = new TrainingStep(optimizer, new() { MaxNorm = 1 });
        EventHandler handler = (_, _) => optimizer.Dispose();
        optimizer.Stepping += handler;
        Refused<ObjectDisposedException>(() => step.Step(), "Adam");
        Unchanged(before, parameters);

        (parameters, optimizer) = Warm(p => new LBFGS(p));
        foreach (var parameter in parameters)
            parameter.Values.Span.Fill(3);
        before = Values(parameters);
        step = new(optimizer, new() { MaxNorm = 100 });
        Refused<ObjectDisposedException>(() => step.Step(() =>
        {
            optimizer.Dispose();
            return 1.0;
        }, out _), "LBFGS");
        Unchanged(before, parameters);
    }

    static void DisposeInWarning()
    {
        var (parameters, optimizer) = Warm(p => new LBFGS(p));
        EventHandler<WarningEventArgs> handler = (_, _) => optimizer.Dispose();
        Warnings.Raised += handler;
        try
        {
            optimizer.Step(() =>
            {
                parameters[0].Gradient = Enumerable.Repeat(float.NaN, 1000).ToArray();
                return double.NaN;
            });
        }
        finally
        {
            Warnings.Raised -= handler;
        }
        Refused<ObjectDisposedException>(() => optimizer.ZeroGrad(), "LBFGS");
    }

    static void StepWithinStep()
    {
        foreach (var (_, make) in Optimizers)
        {
            var (parameters, optimizer) = Warm(make);
            var step = new TrainingStep(optimizer);
            int refused = 0;
            Step(optimizer, parameters, () =>
            {
                Refused<InvalidOperationException>(() => Step(optimizer, parameters), NotThere);
                Refused<InvalidOperationException>(() => step.Step(() => 0.0, out double _), NotThere);
                refused++;
            });
            Same(true, refused > 0);
            optimizer.Stepping += (_, _) => Refused<InvalidOperationException>(() => Step(optimizer, parameters), NotThere);
            Step(optimizer, parameters);
        }
    }

    static void StepInStepped()
    {
        var parameter = Ones("w", 3);
        using var optimizer = new SGD([parameter], new() { LearningRate = 0.25 });
        int again = 2;
        optimizer.Stepped += (_, _) =>
        {
            if (again-- > 0)
                optimizer.Step();
        };
        optimizer.Step();
        Same(0.25f, parameter.Values.Span[0]); // 1 − 3 · ¼
    }

    static void ChangeInStepping()
    {
        var (parameters, optimizer) = Warm(p => new Adam(p));
        var adam = (Adam)optimizer;
        var state = adam.StateDict();
        var added = Ones("c", 70);
        bool once = false;
        adam.Stepping += (_, _) =>
        {
            if (once)
                return;
            once = true;
            adam.LoadStateDict(state);
            adam.AddParameterGroup(new([added]));
            adam.Rebind([.. parameters, added]);
        };
        adam.Step();
        Same(4L, adam.StateOf(parameters[0])!.Step);
        Same(1L, adam.StateOf(added)!.Step);
        adam.Dispose();
    }

    static void ChangeInClosureOfLBFGS()
    {
        var (parameters, optimizer) = Warm(p => new LBFGS(p));
        var lbfgs = (LBFGS)optimizer;
        foreach (var parameter in parameters)
            parameter.Values.Span.Fill(3);
        var state = lbfgs.StateDict();
        Step(lbfgs, parameters, () =>
        {
            Refused<InvalidOperationException>(() => lbfgs.LoadStateDict(state), "LoadStateDict was called from within Step");
            Refused<InvalidOperationException>(() => lbfgs.Rebind(parameters), "Rebind was called from within Step");
            Refused<InvalidOperationException>(() => lbfgs.AddParameterGroup(new([Ones("c", 2)])), "AddParameterGroup was called from within Step");
        });
        Same(true, parameters[0].Values.Span[0] < 1e-3); // the minimum is at 0
    }

    static void ReadInClosureOfLBFGS()
    {
        var (parameters, optimizer) = Warm(p => new LBFGS(p));
        foreach (var parameter in parameters)
            parameter.Values.Span.Fill(3);
        string before = optimizer.StateDict().ToString();
        Step(optimizer, parameters, () =>
        {
            optimizer.ZeroGrad();
            Same(before, optimizer.StateDict().ToString());
            Gradients.Norm(parameters);
        });
        Same(true, parameters[0].Values.Span[0] < 1e-3);
    }

    static void AddWithinAdd()
    {
        using var optimizer = new Adam([Ones("a", 2)]);
        ParameterGroup<AdamOptions>? group = null;
        group = new([Ones("b", 2)], options =>
        {
            Refused<InvalidOperationException>(() => optimizer.AddParameterGroup(group!), NotThere);
            Refused<InvalidOperationException>(optimizer.Step, NotThere);
            return options;
        });
        optimizer.AddParameterGroup(group);
        Same(2, optimizer.ParameterGroups.Count);
        optimizer.Step();
    }

    static void ZeroInStepping()
    {
        var parameter = Ones("w", 3);
        using var optimizer = new SGD([parameter], new() { LearningRate = 0.25, WeightDecay = 1 });
        optimizer.Stepping += (_, _) => optimizer.ZeroGrad();
        optimizer.Step();
        Same(1f, parameter.Values.Span[0]); // left out
        optimizer.Stepping += (_, _) => optimizer.ParameterGroups[0].LearningRate = 0.5;
        parameter.Gradient = new float[] { 1, 1, 1 };
        new TrainingStep(optimizer, new() { MaxNorm = 1 }).Step();
        Same(1f, parameter.Values.Span[0]);
    }

    static void UnscaleInStepping()
    {
        var parameter = Ones("w", 3);
        using var optimizer = new SGD([parameter], new() { LearningRate = 0.5 });
        parameter.Gradient = new float[] { 8, 8, 8 };
        var scaler = new GradScaler(initialScale: 8);
        optimizer.Stepping += (_, _) => scaler.Unscale(optimizer);
        new TrainingStep(optimizer, new() { Scaler = scaler }).Step();
        Same(0.5f, parameter.Values.Span[0]); // 1 − ½ · 8/8: unscaled once
    }

    static void RemoveInAveraging()
    {
        foreach (var after in Enum.GetValues<GradientsAfter>())
        {
            var parameter = Ones("w", 3000);
            using var optimizer = new Adam([parameter]);
            using var averages = new AveragedParameters([parameter], Averaging.PerTensor((_, _, _) =>
            {
                parameter.Gradient = null;
                Refused<InvalidOperationException>(() => optimizer.ZeroGrad(), NotThere);
                Refused<InvalidOperationException>(optimizer.Step, NotThere);
                optimizer.StateOf(parameter);
            }));
            averages.Update();
            var step = new TrainingStep(optimizer, new() { Averages = averages, GradientsAfter = after, MaxNorm = 0.5 });
            step.Step();
            Same(2L, averages.Count);
        }
    }
}
