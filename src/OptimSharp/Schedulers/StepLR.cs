namespace OptimSharp.Schedulers;

/// <summary>Multiplies the rates by γ every <see cref="StepSize"/> epochs.</summary>
/// <remarks>In closed form: η(e) = η₀ · γ^⌊e/size⌋.</remarks>
public sealed class StepLR : LRScheduler
{
    /// <param name="optimizer">The optimizer whose groups' rates are set.</param>
    /// <param name="stepSize">Epochs between two changes, ≥ 1.</param>
    /// <param name="gamma">The factor γ, ≥ 0. Default 0.1.</param>
    /// <param name="lastEpoch">−1 to start; the number of steps already taken to go on.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of range.</exception>
    public StepLR(Optimizer optimizer, int stepSize, double gamma = 0.1, long lastEpoch = -1) : base(optimizer, lastEpoch)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(stepSize, 1);
        if (!(gamma >= 0) || double.IsInfinity(gamma))
            throw new ArgumentOutOfRangeException(nameof(gamma), gamma, $"gamma must be ≥ 0, but is {gamma}.");
        StepSize = stepSize;
        Gamma = gamma;
        Start();
    }

    /// <summary>Epochs between two changes.</summary>
    public int StepSize { get; }

    /// <summary>The factor γ.</summary>
    public double Gamma { get; }

    private protected override double Rate(in RateStep x) =>
        x.Epoch > 0 && x.Epoch % StepSize == 0 ? x.Current * Gamma : x.Current;
}
