namespace OptimSharp;

/// <summary>How <see cref="Optimizer.LoadStateDict(StateDict, LoadStateOptions)"/> goes about it.</summary>
public sealed record LoadStateOptions
{
    /// <summary>
    /// The options that the optimizer keeps, by PyTorch's names (<c>"lr"</c>, <c>"weight_decay"</c>, <c>"initial_lr"</c>): all others come from
    /// the state dict. Default none, as in PyTorch.
    /// </summary>
    public IReadOnlyCollection<string> Keep { get; init; } = [];

    /// <summary>Matches parameters by position, as PyTorch does, also when both sides have names. Default false.</summary>
    public bool ByPosition { get; init; }

    /// <summary>
    /// Whether both sides must have the same names, and no state that the optimizer does not know. When false, parameters whose names the
    /// state dict lacks keep their state, and what only the state dict has is left out. Default true.
    /// </summary>
    public bool Strict { get; init; } = true;
}
