namespace OptimSharp;

/// <summary>Options of <see cref="SAM"/>.</summary>
public sealed record SAMOptions
{
    /// <summary>ρ, ≥ 0: how far up the gradient the loss is looked at, in the norm of all parameters. Default 0.05; with <see cref="Adaptive"/>, the authors take ten to forty times that.</summary>
    public double Rho { get; init; } = 0.05;

    /// <summary>Looks farther where weights are larger: ASAM. Default false.</summary>
    public bool Adaptive { get; init; }
}
