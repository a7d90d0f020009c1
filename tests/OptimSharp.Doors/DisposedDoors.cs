using OptimSharp.Schedulers;
using static OptimSharp.Doors.Door;

namespace OptimSharp.Doors;

/// <summary>Every call of what was disposed.</summary>
static class DisposedDoors
{
    public static IEnumerable<(string Name, Action Try)> All =>
    [
        ("an optimizer that was disposed", DisposedOptimizer),
        ("schedulers of an optimizer that was disposed", DisposedSchedulers),
        ("a scaler with an optimizer that was disposed", DisposedScaler),
        ("a training step of an optimizer that was disposed", DisposedTrainingStep),
        ("averages that were disposed", DisposedAverages),
        ("state kept beyond its optimizer", KeptState),
    ];

    static Adam Gone(Parameter<float> parameter)
    {
        var optimizer = new Adam([parameter]);
        optimizer.Step();
        optimizer.Step();
        optimizer.Dispose();
        optimizer.Dispose(); // once more does nothing
        return optimizer;
    }

    static void DisposedOptimizer()
    {
        var parameter = Ones("w", 10_000);
        var optimizer = Gone(parameter);
        using var other = new Adam([parameter]);
        Refused<ObjectDisposedException>(optimizer.Step, "Adam");
        Refused<ObjectDisposedException>(() => optimizer.Step(() => 0), "Adam");
        Refused<ObjectDisposedException>(() => optimizer.ZeroGrad(), "Adam");
        Refused<ObjectDisposedException>(() => optimizer.ZeroGrad(setToNull: false), "Adam");
        Refused<ObjectDisposedException>(() => optimizer.StateDict(), "Adam");
        Refused<ObjectDisposedException>(() => optimizer.LoadStateDict(other.StateDict()), "Adam");
        Refused<ObjectDisposedException>(() => optimizer.AddParameterGroup(new([Ones("v", 2)])), "Adam");
        Refused<ObjectDisposedException>(() => optimizer.AddParameterGroups(new GroupRules<AdamOptions>().Of([Ones("v", 2)])), "Adam");
        Refused<ObjectDisposedException>(() => optimizer.Audit(), "Adam");
        Refused<ObjectDisposedException>(() => optimizer.Rebind([parameter]), "Adam");
        Same<ParameterState?>(null, optimizer.StateOf(parameter));
        Same(true, parameter.HasGradient);
        Same(1, optimizer.ParameterGroups.Count);
    }

    static void DisposedSchedulers()
    {
        var parameter = Ones("w", 2);
        var optimizer = new Adam([parameter]);
        LRScheduler[] schedulers = [new StepLR(optimizer, 3), new ChainedScheduler([new ExponentialLR(optimizer, 0.9)]), new SequentialLR(optimizer, [new ConstantLR(optimizer), new ExponentialLR(optimizer, 0.9)], [2])];
        var restarts = new CosineAnnealingWarmRestarts(optimizer, 10);
        var plateau = new ReduceLROnPlateau(optimizer);
        optimizer.Dispose();
        foreach (var scheduler in schedulers)
            Refused<ObjectDisposedException>(scheduler.Step, "Adam");
        Refused<ObjectDisposedException>(() => restarts.Step(1.5), "Adam");
        Refused<ObjectDisposedException>(() => plateau.Step(1), "Adam");
        Same(0L, schedulers[0].LastEpoch);
    }

    static void DisposedScaler()
    {
        var parameter = Ones("w", 2);
        var optimizer = Gone(parameter);
        foreach (var scaler in new[] { new GradScaler(), new GradScaler(enabled: false) })
        {
            Refused<ObjectDisposedException>(() => scaler.Unscale(optimizer), "Adam");
            Refused<ObjectDisposedException>(() => scaler.Step(optimizer), "Adam");
        }
        Same(1f, parameter.Gradient!.Value.Span[0]);
    }

    static void DisposedTrainingStep()
    {
        var optimizer = Gone(Ones("w", 2));
        var step = new TrainingStep(optimizer, new() { MicroBatches = 2 });
        Refused<ObjectDisposedException>(() => step.Step(), "Adam");
        Refused<ObjectDisposedException>(() => step.Step(() => 0, out int _), "Adam");
        Refused<ObjectDisposedException>(step.Discard, "Adam");
        step.Options = new();
        Refused<ObjectDisposedException>(() => step.Step(), "Adam");
        Refused<ObjectDisposedException>(() => step.Step(() => 0, out int _), "Adam");
        Same(0, step.Gathered);
    }

    static void DisposedAverages()
    {
        var parameter = Ones("w", 2);
        var averages = new AveragedParameters([parameter]);
        averages.Update();
        var state = averages.StateDict();
        parameter.Values.Span.Fill(7);
        var scope = averages.SwapIn();
        Same(1f, parameter.Values.Span[0]);
        averages.Dispose();
        averages.Dispose();
        scope.Dispose();
        Same(7f, parameter.Values.Span[0]);
        using var optimizer = new SGD([parameter]);
        foreach (Action call in (Action[])[averages.Update, () => averages.Update([parameter]), () => averages.Update(state), () => averages.StateDict(), () => averages.LoadStateDict(state),
            () => averages.Average("w"), () => averages.SwapIn(), () => averages.CopyTo([parameter]), () => averages.Rebind([parameter]), () => new TrainingStep(optimizer, new() { Averages = averages }).Step()])
        {
            Refused<ObjectDisposedException>(call, "AveragedParameters");
        }
        Same(7f, parameter.Values.Span[0]);
    }

    static void KeptState()
    {
        var parameter = Ones("w", 10_000);
        var optimizer = new Adam([parameter]);
        optimizer.Step();
        var state = optimizer.StateOf(parameter)!;
        var saved = optimizer.StateDict();
        optimizer.LoadStateDict(saved); // the state is another one now
        Refused<KeyNotFoundException>(() => state.Tensor("exp_avg"), "exp_avg");
        state = optimizer.StateOf(parameter)!;
        optimizer.Dispose();
        Refused<KeyNotFoundException>(() => state.Tensor("exp_avg"), "exp_avg");
        Refused<KeyNotFoundException>(() => state.ShapeOf("exp_avg"), "exp_avg");
    }
}
