namespace OptimSharp.Schedulers;

/// <summary>Lowers the rates along half a cosine, from where they start to <see cref="EtaMin"/> at epoch <see cref="TMax"/>.</summary>
/// <remarks>
/// <para>In closed form: η(e) = η_min + (η₀ − η_min)(1 + cos(πe/T))/2.</para>
/// <para>
/// Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017, without the restarts. As in PyTorch,
/// the rate rises again after T, with period 2T.
/// </para>
/// </remarks>
public sealed class CosineAnnealingLR : LRScheduler
{
    /// <param name="optimizer">The optimizer whose groups' rates are set.</param>
    /// <param name="tMax">The epoch T at which the rate is lowest, ≥ 1. PyTorch's <c>T_max</c>.</param>
    /// <param name="etaMin">The lowest rate, ≥ 0. Default 0.</param>
    /// <param name="lastEpoch">−1 to start; the number of steps already taken to go on.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of range.</exception>
    public CosineAnnealingLR(Optimizer optimizer, int tMax, double etaMin = 0, long lastEpoch = -1) : base(optimizer, lastEpoch)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(tMax, 1);
        if (!(etaMin >= 0) || double.IsInfinity(etaMin))
            throw new ArgumentOutOfRangeException(nameof(etaMin), etaMin, $"etaMin must be ≥ 0, but is {etaMin}.");
        TMax = tMax;
        EtaMin = etaMin;
        Start();
    }

    /// <summary>The epoch at which the rate is lowest.</summary>
    public int TMax { get; }

    /// <summary>The lowest rate.</summary>
    public double EtaMin { get; }

    private protected override double Rate(in RateStep x)
    {
        if (x.IsInitial)
            return x.Current;
        if ((x.Epoch - 1 - TMax) % (2L * TMax) == 0) // leaving the minimum: the ratio below would divide by zero
            return x.Current + (x.Base - EtaMin) * (1 - Math.Cos(Math.PI / TMax)) / 2;
        return (1 + Math.Cos(Math.PI * x.Epoch / TMax)) / (1 + Math.Cos(Math.PI * (x.Epoch - 1) / TMax)) * (x.Current - EtaMin) + EtaMin;
    }
}
