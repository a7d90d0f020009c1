namespace OptimSharp.Engine;

/// <summary>
/// What a training step does around the rules of an optimizer's step: what it demands of the gradients and does to them before, the average
/// and the gradients' end after. Set anew for each step; kept between steps.
/// </summary>
internal sealed partial class StepFrame
{
    readonly GradientPass all = new();      // the gradients of the step
    readonly GradientPass separate = new(); // those of them that are changed before the rules, not with them
    readonly GradientPass sparse = new();   // those that are sparse
    readonly List<Parameter> unzeroed = [];
    AverageStep? average;
    bool holds;    // has the averages, until the end of the step
    bool isShared; // parameters share a gradient that is changed: that is done once, apart from the rules
    AverageRule<float> averageOfFloats;
    AverageRule<double> averageOfDoubles;

    /// <summary>The largest norm of all gradients; infinite for none.</summary>
    public double MaxNorm { get; set; }

    /// <summary>Of which order the norm is.</summary>
    public double Order { get; set; }

    /// <summary>Whether a step with a number that is not finite is left out.</summary>
    public bool SkipsNotFinite { get; set; }

    /// <summary>Whether gradients must be there, and none of type Float16, because the loss was scaled.</summary>
    public bool IsScaled { get; set; }

    /// <summary>Whether a gradient was found not finite before the step.</summary>
    public bool IsLost { get; set; }

    /// <summary>What becomes of the gradients.</summary>
    public GradientsAfter After { get; set; }

    /// <summary>What averages the parameters.</summary>
    public AveragedParameters? Averages { get; set; }

    /// <summary>What is done to each number of the gradients. The clipping's factor comes in when the norm is known.</summary>
    public GradientChange Change { get; set; } = GradientChange.None;

    /// <summary>What the step's numbers come to, for its statistics; null when nobody asked.</summary>
    public StepMeasures? Measures { get; set; }

    /// <summary>What is done to gradients before they are clipped.</summary>
    public GradientChange Unclipped => Change with { Clip = 1, Limit = double.PositiveInfinity };

    /// <summary>The norm, after unscaling and before clipping; NaN when nothing asked for it.</summary>
    public double Norm { get; private set; }

    /// <summary>Whether the step was left out.</summary>
    public bool Skipped { get; private set; }

    /// <summary>Whether the step was taken: from here on nothing can take it back.</summary>
    public bool IsTaken { get; private set; }

    /// <summary>A parameter whose gradient is not finite, when that was looked for.</summary>
    public Parameter? NotFinite { get; private set; }

    /// <summary>What the step does with the memory of gradients.</summary>
    public GradientUse Use => After == GradientsAfter.Zeroed || After == GradientsAfter.Kept && Changes ? GradientUse.Write
        : Changes ? GradientUse.Change : GradientUse.Read;

    /// <summary>Whether gradients are clipped by their norm, where it is too large.</summary>
    public bool Clips => !double.IsPositiveInfinity(MaxNorm);

    bool Changes => Clips || !Change.IsNone;

    /// <summary>Begins a step. Throws when the averages can't be updated.</summary>
    /// <param name="holdsAverages">Whether averages are updated with the rules, so that nobody else may until <see cref="End"/>.</param>
    public void Begin(bool holdsAverages)
    {
        (Norm, Skipped, NotFinite, IsTaken, isShared) = (double.NaN, false, null, false, false);
        average = Averages?.Begin(holdsAverages);
        holds = holdsAverages;
        Measures?.Begin();
        if (average is { } step)
            (averageOfFloats, averageOfDoubles) = (new(step), new(step));
    }

