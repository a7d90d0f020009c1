namespace OptimSharp.Schedulers;

/// <summary>Multiplies the rates by γ at every epoch.</summary>
/// <remarks>
/// <para>In closed form: η(e) = η₀ · γ^e. Chainable.</para>
/// <para>PyTorch's <c>ExponentialLR</c>. With γ &gt; 1 the rate ends at the largest double; there it becomes infinite.</para>
/// </remarks>
public sealed class ExponentialLR : LRScheduler
{
    /// <param name="optimizer">The optimizer whose groups' rates are set.</param>
    /// <param name="gamma">The factor γ, ≥ 0.</param>
    /// <param name="lastEpoch">−1 to start; see <see cref="LRScheduler"/> for going on.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of range.</exception>
    public ExponentialLR(Optimizer optimizer, double gamma, long lastEpoch = -1) : base(optimizer, lastEpoch)
    {
        Gamma = gamma;
        Start();
    }

    /// <summary>The factor γ.</summary>
    public double Gamma { get; private set; }

    /// <summary>The rate at an epoch, without an optimizer.</summary>
    /// <param name="epoch">The epoch, ≥ 0.</param>
    /// <param name="baseRate">The rate at epoch 0.</param>
    /// <param name="gamma">The factor γ, ≥ 0.</param>
    public static double At(long epoch, double baseRate, double gamma)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        return baseRate == 0 ? 0 : baseRate * Math.Pow(gamma, epoch);
    }

    private protected override void Describe(Fields fields)
    {
        Gamma = fields.Number(Gamma, "gamma");
        base.Describe(fields);
    }

    private protected override double Next(in RateStep x) => x.Current * Gamma;

    internal override double? ClosedForm(long epoch, int group) => At(epoch, BaseRate(group), Gamma);
}
