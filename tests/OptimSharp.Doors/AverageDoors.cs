using OptimSharp.Schedulers;
using static OptimSharp.Doors.Door;

namespace OptimSharp.Doors;

/// <summary>Averages from within their functions, and what throws after a step was taken.</summary>
static class AverageDoors
{
    const string NotThere = "which is not done";

    public static IEnumerable<(string Name, Action Try)> All =>
    [
        ("dispose averages in their function", DisposeInFunction),
        ("dispose averages in their function, within a training step", DisposeInFunctionWithinStep),
        ("change averages in their function", ChangeInFunction),
        ("swap averages in in Stepping of a training step", SwapInStepping),
        ("an averaging function that throws within a training step", FunctionThrows),
        ("a handler of Stepped that throws within a training step", SteppedThrows),
        ("a scheduler that throws within a training step", SchedulerThrows),
        ("a handler of Stepped or StateLoaded that throws", HandlersThrow),
    ];

    static void DisposeInFunction()
    {
        var parameter = Ones("w", 10_000);
        AveragedParameters? averages = null;
        averages = new([parameter], Averaging.AllTensors((_, _, _) => averages!.Dispose()));
        averages.Update();
        averages.Update();
        Refused<ObjectDisposedException>(averages.Update, "AveragedParameters");
    }

    static void DisposeInFunctionWithinStep()
    {
        foreach (bool ofOptimizer in new[] { false, true })
        {
            var parameter = Ones("w", 10_000);
            var optimizer = new Adam([parameter]);
            AveragedParameters? averages = null;
            averages = new([parameter], Averaging.AllTensors((_, _, _) =>
            {
                if (ofOptimizer)
                    optimizer.Dispose();
                else
                    averages!.Dispose();
            }));
            averages.Update();
            var step = new TrainingStep(optimizer, new() { Averages = averages, GradientsAfter = GradientsAfter.Zeroed });
            Same(StepOutcome.Updated, step.Step().Outcome);
            Refused<ObjectDisposedException>(() => step.Step(), ofOptimizer ? "Adam" : "AveragedParameters");
        }
    }

    static void ChangeInFunction()
    {
        var parameter = Ones("w", 100);
        AveragedParameters? averages = null;
        StateDict? state = null;
        averages = new([parameter], Averaging.PerTensor((average, _, _) =>
        {
            foreach (Action call in (Action[])[averages!.Update, () => averages!.SwapIn(), () => averages!.CopyTo([parameter]), () => averages!.LoadStateDict(state!), () => averages!.Rebind([parameter])])
                Refused<InvalidOperationException>(call, NotThere);
            Same(1f, averages!.Average("w").ToArray<float>()[0]);
            averages.StateDict();
            average.Fill(5);
        }));
        averages.Update();
        state = averages.StateDict();
        averages.Update();
        Same((2L, 5f), (averages.Count, averages.Average("w").ToArray<float>()[0]));
        averages.Dispose();
    }

    static void SwapInStepping()
    {
        var parameter = Ones("w", 100);
        using var optimizer = new SGD([parameter]);
        using var averages = new AveragedParameters([parameter]);
        averages.Update();
        IDisposable? scope = null;
        optimizer.Stepping += (_, _) => scope = averages.SwapIn();
        Refused<InvalidOperationException>(() => new TrainingStep(optimizer, new() { Averages = averages }).Step(), "swapped into the parameters");
        scope!.Dispose();
        Same((1f, 1L), (parameter.Values.Span[0], averages.Count));
    }

    static (Parameter<float> Parameter, SGD Optimizer, ExponentialLR Scheduler, GradScaler Scaler, TrainingStep Step) Make(AveragedParameters? averages, Parameter<float> parameter, params LRScheduler[] more)
    {
        var optimizer = new SGD([parameter], new() { LearningRate = 0.25 });
        var scheduler = new ExponentialLR(optimizer, 0.5);
        var scaler = new GradScaler(initialScale: 1, growthInterval: 1);
        return (parameter, optimizer, scheduler, scaler, new(optimizer, new() { Scaler = scaler, Averages = averages, Schedulers = [scheduler, .. more] }));
    }

    static void FunctionThrows()
    {
        var parameter = Ones("w", 10);
        using var averages = new AveragedParameters([parameter], Averaging.PerTensor((average, _, _) =>
        {
            average.Fill(9);
            throw new FormatException("mine");
        }));
        averages.Update();
        var (_, optimizer, scheduler, scaler, step) = Make(averages, parameter);
        Refused<FormatException>(() => step.Step(), "mine");
        Same((0.75f, false, 1L, 2.0, 1L, 1f), (parameter.Values.Span[0], parameter.HasGradient, scheduler.LastEpoch, scaler.CurrentScale, averages.Count, averages.Average("w").ToArray<float>()[0]));
        parameter.Gradient = Enumerable.Repeat(1f, 10).ToArray();
        step.Options = step.Options with { Averages = null, Scaler = null };
        step.Step();
        Same(0.625f, parameter.Values.Span[0]); // ¾ − ⅛
        optimizer.Dispose();
    }

    static void SteppedThrows()
    {
        var parameter = Ones("w", 10);
        using var averages = new AveragedParameters([parameter]);
        var (_, optimizer, scheduler, scaler, step) = Make(averages, parameter);
        optimizer.Stepped += (_, _) => throw new FormatException("mine");
        Refused<FormatException>(() => step.Step(), "mine");
        Same((0.75f, false, 1L, 2.0, 1L), (parameter.Values.Span[0], parameter.HasGradient, scheduler.LastEpoch, scaler.CurrentScale, averages.Count));
        optimizer.Dispose();
    }

    static void SchedulerThrows()
    {
        var parameter = Ones("w", 10);
        var (_, optimizer, scheduler, scaler, step) = Make(null, parameter);
        var throwing = new LambdaLR(optimizer, epoch => epoch > 0 ? throw new FormatException("mine") : 1);
        var last = new ExponentialLR(optimizer, 0.5);
        step.Options = step.Options with { Schedulers = [scheduler, throwing, last] };
        Refused<FormatException>(() => step.Step(), "mine");
        Same((0.75f, false, 1L, 0L, 0L, 2.0, 0), (parameter.Values.Span[0], parameter.HasGradient, scheduler.LastEpoch, throwing.LastEpoch, last.LastEpoch, scaler.CurrentScale, step.Gathered));
        optimizer.Dispose();
    }

    static void HandlersThrow()
    {
        var parameter = Ones("w", 10);
        using var optimizer = new Adam([parameter], new() { LearningRate = 0.5 });
        optimizer.Step();
        var state = optimizer.StateDict();
        EventHandler handler = (_, _) => throw new FormatException("mine");
        optimizer.Stepped += handler;
        Refused<FormatException>(optimizer.Step, "mine");
        Same(2L, optimizer.StateOf(parameter)!.Step);
        optimizer.Stepped -= handler;
        optimizer.StateLoaded += handler;
        Refused<FormatException>(() => optimizer.LoadStateDict(state), "mine");
        Same(1L, optimizer.StateOf(parameter)!.Step);
        optimizer.Step();
        Same(2L, optimizer.StateOf(parameter)!.Step);
        EventHandler<StateDictEventArgs> loading = (_, _) => throw new FormatException("mine");
        optimizer.StateLoading += loading;
        Refused<FormatException>(() => optimizer.LoadStateDict(state), "mine");
        Same(2L, optimizer.StateOf(parameter)!.Step);
    }
}