    /// <summary>
    /// Looks at the open gradients and decides. When the step is to be taken, those that are sparse are changed now, for rules to be planned with them.
    /// </summary>
    public bool Decide(Span<StepContext.Entry> entries)
    {
        foreach (ref var entry in entries)
        {
            if (entry.Present)
                all.Add(entry.Parameter, entry.Memory, entry.Rows);
        }
        Measures?.Open(all);
        isShared = Use != GradientUse.Read && all.FindShared() && Use == GradientUse.Write;
        bool goesOn = Decide(all);
        if (goesOn && (!Change.IsNone || Measures is not null))
        {
            bool mayFail = HasDevice(entries);
            foreach (ref var entry in entries)
            {
                if (!entry.Present || entry.Rows is null)
                    continue;
                if (mayFail)
                    entry.Rows.Own(entry.Memory.Rows!.Value);
                sparse.Add(entry.Parameter, entry.Memory, entry.Rows);
            }
            Measure(sparse, isAll: false);
            sparse.Change(Change, keeps: false); // what the user sees of them follows when nothing is left to fail for want of memory
        }
        return goesOn;
    }

    /// <summary>Whether a parameter is on a device, which may have too little memory for the step.</summary>
    static bool HasDevice(Span<StepContext.Entry> entries)
    {
        foreach (ref var entry in entries)
        {
            if (entry.Present && entry.Parameter.Backend is not HostBackend)
                return true;
        }
        return false;
    }

    /// <summary>Looks at gradients and decides, then changes all of them in place: for an optimizer that evaluates them several times a step.</summary>
    public bool DecideAndChange(GradientPass gradients, bool isFirst)
    {
        if (isFirst)
            Measures?.Open(gradients);
        bool goesOn = Decide(gradients, measures: isFirst);
        if (isFirst && goesOn)
            Measure(gradients, isAll: true);
        if (goesOn)
            gradients.Change(Change, keeps: true);
        Skipped &= isFirst; // the optimizer itself knows what to do with a later point that is not finite
        return goesOn;
    }

    /// <summary>After a step in which gradients were changed in place: what follows the rules.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="norm">The first evaluation's norm.</param>
    /// <param name="factor">What its gradients were clipped by.</param>
    public void AfterAll(Optimizer optimizer, double norm, double factor)
    {
        (Norm, IsTaken) = (norm, true);
        Change = Change with { Clip = factor };
        try
        {
            Measures?.CompareAll();
            if (After == GradientsAfter.Zeroed)
                optimizer.ZeroGrad(setToNull: false);
            Averages?.Update();
        }
        catch (Exception e) when (e is IDeviceFailure failure)
        {
            throw failure.Saying(IDeviceFailure.Taken);
        }
    }

    /// <summary>Whether a parameter's change, average and zeros can be done with its rule.</summary>
    public bool CanFuse(in StepContext.Entry entry) => !isShared && entry.Memory.Rows is null
        && (!entry.Memory.Values.IsNull || Measures is null && !entry.OnHost && entry.Parameter.Backend.CanFrame(entry.Parameter));

    /// <summary>Takes the memory that the frame's part of the step needs, with the rules planned, and looks at what is changed apart from them. Changes nothing.</summary>
    public void Reserve(Span<StepContext.Entry> entries)
    {
        if (!Change.IsNone || Measures is not null)
            ReserveSeparate(entries);
        Averages?.Reserve();
    }

    void ReserveSeparate(Span<StepContext.Entry> entries)
    {
        foreach (ref var entry in entries)
        {
            if (entry.Present && !entry.Fused && entry.Memory.Rows is null)
                separate.Add(entry.Parameter, entry.Memory, null);
            if (entry.Present && !entry.Fused)
                Measures?.Keep(entry.Parameter, entry.Memory.Values);
        }
        Measure(separate, isAll: false);
        separate.Reserve(Change);
    }

    /// <summary>Changes the gradients of rules that look at whole tensors or run elsewhere.</summary>
    /// <param name="hasBegun">Becomes true when a gradient is about to change.</param>
    public void BeforeRules(ref bool hasBegun)
    {
        if (Change.IsNone)
            return;
        bool keeps = After != GradientsAfter.Dropped;
        hasBegun |= !separate.IsEmpty || keeps && !sparse.IsEmpty;
        if (keeps)
            sparse.Keep();
        separate.Change(Change, keeps);
    }

