namespace OptimSharp.Schedulers;

/// <summary>Lowers the rates to zero along a power of the time that is left.</summary>
/// <remarks>
/// <para>In closed form: η(e) = η₀ · (1 − min(e, total)/total)^power. Chainable.</para>
/// <para>PyTorch's <c>PolynomialLR</c>. A length of 0 leaves the rates alone, as there; its closed form there is 0/0. A negative
/// power, which ends at infinity, is refused.</para>
/// </remarks>
public sealed class PolynomialLR : LRScheduler
{
    /// <param name="optimizer">The optimizer whose groups' rates are set.</param>
    /// <param name="totalIters">The epoch at which the rates are zero, ≥ 0; 0: never. Default 5.</param>
    /// <param name="power">The power, ≥ 0: 1 is a straight line. Default 1.</param>
    /// <param name="lastEpoch">−1 to start; see <see cref="LRScheduler"/> for going on.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of range.</exception>
    public PolynomialLR(Optimizer optimizer, int totalIters = 5, double power = 1.0, long lastEpoch = -1) : base(optimizer, lastEpoch)
    {
        TotalIters = totalIters;
        Power = power;
        Start();
    }

    /// <summary>The epoch at which the rates are zero.</summary>
    public int TotalIters { get; private set; }

    /// <summary>The power.</summary>
    public double Power { get; private set; }

    /// <summary>The rate at an epoch, without an optimizer.</summary>
    /// <param name="epoch">The epoch, ≥ 0.</param>
    /// <param name="baseRate">The rate at epoch 0.</param>
    /// <param name="totalIters">The epoch at which the rates are zero, ≥ 0; 0: never. Default 5.</param>
    /// <param name="power">The power, ≥ 0: 1 is a straight line. Default 1.</param>
    public static double At(long epoch, double baseRate, int totalIters = 5, double power = 1.0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        return totalIters == 0 ? baseRate : baseRate * Math.Pow(1 - (double)Math.Min(epoch, totalIters) / totalIters, power);
    }

    internal override long? PlannedSteps => TotalIters > 0 ? TotalIters + 1L : null;

    internal override double? LowestRate(int group) => TotalIters > 0 && Power > 0 ? 0 : null;

    private protected override void Describe(Fields fields)
    {
        TotalIters = fields.Whole(TotalIters, "total_iters");
        Power = fields.Number(Power, "power");
        base.Describe(fields);
    }

    private protected override double Next(in RateStep x) => x.Epoch > TotalIters ? x.Current
        : x.Current * Math.Pow((1 - (double)x.Epoch / TotalIters) / (1 - (double)(x.Epoch - 1) / TotalIters), Power);

    internal override double? ClosedForm(long epoch, int group) => At(epoch, BaseRate(group), TotalIters, Power);
}
