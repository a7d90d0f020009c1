namespace OptimSharp.Schedulers;

/// <summary>Lowers the rates along half a cosine, from where they start to <see cref="EtaMin"/> at epoch <see cref="TMax"/>.</summary>
/// <remarks>
/// <para>In closed form: η(e) = η_min + (η₀ − η_min)(1 + cos(πe/T))/2. Chainable.</para>
/// <para>
/// Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017, without the restarts. As in PyTorch's
/// <c>CosineAnnealingLR</c>, the rate rises again after T, with period 2T. Where a rate set by hand would make it negative,
/// it is 0.
/// </para>
/// </remarks>
public sealed class CosineAnnealingLR : LRScheduler
{
    /// <param name="optimizer">The optimizer whose groups' rates are set.</param>
    /// <param name="tMax">The epoch T at which the rate is lowest, ≥ 1. PyTorch's <c>T_max</c>.</param>
    /// <param name="etaMin">The lowest rate, ≥ 0. Default 0.</param>
    /// <param name="lastEpoch">−1 to start; see <see cref="LRScheduler"/> for going on.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of range.</exception>
    public CosineAnnealingLR(Optimizer optimizer, int tMax, double etaMin = 0, long lastEpoch = -1) : base(optimizer, lastEpoch)
    {
        TMax = tMax;
        EtaMin = etaMin;
        Start();
    }

    /// <summary>The epoch at which the rate is lowest.</summary>
    public int TMax { get; private set; }

    /// <summary>The lowest rate.</summary>
    public double EtaMin { get; private set; }

    /// <summary>The rate at an epoch, without an optimizer.</summary>
    /// <param name="epoch">The epoch, ≥ 0.</param>
    /// <param name="baseRate">The rate at epoch 0.</param>
    /// <param name="tMax">The epoch T at which the rate is lowest, ≥ 1. PyTorch's <c>T_max</c>.</param>
    /// <param name="etaMin">The lowest rate, ≥ 0. Default 0.</param>
    public static double At(long epoch, double baseRate, int tMax, double etaMin = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        ArgumentOutOfRangeException.ThrowIfLessThan(tMax, 1);
        return etaMin + (baseRate - etaMin) * (1 + Math.Cos(Math.PI * epoch / tMax)) / 2;
    }

    internal override long? PlannedSteps => TMax + 1L;

    internal override double? LowestRate(int group) => EtaMin;

    private protected override void Describe(Fields fields)
    {
        TMax = fields.Whole(TMax, "T_max", atLeast: 1);
        EtaMin = fields.Number(EtaMin, "eta_min");
        base.Describe(fields);
    }

    private protected override double Next(in RateStep x)
    {
        if ((x.Epoch - 1 - TMax) % (2L * TMax) == 0) // leaving the minimum: the ratio below would divide by zero
            return x.Current + (x.Base - EtaMin) * (1 - Math.Cos(Math.PI / TMax)) / 2;
        return (1 + Math.Cos(Math.PI * x.Epoch / TMax)) / (1 + Math.Cos(Math.PI * (x.Epoch - 1) / TMax)) * (x.Current - EtaMin) + EtaMin;
    }

    internal override double? ClosedForm(long epoch, int group) => At(epoch, BaseRate(group), TMax, EtaMin);
}
