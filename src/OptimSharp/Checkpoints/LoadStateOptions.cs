namespace OptimSharp;

/// <summary>How <see cref="Optimizer.LoadStateDict(StateDict, LoadStateOptions)"/> goes about it.</summary>
public sealed record LoadStateOptions
{
    /// <summary>
    /// What the optimizer's groups keep, by PyTorch's names: options (<c>"lr"</c>, <c>"weight_decay"</c>), what schedulers leave in groups
    /// (<c>"initial_lr"</c>) and extras (<c>"lr_scale"</c>). All others come from the state dict. Default none, as in PyTorch.
    /// </summary>
    /// <remarks>
    /// With <c>"lr"</c> the start rate is kept, too: <see cref="ParameterGroup.InitialLearningRate"/>, or the rate itself where there is none. Schedulers
    /// whose states are loaded go on from them, not from the saved ones.
    /// </remarks>
    /// <exception cref="ArgumentNullException">The list is null.</exception>
    public IReadOnlyCollection<string> Keep
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(value), "Keep must be a list, but is null.");
    } = [];

    /// <summary>Matches parameters by position, as PyTorch does, also when both sides have names. Default false.</summary>
    /// <remarks>Without it, names match where each side has names that are all different; else positions do, and a parameter with another name at its place is refused.</remarks>
    public bool ByPosition { get; init; }

    /// <summary>What becomes of what only the optimizer has, or has in another shape. Default <see cref="MissingState.Refuse"/>.</summary>
    /// <remarks>Which parameters are missing is known by their names: without names all must be there.</remarks>
    public MissingState Missing { get; init; }

    /// <summary>What becomes of what only the state dict has. Default <see cref="UnexpectedState.Refuse"/>.</summary>
    public UnexpectedState Unexpected { get; init; }

    /// <summary>
    /// Makes the groups that the state dict has, each with its options and those of its parameters that the optimizer has. Parameters that only the
    /// optimizer has stay in groups of their own, after those. Default false: the optimizer's groups stay, each with the options of the group that its
    /// parameters were in.
    /// </summary>
    /// <remarks>Groups that are changed are new objects. Make schedulers after this, or load their states.</remarks>
    public bool RebuildGroups { get; init; }

    /// <summary>
    /// In one word: true (the default) refuses what is on one side only; false is short for <see cref="MissingState.Keep"/> and
    /// <see cref="UnexpectedState.Drop"/>, so that what only the optimizer has stays as it is and what only the state dict has is left out.
    /// </summary>
    public bool Strict
    {
        get => Missing == MissingState.Refuse && Unexpected == UnexpectedState.Refuse;
        init => (Missing, Unexpected) = value ? (MissingState.Refuse, UnexpectedState.Refuse) : (MissingState.Keep, UnexpectedState.Drop);
    }
}

/// <summary>What becomes of what a state dict lacks, or has in a shape that does not fit.</summary>
public enum MissingState
{
    /// <summary>Nothing is loaded: <see cref="StateDictException"/>.</summary>
    Refuse,

    /// <summary>The parameter has no state, as before its first step. Options stay as they are.</summary>
    StartFresh,

    /// <summary>It stays as it is: a parameter that had no state starts fresh.</summary>
    Keep,
}

/// <summary>What becomes of what only a state dict has.</summary>
public enum UnexpectedState
{
    /// <summary>Nothing is loaded: <see cref="StateDictException"/>.</summary>
    Refuse,

    /// <summary>It is left out.</summary>
    Drop,
}
