namespace OptimSharp.Schedulers;

/// <summary>Brings the rates up to a maximum and down to almost nothing, once; the momentum the other way round. Step it after every batch.</summary>
/// <remarks>
/// <para>
/// With initial = max/div, min = initial/finalDiv and N steps: from step 0 to pct·N − 1 initial → max, then to N − 1 max → min. With three
/// phases: to pct·N − 1 initial → max, to 2·pct·N − 2 max → initial, to N − 1 initial → min. It sets the rate, whatever it was, and it
/// sets the groups' <see cref="ParameterGroup.InitialLearningRate"/> to initial.
/// </para>
/// <para>
/// Smith and Topin, "Super-convergence: very fast training of neural networks using large learning rates", 2018. PyTorch's
/// <c>OneCycleLR</c>, except: after step N − 1 the rate stays (there one more step overshoots and the next throws), and a phase of no
/// length is left out (there 0/0, where pct·N is 1).
/// </para>
/// </remarks>
public sealed class OneCycleLR : LRScheduler
{
    /// <summary>PyTorch's <c>final_div_factor</c>, if nothing else is said.</summary>
    internal const double UsualFinalDivisor = 1e4;

    PerGroup initial, maxLr, min, baseMomentum, maxMomentum;
    bool readsGroups, writesGroups;
    OneCyclePhase[] phases;

    /// <param name="optimizer">The optimizer whose groups' rates are set.</param>
    /// <param name="maxLr">The highest rate, ≥ 0: one for all groups or one for each.</param>
    /// <param name="totalSteps">The number N of steps, ≥ 1. Default <paramref name="epochs"/> · <paramref name="stepsPerEpoch"/>.</param>
    /// <param name="epochs">The number of epochs, ≥ 1, where <paramref name="totalSteps"/> is not given.</param>
    /// <param name="stepsPerEpoch">The number of batches in an epoch, ≥ 1.</param>
    /// <param name="pctStart">The part of the steps in which the rate rises, in [0, 1]. Default 0.3.</param>
    /// <param name="annealStrategy">Along half cosines (the default) or in straight lines.</param>
    /// <param name="cycleMomentum">Whether the momentum (the first of <c>betas</c> or <c>beta1</c>, where there is one) moves, too. Default true.</param>
    /// <param name="baseMomentum">The momentum at the highest rate, ≥ 0. Default 0.85.</param>
    /// <param name="maxMomentum">The momentum at the start and the end, ≥ 0. Default 0.95.</param>
    /// <param name="divFactor">The first rate is max/div, &gt; 0. Default 25.</param>
    /// <param name="finalDivFactor">The last rate is the first one divided by this, &gt; 0. Default 10⁴.</param>
    /// <param name="threePhase">Whether the rate comes down to the first one as it went up, and then to the last one. Default false.</param>
    /// <param name="lastEpoch">−1 to start; see <see cref="LRScheduler"/> for going on.</param>
    /// <exception cref="ArgumentException">An argument is out of range, a list has not one value for each group, or the momentum is to
    /// be cycled and the optimizer has none.</exception>
    public OneCycleLR(Optimizer optimizer, PerGroup maxLr, int? totalSteps = null, int? epochs = null, int? stepsPerEpoch = null,
        double pctStart = 0.3, AnnealStrategy annealStrategy = AnnealStrategy.Cos, bool cycleMomentum = true,
        PerGroup? baseMomentum = null, PerGroup? maxMomentum = null, double divFactor = 25.0, double finalDivFactor = UsualFinalDivisor,
        bool threePhase = false, long lastEpoch = -1) : base(optimizer, lastEpoch)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(totalSteps ?? 1, 1, nameof(totalSteps));
        ArgumentOutOfRangeException.ThrowIfLessThan(epochs ?? 1, 1, nameof(epochs));
        ArgumentOutOfRangeException.ThrowIfLessThan(stepsPerEpoch ?? 1, 1, nameof(stepsPerEpoch));
        TotalSteps = totalSteps ?? (long?)epochs * stepsPerEpoch ?? throw new ArgumentException("Give totalSteps, or epochs and stepsPerEpoch.", nameof(totalSteps));
        if (!(pctStart is >= 0 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(pctStart), pctStart, $"pctStart must be in [0, 1], but is {pctStart}.");
        maxLr.CheckCount(optimizer.ParameterGroups.Count, nameof(maxLr));
        foreach (double rate in maxLr.Distinct)
        {
            if (!(rate >= 0 && double.IsFinite(rate)))
                throw new ArgumentOutOfRangeException(nameof(maxLr), rate, $"maxLr must be ≥ 0 and finite, but is {rate}.");
        }
        CheckDivisor(divFactor, nameof(divFactor));
        CheckDivisor(finalDivFactor, nameof(finalDivFactor));
        (this.maxLr, initial) = (maxLr, maxLr.Select(rate => rate / divFactor));
        min = initial.Select(rate => rate / finalDivFactor);
        (this.baseMomentum, this.maxMomentum) = (baseMomentum ?? 0.85, maxMomentum ?? 0.95);
        (AnnealStrategy, CycleMomentum) = (annealStrategy, cycleMomentum);
        phases = OneCyclePhase.All(TotalSteps, pctStart, threePhase);
        if (cycleMomentum)
            CycledMomentum.CheckSupport(optimizer, nameof(cycleMomentum));
        readsGroups = lastEpoch >= 0;
        Start();
    }

