namespace OptimSharp.Schedulers;

/// <summary>Moves the rates in a straight line from one fraction of what they are to another: most often a warm-up.</summary>
/// <remarks>
/// <para>In closed form: η(e) = η₀ · (start + (end − start) · min(e, total)/total). Chainable.</para>
/// <para>PyTorch's <c>LinearLR</c>, except for a length of 0: the rates are at the end at once (there they stay at the start for ever).</para>
/// </remarks>
public sealed class LinearLR : LRScheduler
{
    /// <param name="optimizer">The optimizer whose groups' rates are set.</param>
    /// <param name="startFactor">The fraction at epoch 0, in (0, 1]. Default 1/3.</param>
    /// <param name="endFactor">The fraction from epoch <paramref name="totalIters"/> on, in [0, 1]. Default 1.</param>
    /// <param name="totalIters">The length of the line in epochs, ≥ 0. Default 5.</param>
    /// <param name="lastEpoch">−1 to start; see <see cref="LRScheduler"/> for going on.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of range.</exception>
    public LinearLR(Optimizer optimizer, double startFactor = 1.0 / 3, double endFactor = 1.0, int totalIters = 5, long lastEpoch = -1)
        : base(optimizer, lastEpoch)
    {
        StartFactor = startFactor;
        EndFactor = endFactor;
        TotalIters = totalIters;
        Start();
    }

    /// <summary>The fraction at epoch 0.</summary>
    public double StartFactor { get; private set; }

    /// <summary>The fraction at the end.</summary>
    public double EndFactor { get; private set; }

    /// <summary>The length of the line in epochs.</summary>
    public int TotalIters { get; private set; }

    /// <summary>The rate at an epoch, without an optimizer.</summary>
    /// <param name="epoch">The epoch, ≥ 0.</param>
    /// <param name="baseRate">The rate that the factors are of.</param>
    /// <param name="startFactor">The fraction at epoch 0, in (0, 1]. Default 1/3.</param>
    /// <param name="endFactor">The fraction from epoch <paramref name="totalIters"/> on, in [0, 1]. Default 1.</param>
    /// <param name="totalIters">The length of the line in epochs, ≥ 0. Default 5.</param>
    public static double At(long epoch, double baseRate, double startFactor = 1.0 / 3, double endFactor = 1.0, int totalIters = 5)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        return baseRate * (epoch >= totalIters ? endFactor : startFactor + (endFactor - startFactor) * epoch / totalIters);
    }

    internal override long? PlannedSteps => EndFactor < StartFactor ? TotalIters + 1L : null;

    internal override double? LowestRate(int group) => EndFactor < StartFactor ? BaseRate(group) * EndFactor : null;

    private protected override void Describe(Fields fields)
    {
        StartFactor = fields.Number(StartFactor, "start_factor", atLeast: double.NaN, above: 0, atMost: 1);
        EndFactor = fields.Number(EndFactor, "end_factor", atMost: 1);
        TotalIters = fields.Whole(TotalIters, "total_iters");
        base.Describe(fields);
    }

    private protected override double First(in RateStep x) => x.Current * (TotalIters > 0 ? StartFactor : EndFactor);

    private protected override double Next(in RateStep x)
    {
        double rise = EndFactor - StartFactor;
        return x.Epoch > TotalIters ? x.Current : x.Current * (1 + rise / (TotalIters * StartFactor + (x.Epoch - 1) * rise));
    }

    internal override double? ClosedForm(long epoch, int group) => At(epoch, BaseRate(group), StartFactor, EndFactor, TotalIters);
}
