namespace OptimSharp.Schedulers;

/// <summary>How <see cref="LRScheduler.LoadStateDict(StateDict, LoadScheduleOptions)"/> goes about it.</summary>
public sealed record LoadScheduleOptions
{
    /// <summary>
    /// The settings that the scheduler keeps as it was made, by PyTorch's names in the state dict: <c>"total_steps"</c>, <c>"T_max"</c>. Those of a
    /// composite's schedulers have their path: <c>"_schedulers[1].T_max"</c>. All others come from the state dict, and so does the progress: epochs, counts,
    /// the best metric. Default none.
    /// </summary>
    /// <exception cref="ArgumentNullException">The list is null.</exception>
    public IReadOnlyCollection<string> Keep
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(value), "Keep must be a list, but is null.");
    } = [];

    /// <summary>Takes what the state has for each group by the groups' numbers, as PyTorch does, also when both sides have names. Default false: by the names of the groups' parameters.</summary>
    public bool ByPosition { get; init; }
}