    /// <summary>The number of steps.</summary>
    public long TotalSteps { get; private set; }

    /// <summary>The highest rate.</summary>
    public PerGroup MaxLR => maxLr;

    /// <summary>The last rate.</summary>
    public PerGroup MinLR => min;

    /// <summary>The curve.</summary>
    public AnnealStrategy AnnealStrategy { get; private set; }

    /// <summary>Whether the momentum moves, too.</summary>
    public bool CycleMomentum { get; private set; }

    /// <summary>The rate at a step, without an optimizer.</summary>
    /// <param name="step">The step, ≥ 0.</param>
    /// <param name="maxLr">The highest rate, ≥ 0: one for all groups or one for each.</param>
    /// <param name="totalSteps">The number N of steps, ≥ 1.</param>
    /// <param name="pctStart">The part of the steps in which the rate rises, in [0, 1]. Default 0.3.</param>
    /// <param name="annealStrategy">Along half cosines (the default) or in straight lines.</param>
    /// <param name="divFactor">The first rate is max/div, &gt; 0. Default 25.</param>
    /// <param name="finalDivFactor">The last rate is the first one divided by this, &gt; 0. Default 10⁴.</param>
    /// <param name="threePhase">Whether the rate comes down to the first one as it went up, and then to the last one. Default false.</param>
    public static double At(long step, double maxLr, int totalSteps, double pctStart = 0.3, AnnealStrategy annealStrategy = AnnealStrategy.Cos,
        double divFactor = 25.0, double finalDivFactor = 1e4, bool threePhase = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        ArgumentOutOfRangeException.ThrowIfLessThan(totalSteps, 1);
        var (phase, time) = OneCyclePhase.At(step, OneCyclePhase.All(totalSteps, pctStart, threePhase), totalSteps);
        double first = maxLr / divFactor;
        double Value(OneCycleLevel level) => level switch { OneCycleLevel.Initial => first, OneCycleLevel.Max => maxLr, _ => first / finalDivFactor };
        return Anneal(Value(phase.From), Value(phase.To), time, annealStrategy);
    }

    internal override long? PlannedSteps => TotalSteps;

    internal override double? LowestRate(int group) => min[group];

