namespace OptimSharp.Schedulers;

/// <summary>Multiplies the rates by γ every <see cref="StepSize"/> epochs.</summary>
/// <remarks>
/// <para>In closed form: η(e) = η₀ · γ^⌊e/size⌋. Chainable.</para>
/// <para>PyTorch's <c>StepLR</c>. Here a step size of 0 is refused, and with lastEpoch ≥ 0 the restored rates stay.</para>
/// </remarks>
public sealed class StepLR : LRScheduler
{
    /// <param name="optimizer">The optimizer whose groups' rates are set.</param>
    /// <param name="stepSize">Epochs between two changes, ≥ 1.</param>
    /// <param name="gamma">The factor γ, ≥ 0. Default 0.1.</param>
    /// <param name="lastEpoch">−1 to start; see <see cref="LRScheduler"/> for going on.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of range.</exception>
    public StepLR(Optimizer optimizer, int stepSize, double gamma = 0.1, long lastEpoch = -1) : base(optimizer, lastEpoch)
    {
        StepSize = stepSize;
        Gamma = gamma;
        Start();
    }

    /// <summary>Epochs between two changes.</summary>
    public int StepSize { get; private set; }

    /// <summary>The factor γ.</summary>
    public double Gamma { get; private set; }

    /// <summary>The rate at an epoch, without an optimizer.</summary>
    /// <param name="epoch">The epoch, ≥ 0.</param>
    /// <param name="baseRate">The rate at epoch 0.</param>
    /// <param name="stepSize">Epochs between two changes, ≥ 1.</param>
    /// <param name="gamma">The factor γ, ≥ 0. Default 0.1.</param>
    public static double At(long epoch, double baseRate, int stepSize, double gamma = 0.1)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        ArgumentOutOfRangeException.ThrowIfLessThan(stepSize, 1);
        return baseRate * Math.Pow(gamma, epoch / stepSize);
    }

    private protected override void Describe(Fields fields)
    {
        StepSize = fields.Whole(StepSize, "step_size", atLeast: 1);
        Gamma = fields.Number(Gamma, "gamma");
        base.Describe(fields);
    }

    private protected override double Next(in RateStep x) => x.Epoch % StepSize == 0 ? x.Current * Gamma : x.Current;

    internal override double? ClosedForm(long epoch, int group) => At(epoch, BaseRate(group), StepSize, Gamma);
}
