namespace OptimSharp.Schedulers;

/// <summary>Holds the rates at a fraction of what they are, for the first <see cref="TotalIters"/> epochs.</summary>
/// <remarks>
/// <para>In closed form: η(e) = η₀ · factor while e &lt; total, then η₀. Chainable: it multiplies at first and divides at the end.</para>
/// <para>
/// PyTorch's <c>ConstantLR</c>. Where it is undefined: with a length of 0 the factor is never applied (there it is never taken
/// back), and with a factor of 0 the rates go back to their base rates at the end (there they are divided by zero), whatever
/// other schedulers did meanwhile.
/// </para>
/// </remarks>
public sealed class ConstantLR : LRScheduler
{
    /// <param name="optimizer">The optimizer whose groups' rates are set.</param>
    /// <param name="factor">The factor, in [0, 1]. Default 1/3.</param>
    /// <param name="totalIters">How many epochs it holds, ≥ 0. Default 5.</param>
    /// <param name="lastEpoch">−1 to start; see <see cref="LRScheduler"/> for going on.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of range.</exception>
    public ConstantLR(Optimizer optimizer, double factor = 1.0 / 3, int totalIters = 5, long lastEpoch = -1) : base(optimizer, lastEpoch)
    {
        Factor = factor;
        TotalIters = totalIters;
        Start();
    }

    /// <summary>The factor.</summary>
    public double Factor { get; private set; }

    /// <summary>How many epochs the factor holds.</summary>
    public int TotalIters { get; private set; }

    /// <summary>The rate at an epoch, without an optimizer.</summary>
    /// <param name="epoch">The epoch, ≥ 0.</param>
    /// <param name="baseRate">The rate without the factor.</param>
    /// <param name="factor">The factor, in [0, 1]. Default 1/3.</param>
    /// <param name="totalIters">How many epochs it holds, ≥ 0. Default 5.</param>
    public static double At(long epoch, double baseRate, double factor = 1.0 / 3, int totalIters = 5)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        return epoch < totalIters ? baseRate * factor : baseRate;
    }

    private protected override void Describe(Fields fields)
    {
        Factor = fields.Number(Factor, "factor", atMost: 1);
        TotalIters = fields.Whole(TotalIters, "total_iters");
        base.Describe(fields);
    }

    private protected override double First(in RateStep x) => TotalIters > 0 ? x.Current * Factor : x.Current;

    private protected override double Next(in RateStep x) => x.Epoch != TotalIters ? x.Current
        : Factor > 0 ? x.Current * (1 / Factor)
        : x.Base;

    internal override double? ClosedForm(long epoch, int group) => At(epoch, BaseRate(group), Factor, TotalIters);
}
