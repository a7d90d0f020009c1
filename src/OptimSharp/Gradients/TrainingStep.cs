using System.Runtime.ExceptionServices;
using OptimSharp.Engine;

namespace OptimSharp;

/// <summary>
/// All that happens between <c>backward()</c> and the next batch, in at most two passes over memory: gradients of micro-batches averaged, unscaled,
/// checked, clipped; the optimizer's step; the average of the weights; the gradients' end.
/// </summary>
/// <remarks>
/// <para>
/// The first pass reads all gradients: their norm, and whether all numbers are finite. The second does the rest, a stretch at a time that
/// stays in the processor's cache. The results have the bits of the separate calls in this order: <see cref="GradScaler.Unscale"/>,
/// <see cref="Gradients.Scale"/> by 1/n, <see cref="Gradients.ClipNorm"/>, <see cref="Gradients.ClipValue"/>, <see cref="Optimizer.Step()"/>,
/// <see cref="AveragedParameters.Update()"/>, <see cref="Optimizer.ZeroGrad"/>, <see cref="GradScaler.Update"/>.
/// </para>
/// <para>
/// A step whose gradients are not finite is left out: parameters, state, counts, averages and schedules stay as they are, and the gradients are
/// dropped or zeroed, so that they don't spoil the next. The optimizer's <see cref="Optimizer.Stepping"/> is raised before gradients are
/// looked at, <see cref="Optimizer.Stepped"/> only after a step that was taken.
/// </para>
/// <para>
/// What throws before the update leaves everything as it was. An averaging function or a handler of <see cref="Optimizer.Stepped"/> that throws
/// leaves the step taken (an averaging function that throws, the averages as they were); gradients, scaler and schedulers follow all the same, and
/// then the exception comes out. A scheduler that throws leaves the step taken and those before it in the list stepped, not those after it.
/// </para>
/// <para>
/// What is not elementwise in host memory (<see cref="Muon"/>, <see cref="Adafactor"/>, <see cref="LBFGS"/>, sparse gradients, other devices) gets
/// the same results in passes of its own. Nothing is allocated once warm. Not for use by several threads at once.
/// </para>
/// </remarks>
/// <example><code>
/// using var optimizer = new AdamW(model.Parameters());
/// using var averages = new AveragedParameters(model.Parameters(), Averaging.Ema(0.999));
/// var step = new TrainingStep(optimizer, new() { MaxNorm = 1, Averages = averages });
/// foreach (var (input, target) in loader)
/// {
///     using var loss = lossFunction.forward(model.forward(input), target);
///     loss.backward();
///     step.Step();
/// }
/// </code></example>
public sealed class TrainingStep
{
    readonly StepFrame frame = new();
    StepMeasures? measures;
    long taken, clipped, skipped; // steps
    TrainingStepOptions options;

    /// <param name="optimizer">The optimizer whose steps are taken. It may also be stepped by itself.</param>
    /// <param name="options">What is done besides.</param>
    /// <exception cref="ArgumentException">An option is out of range, or options don't go together.</exception>
    public TrainingStep(Optimizer optimizer, TrainingStepOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        Optimizer = optimizer;
        Options = this.options = options ?? new();
    }

    /// <summary>The optimizer.</summary>
    public Optimizer Optimizer { get; }

