namespace OptimSharp;

/// <summary>Options of <see cref="Lookahead"/>.</summary>
public sealed record LookaheadOptions
{
    /// <summary>k, ≥ 1: after how many steps of the optimizer the slow weights follow. Default 5.</summary>
    public int Steps { get; init; } = 5;

    /// <summary>α, in (0, 1]: how far they follow. With 1 the steps are the optimizer's own. Default 0.8; the paper also has 0.5.</summary>
    public double Alpha { get; init; } = 0.8;
}
