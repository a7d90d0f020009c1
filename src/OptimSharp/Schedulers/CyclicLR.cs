namespace OptimSharp.Schedulers;

/// <summary>Moves the rates up and down between two bounds, and the momentum down and up.</summary>
/// <remarks>
/// <para>
/// With total = up + down, cycle c = ⌊1 + e/total⌋ and x = 1 + e/total − c: s = x/(up/total) while rising, then (x − 1)/(up/total − 1);
/// η(e) = base + (max − base)·s·scale, momentum = max_m − (max_m − base_m)·s·scale. It sets the rate, whatever it was.
/// </para>
/// <para>
/// Smith, "Cyclical learning rates for training neural networks", 2017. PyTorch's <c>CyclicLR</c>, except that the first rate is
/// the lower bound even where an earlier scheduler had left its base rate in the groups.
/// </para>
/// </remarks>
public sealed class CyclicLR : LRScheduler
{
    readonly Func<long, double>? scaleFunction;
    PerGroup baseLr, maxLr, baseMomentum, maxMomentum;
    double totalSize, stepRatio;

    /// <param name="optimizer">The optimizer whose groups' rates are set.</param>
    /// <param name="baseLr">The lower bound, ≥ 0: one for all groups or one for each.</param>
    /// <param name="maxLr">The upper bound, ≥ 0.</param>
    /// <param name="stepSizeUp">Epochs from the lower bound to the upper, ≥ 0. Default 2000.</param>
    /// <param name="stepSizeDown">Epochs back, ≥ 0 and not 0 as well. Default <paramref name="stepSizeUp"/>.</param>
    /// <param name="mode">How the height changes over time. Default: it does not.</param>
    /// <param name="gamma">The factor γ of <see cref="CyclicMode.ExpRange"/>, ≥ 0. Default 1.</param>
    /// <param name="scaleFn">The height, from the cycle (1 first) or the epoch; takes the place of <paramref name="mode"/>.</param>
    /// <param name="scaleMode">What <paramref name="scaleFn"/> is given. Default the cycle.</param>
    /// <param name="cycleMomentum">Whether the momentum (the first of <c>betas</c> or <c>beta1</c>, where there is one) moves, too. Default true.</param>
    /// <param name="baseMomentum">The momentum at the upper bound of the rate, ≥ 0. Default 0.8.</param>
    /// <param name="maxMomentum">The momentum at the lower bound, ≥ 0. Default 0.9.</param>
    /// <param name="lastEpoch">−1 to start; see <see cref="LRScheduler"/> for going on.</param>
    /// <exception cref="ArgumentException">An argument is out of range, a list has not one value for each group, or the momentum is to
    /// be cycled and the optimizer has none.</exception>
    public CyclicLR(Optimizer optimizer, PerGroup baseLr, PerGroup maxLr, int stepSizeUp = 2000, int? stepSizeDown = null,
        CyclicMode mode = CyclicMode.Triangular, double gamma = 1.0, Func<long, double>? scaleFn = null, ScaleMode scaleMode = ScaleMode.Cycle,
        bool cycleMomentum = true, PerGroup? baseMomentum = null, PerGroup? maxMomentum = null, long lastEpoch = -1)
        : base(optimizer, lastEpoch)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(stepSizeUp);
        ArgumentOutOfRangeException.ThrowIfNegative(stepSizeDown ?? 0, nameof(stepSizeDown));
        totalSize = (double)stepSizeUp + (stepSizeDown ?? stepSizeUp);
        if (totalSize == 0)
            throw new ArgumentOutOfRangeException(nameof(stepSizeUp), stepSizeUp, "stepSizeUp and stepSizeDown must not both be 0.");
        stepRatio = stepSizeUp / totalSize;
        (this.baseLr, this.maxLr, scaleFunction) = (baseLr, maxLr, scaleFn);
        (this.baseMomentum, this.maxMomentum) = (baseMomentum ?? 0.8, maxMomentum ?? 0.9);
        (Mode, Gamma, CycleMomentum) = (mode, gamma, cycleMomentum);
        ScaleMode = scaleFn is not null ? scaleMode : ModesScale;
        if (cycleMomentum)
            CycledMomentum.CheckSupport(optimizer, nameof(cycleMomentum));
        Start();
    }

    /// <summary>The upper bound.</summary>
    public PerGroup MaxLR => maxLr;

    /// <summary>Epochs in a cycle.</summary>
    public double TotalSize => totalSize;

    /// <summary>How the height changes over time.</summary>
    public CyclicMode Mode { get; private set; }

    /// <summary>The factor of <see cref="CyclicMode.ExpRange"/>.</summary>
    public double Gamma { get; private set; }

    /// <summary>What the height is a function of.</summary>
    public ScaleMode ScaleMode { get; private set; }

    /// <summary>Whether the momentum moves, too.</summary>
    public bool CycleMomentum { get; private set; }

    /// <summary>The rate at an epoch, without an optimizer.</summary>
    /// <param name="epoch">The epoch, ≥ 0.</param>
    /// <param name="baseLr">The lower bound, ≥ 0: one for all groups or one for each.</param>
    /// <param name="maxLr">The upper bound, ≥ 0.</param>
    /// <param name="stepSizeUp">Epochs from the lower bound to the upper, ≥ 0. Default 2000.</param>
    /// <param name="stepSizeDown">Epochs back, ≥ 0 and not 0 as well. Default <paramref name="stepSizeUp"/>.</param>
    /// <param name="mode">How the height changes over time. Default: it does not.</param>
    /// <param name="gamma">The factor γ of <see cref="CyclicMode.ExpRange"/>, ≥ 0. Default 1.</param>
    public static double At(long epoch, double baseLr, double maxLr, int stepSizeUp = 2000, int? stepSizeDown = null,
        CyclicMode mode = CyclicMode.Triangular, double gamma = 1.0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        ArgumentOutOfRangeException.ThrowIfNegative(stepSizeUp);
        double total = (double)stepSizeUp + (stepSizeDown ?? stepSizeUp);
        ArgumentOutOfRangeException.ThrowIfLessThan(total, 1, nameof(stepSizeDown));
        var (cycle, rise) = Triangle(epoch, total, stepSizeUp / total);
        return baseLr + (maxLr - baseLr) * rise * Height(mode, gamma, cycle, epoch);
    }

    internal override double? LowestRate(int group) => Math.Min(baseLr[group], maxLr[group]);

    private protected override void Describe(Fields fields)
    {
        baseLr = fields.Each(baseLr, "base_lrs");
        maxLr = fields.Each(maxLr, "max_lrs");
        totalSize = fields.Number(totalSize, "total_size", above: 0);
        stepRatio = fields.Number(stepRatio, "step_ratio", atMost: 1);
        Mode = fields.Choice(Mode, "mode", ["triangular", "triangular2", "exp_range"]);
        Gamma = fields.Number(Gamma, "gamma");
        fields.Function(scaleFunction, "_scale_fn_custom");
        ScaleMode = fields.Choice(ScaleMode, "scale_mode", ["cycle", "iterations"]);
        CycleMomentum = fields.Flag(CycleMomentum, "cycle_momentum");
        if (CycleMomentum)
        {
            fields.Derived("use_beta1", CycledMomentum.IsBeta(Optimizer));
            double below = CycledMomentum.IsBeta(Optimizer) ? 1 : double.NaN;
            baseMomentum = fields.Each(baseMomentum, "base_momentums", below: below);
            maxMomentum = fields.Each(maxMomentum, "max_momentums", below: below);
        }
        fields.Ignore("_scale_fn_ref", "scale_fn", "base_momentums", "max_momentums", "use_beta1");
        DescribeProgress(fields);
    }

    private protected override void Prepare(ParameterGroup group, int index, bool resumes)
    {
        if (!resumes)
            group.SetScheduledRate(baseLr[index]);
        base.Prepare(group, index, resumes);
        if (CycleMomentum)
            CycledMomentum.Prepare(group, baseMomentum[index], maxMomentum[index], resumes);
    }

    private protected override double Next(in RateStep x)
    {
        var (height, low, high) = (Height(x.Epoch), baseLr[x.Group], maxLr[x.Group]);
        return height == 0 ? low : low + (high - low) * height;
    }

    private protected override double First(in RateStep x) => Next(x);

    private protected override double Resume(in RateStep x) => Next(x);

    private protected override double? Momentum(long epoch, int group) =>
        CycleMomentum ? maxMomentum[group] - (maxMomentum[group] - baseMomentum[group]) * Height(epoch) : null;

    internal override bool CyclesMomentum => CycleMomentum;

    internal override double? ClosedForm(long epoch, int group) => Next(new(epoch, group, 0, 0));

    private protected override bool StartsFromGroup => false;

    private protected override double NewBaseRate(ParameterGroup group, int index)
    {
        group.InitialLearningRate ??= group.LearningRate;
        return baseLr[index];
    }

    ScaleMode ModesScale => Mode == CyclicMode.ExpRange ? ScaleMode.Iterations : ScaleMode.Cycle;

    /// <summary>How far an epoch is from the lower bound to the upper, with the scale.</summary>
    double Height(long epoch)
    {
        var (cycle, rise) = Triangle(epoch, totalSize, stepRatio);
        if (rise == 0)
            return 0;
        double scale = scaleFunction is null ? Height(Mode, Gamma, cycle, epoch) : scaleFunction(ScaleMode == ScaleMode.Cycle ? cycle : epoch);
        return rise * (scaleFunction is null || double.IsFinite(scale) ? scale : throw new InvalidOperationException(
            $"CyclicLR's scaleFn must give a finite number, but gave {scale} at epoch {epoch}."));
    }

    static double Height(CyclicMode mode, double gamma, long cycle, long epoch) => mode switch
    {
        CyclicMode.Triangular2 => Math.ScaleB(1, (int)-Math.Min(cycle - 1, 2000)),
        CyclicMode.ExpRange => Math.Min(Math.Pow(gamma, epoch), 1e100), // far past any use, but never ∞ − ∞
        _ => 1,
    };

    /// <summary>The cycle, 1 first, and how far it has risen, in [0, 1].</summary>
    static (long Cycle, double Rise) Triangle(long epoch, double total, double ratio)
    {
        double cycle = Math.Floor(1 + epoch / total), x = 1 + epoch / total - cycle;
        return ((long)cycle, x < ratio || ratio == 1 ? x / ratio : (x - 1) / (ratio - 1));
    }
}