    /// <summary>What is done besides the optimizer's step. Set to change it from the next step on.</summary>
    /// <exception cref="ArgumentException">An option is out of range, or options don't go together. Nothing was changed.</exception>
    public TrainingStepOptions Options
    {
        get => options;
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            value.Check(Optimizer);
            options = value;
        }
    }

    /// <summary>How many micro-batches were gathered since the last step.</summary>
    public int Gathered { get; private set; }

    /// <summary>
    /// Takes the gradients that <c>backward()</c> left, or added, in the parameters: of the last micro-batch, and the step follows; of an earlier one, and they wait.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// A gradient does not fit its parameter or can't be clipped, unscaled or zeroed as asked for, averages are swapped into the parameters, or the scaler was not updated. Nothing was changed.
    /// Or another thread is using the optimizer, or this is within a step.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The optimizer was disposed. Nothing was changed.</exception>
    public StepReport Step() => Gathered + 1 < options.MicroBatches ? Wait() : Take(Gathered + 1);

    /// <summary>
    /// Runs a closure that computes the loss and its gradients, then does as <see cref="Step()"/>. <see cref="LBFGS"/> evaluates it several times; its gradients are
    /// unscaled and clipped after each.
    /// </summary>
    /// <param name="closure">Computes the loss and its gradients (for LBFGS, drops those before first) and returns the loss.</param>
    /// <param name="loss">What the closure returned, the first time.</param>
    /// <inheritdoc cref="Step()" path="/exception"/>
    public StepReport Step<TLoss>(Func<TLoss> closure, out TLoss loss)
    {
        ArgumentNullException.ThrowIfNull(closure);
        if (Gathered + 1 < options.MicroBatches)
        {
            using var turn = Optimizer.Turn.Enter("Step", within: Stage.After, Stage.Before);
            loss = Optimizer.Evaluate(closure);
            return Wait();
        }
        return Take(Gathered + 1, closure, out loss);
    }

    /// <summary>Takes the step with the micro-batches that were gathered, though there are fewer than planned: at the end of an epoch. Without any it does nothing.</summary>
    /// <inheritdoc cref="Step()"/>
    public StepReport Finish() => Gathered == 0 ? Report(StepOutcome.Gathering) : Take(Gathered);

    /// <summary>Forgets the micro-batches that were gathered, and their gradients.</summary>
    /// <inheritdoc cref="Optimizer.ZeroGrad" path="/exception"/>
    public void Discard()
    {
        Optimizer.ZeroGrad(options.GradientsAfter != GradientsAfter.Zeroed);
        Gathered = 0;
    }

    StepReport Wait()
    {
        Optimizer.Turn.Check();
        if (Optimizer.Distributor is { } distributor)
            throw new InvalidOperationException($"MicroBatches is {options.MicroBatches}, but a {distributor.GetType().Name} steps this optimizer, which gathers micro-batches itself: give it several shards for each rank, and leave MicroBatches at 1.");
        Gathered++;
        return Report(StepOutcome.Gathering);
    }

    StepReport Take(int batches)
    {
        using var turn = Optimizer.BeginStep();
        return Update(batches);
    }

    StepReport Take<TLoss>(int batches, Func<TLoss> closure, out TLoss loss)
    {
        using var turn = Optimizer.BeginStep(evaluates: true);
        if (Optimizer.NeedsClosure)
            return Update(batches, closure, out loss);
        loss = Optimizer.Evaluate(closure);
        return Update(batches);
    }

    StepReport Update(int batches)
    {
        ExceptionDispatchInfo? failure = null;
        try
        {
            Begin(batches);
            Optimizer.UpdateWithin(frame);
            if (!frame.Skipped)
                Optimizer.AfterStep();
        }
        catch (Exception e) when (frame.IsTaken)
        {
            failure = ExceptionDispatchInfo.Capture(e);
        }
        finally
        {
            frame.End();
        }
        return Complete(failure);
    }

    /// <summary>A step that evaluates the closure several times: the gradients are treated after each.</summary>
    StepReport Update<TLoss>(int batches, Func<TLoss> closure, out TLoss loss)
    {
        TLoss first = default!;
        ExceptionDispatchInfo? failure = null;
        try
        {
            Begin(batches);
            Repeat(closure, (value) => first = value);
            if (!frame.Skipped)
                Optimizer.AfterStep();
        }
        catch (Exception e) when (frame.IsTaken)
        {
            failure = ExceptionDispatchInfo.Capture(e);
        }
        finally
        {
            frame.End();
        }
        loss = first;
        return Complete(failure);
    }

    void Begin(int batches)
    {
        var scaler = options.Scaler;
        bool scaled = scaler is { IsEnabled: true };
        frame.MaxNorm = options.MaxNorm ?? double.PositiveInfinity;
        frame.Order = options.NormOrder;
        frame.SkipsNotFinite = options.SkipNotFinite;
        frame.After = options.GradientsAfter;
        frame.Averages = options.Averages;
        frame.Measures = options.Statistics ? measures ??= new(Optimizer) : null;
        frame.IsScaled = scaled;
        frame.IsLost = scaled && scaler!.IsOverflown(Optimizer);
        frame.Change = (scaled ? scaler!.UnscalingOf(Optimizer, "A step") : GradientChange.None) with
        {
            Mean = 1.0 / batches,
            Limit = options.MaxValue ?? double.PositiveInfinity,
        };
        frame.Begin(holdsAverages: !Optimizer.NeedsClosure);
    }

    /// <summary>What follows once the optimizer is through, and then what a handler or an averaging function threw after the update.</summary>
    StepReport Complete(ExceptionDispatchInfo? failure)
    {
        Optimizer.Turn.GoTo(Stage.After);
        Gathered = 0;
        Optimizer.HasStepped = true; // so that a scheduler that is stepped next does not warn
        if (!Optimizer.Turn.IsDisposed && (frame.After == GradientsAfter.Dropped || frame.After == GradientsAfter.Zeroed && frame.Skipped))
            Optimizer.ZeroGrad(frame.After == GradientsAfter.Dropped);
        (taken, clipped, skipped) = frame.Skipped ? (taken, clipped, skipped + 1) : (taken + 1, frame.Change.Clip == 1 ? clipped : clipped + 1, skipped);
        var report = Report(frame.Skipped ? StepOutcome.Skipped : StepOutcome.Updated);
        if (frame.Measures is { } measured)
            report = report with { Statistics = new(report, measured, taken, clipped, skipped) };
        if (options.Scaler is { IsEnabled: true } scaler)
        {
            scaler.Record(Optimizer, frame.Skipped);
            if (options.UpdateScaler)
                scaler.Update();
        }
        if (!frame.Skipped && !Optimizer.Turn.IsDisposed)
        {
            for (int i = 0; i < options.Schedulers.Count; i++)
                options.Schedulers[i].Step();
        }
        failure?.Throw();
        return report;
    }

    StepReport Report(StepOutcome outcome) => outcome == StepOutcome.Gathering
        ? new(outcome, double.NaN, 1, options.Scaler?.CurrentScale ?? 1, null)
        : new(outcome, frame.Norm, frame.Change.Clip, options.Scaler?.CurrentScale ?? 1, frame.Skipped ? frame.NotFinite : null);

    void Repeat<TLoss>(Func<TLoss> closure, Action<TLoss> take)
    {
        bool evaluated = false;
        var change = frame.Change;
        frame.Measures?.KeepAll();
        double norm = double.NaN, factor = 1;
        try
        {
            Optimizer.UpdateWithin(() =>
            {
                var loss = closure();
                frame.Change = change;
                var pass = GradientPass.Open(Optimizer, GradientUse.Write);
                try
                {
                    bool goesOn = frame.DecideAndChange(pass, isFirst: !evaluated);
                    if (!evaluated)
                    {
                        (evaluated, norm, factor) = (true, frame.Norm, frame.Change.Clip);
                        take(loss);
                        if (!goesOn)
                            throw new LeftOut();
                    }
                }
                finally
                {
                    pass.Close();
                }
                return loss;
            });
            frame.AfterAll(Optimizer, norm, factor);
        }
        catch (LeftOut)
        {
        }
    }

    /// <summary>Ends an optimizer's step from within its closure: it puts everything back as it was.</summary>
    sealed class LeftOut : Exception;
}