    private protected override void Describe(Fields fields)
    {
        TotalSteps = fields.Whole(TotalSteps, "total_steps", atLeast: 1);
        phases = OneCyclePhase.Describe(phases, fields, TotalSteps);
        AnnealStrategy = fields.Choice(AnnealStrategy, "_anneal_func_type", ["cos", "linear"], optional: true);
        CycleMomentum = fields.Flag(CycleMomentum, "cycle_momentum", optional: true);
        fields.Derived("use_beta1", CycledMomentum.IsBeta(Optimizer));
        fields.Ignore("initial_lrs", "min_lrs"); // of highest rates that are kept, these follow
        if (!fields.Keeps("max_lrs"))
            initial = fields.Each(initial, "initial_lrs", optional: true); // PyTorch keeps these in the groups only
        maxLr = fields.Each(maxLr, "max_lrs", optional: true);
        if (!fields.Keeps("max_lrs"))
            min = fields.Each(min, "min_lrs", optional: true);
        double below = CycleMomentum && CycledMomentum.IsBeta(Optimizer) ? 1 : double.NaN;
        baseMomentum = fields.Each(baseMomentum, "base_momentums", below: below, optional: true);
        maxMomentum = fields.Each(maxMomentum, "max_momentums", below: below, optional: true);
        fields.Ignore("anneal_func");
        base.Describe(fields);
        if (fields.IsLoading)
            (readsGroups, writesGroups) = (!fields.Has("max_lrs") && !fields.Keeps("max_lrs"), fields.Keeps("max_lrs"));
    }

    private protected override void Prepare(ParameterGroup group, int index, bool resumes)
    {
        if (resumes)
            return;
        WriteRates(group, index);
        if (CycleMomentum)
            CycledMomentum.Prepare(group, baseMomentum[index], maxMomentum[index], resumes);
    }

    private protected override bool StartsFromGroup => false;

    private protected override double NewBaseRate(ParameterGroup group, int index)
    {
        group.InitialLearningRate = initial[index];
        return initial[index];
    }

    private protected override double Next(in RateStep x)
    {
        var (phase, time) = OneCyclePhase.At(x.Epoch, phases, TotalSteps);
        return Anneal(Rate(phase.From, x.Group), Rate(phase.To, x.Group), time, AnnealStrategy);
    }

    private protected override double First(in RateStep x) => Next(x);

    private protected override double Resume(in RateStep x) => Next(x);

    private protected override double? Momentum(long epoch, int group)
    {
        if (!CycleMomentum)
            return null;
        var (phase, time) = OneCyclePhase.At(epoch, phases, TotalSteps);
        double Value(OneCycleLevel level) => level == OneCycleLevel.Max ? baseMomentum[group] : maxMomentum[group];
        return Anneal(Value(phase.From), Value(phase.To), time, AnnealStrategy);
    }

    internal override bool CyclesMomentum => CycleMomentum;

    internal override double? ClosedForm(long epoch, int group) => Next(new(epoch, group, 0, 0));

    internal override void AdoptNewGroups()
    {
        FollowGroups();
        if (readsGroups)
        {
            readsGroups = false;
            initial = initial.ReadFrom(Places.Met, "initial_lr");
            maxLr = maxLr.ReadFrom(Places.Met, "max_lr");
            min = min.ReadFrom(Places.Met, "min_lr");
            baseMomentum = baseMomentum.ReadFrom(Places.Met, "base_momentum");
            maxMomentum = maxMomentum.ReadFrom(Places.Met, "max_momentum");
        }
        if (writesGroups)
        {
            writesGroups = false;
            foreach (var (i, group) in Places.Met.Index())
                WriteRates(group, i);
        }
        base.AdoptNewGroups();
    }

    /// <summary>What PyTorch reads out of the groups.</summary>
    void WriteRates(ParameterGroup group, int index)
    {
        group.InitialLearningRate = initial[index];
        group.Extras["max_lr"] = maxLr[index];
        group.Extras["min_lr"] = min[index];
    }

    double Rate(OneCycleLevel level, int group) => level switch { OneCycleLevel.Initial => initial[group], OneCycleLevel.Max => maxLr[group], _ => min[group] };

    static double Anneal(double from, double to, double time, AnnealStrategy strategy) => strategy == AnnealStrategy.Cos
        ? to + (from - to) / 2 * (Math.Cos(Math.PI * time) + 1)
        : (to - from) * time + from;

    static void CheckDivisor(double value, string name)
    {
        if (!(value > 0) || double.IsInfinity(value))
            throw new ArgumentOutOfRangeException(name, value, $"{name} must be > 0 and finite, but is {value}.");
    }
}