    /// <summary>After the rules: what was not done with them. A function of the user's that averages comes last.</summary>
    public void AfterRules(Span<StepContext.Entry> entries)
    {
        IsTaken = true;
        if (Measures is not null)
            Compare(entries);
        FinishGradients(entries);
        Averages?.Finish();
    }

    void Compare(Span<StepContext.Entry> entries)
    {
        foreach (ref var entry in entries)
        {
            if (entry.Present && !entry.Fused)
                Measures!.Compare(entry.Parameter, entry.Memory.Values);
        }
        Measures!.Sum();
    }

    /// <summary>Sums the squares of gradients as they are before they are clipped, when that is still to be done.</summary>
    void Measure(GradientPass gradients, bool isAll)
    {
        if (Measures is not { NeedsGradients: true })
            return;
        gradients.Norm(new NormOrder(2), Unclipped);
        Measures.TakeGradients(gradients, isAll);
    }

    void FinishGradients(Span<StepContext.Entry> entries)
    {
        if (After == GradientsAfter.Dropped)
            return;
        foreach (ref var entry in entries)
        {
            if (!entry.Present)
                continue;
            if (After == GradientsAfter.Zeroed && (!entry.Fused || entry.Memory.IsCopy))
                unzeroed.Add(entry.Parameter);
            else if (After == GradientsAfter.Kept && entry.Fused && entry.Memory.IsCopy && !Change.IsNone)
                entry.Parameter.KeepGradient();
        }
    }

    /// <summary>Once the parameters are closed.</summary>
    public void End()
    {
        if (holds)
            Averages?.End();
        (holds, IsTaken) = (false, false);
        all.Clear();
        separate.Clear();
        sparse.Clear();
        foreach (var parameter in unzeroed)
            parameter.ZeroGrad(setToNull: false);
        unzeroed.Clear();
    }

    /// <summary>Updates a stretch of an average by the parameter that was just updated.</summary>
    public unsafe void TakeIntoAverage(in Work work, nint first, nint last, bool wide)
    {
        var taken = new Work
        {
            Param = new(work.Average),
            Grad = work.Param,
            ParamType = work.AverageType,
            GradType = work.ParamType,
            Count = work.Count,
        };
        if (work.AverageType == ElementType.Float64)
            HostKernel<AverageRule<double>, double>.Run(averageOfDoubles, taken, first, last, wide);
        else
            HostKernel<AverageRule<float>, float>.Run(averageOfFloats, taken, first, last, wide);
    }

    bool Decide(GradientPass gradients, bool measures = true)
    {
        if (!double.IsPositiveInfinity(Change.Limit) && gradients.FindComplex() is { } complex)
            throw new InvalidOperationException(Gradients.ComplexLimit(complex));
        if (IsScaled && gradients.IsEmpty)
            throw GradScaler.NoGradient();
        if (IsScaled && Change.Unscale != 1 && gradients.FindHalf() is { } half)
            throw new InvalidOperationException(GradScaler.HalfGradient(half));
        if (!Clips && !SkipsNotFinite && !IsScaled)
            return true;
        var order = new NormOrder(Order);
        var stored = Change with { Limit = double.PositiveInfinity }; // by value is clipped last
        Norm = gradients.Norm(order, stored);
        if (Order == 2 && measures)
            Measures?.TakeGradients(gradients, isAll: true);
        if (SkipsNotFinite || IsScaled)
            NotFinite = gradients.FindNotFinite(order, stored);
        Skipped = NotFinite is not null || IsLost;
        if (Skipped)
            Measure(gradients, isAll: true);
        if (Clips && !Skipped)
            Change = Change with { Clip = Gradients.ClipFactor(MaxNorm, Norm) };
        return !Skipped;
    }
}
