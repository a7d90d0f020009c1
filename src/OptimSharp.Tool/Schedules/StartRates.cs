namespace OptimSharp.Tool;

/// <summary>The rates, one a group, that a saved schedule may have started from: what its state and its optimizer's groups say, likeliest first.</summary>
static class StartRates
{
    /// <param name="state">The scheduler's state.</param>
    /// <param name="groups">Its optimizer's groups; none where they are not in the file.</param>
    public static IReadOnlyList<double[]> Of(StateDict state, IReadOnlyList<StateDict> groups)
    {
        var rates = new List<double[]?>
        {
            SavedSchedule.PartsOf(state) is [var first, ..] ? OfState(first) : OfState(state),
            Option(groups, "initial_lr"),
        };
        rates.AddRange(SavedSchedule.PartsOf(state).Select(part => SavedSchedule.Numbers(part, "base_lrs"))); // the last that was made set the optimizer's
        rates.Add(SavedSchedule.Numbers(state, "base_lrs"));
        rates.Add(SavedSchedule.Numbers(state, "_last_lr"));
        rates.Add(Option(groups, "lr"));
        return [.. rates.OfType<double[]>().Where(r => r.Length > 0).DistinctBy(r => string.Join(' ', r))];
    }

    /// <summary>An option of all groups; null where one lacks it.</summary>
    public static double[]? Option(IReadOnlyList<StateDict> groups, string key) =>
        groups.Count > 0 && groups.All(group => group.TryGetValue(key, out object? value) && value is double or long) ? [.. groups.Select(group => group.GetDouble(key))] : null;

    /// <summary>The state with other rates to start from. A composite's are those of its first part.</summary>
    public static StateDict Replace(StateDict state, double[] rates)
    {
        var copy = state.Clone();
        if (SavedSchedule.PartsOf(copy) is [var first, ..] parts)
            copy["_schedulers"] = (object?[])[Replace(first, rates), .. parts.Skip(1)];
        else if (IsStartedFrom(copy))
            copy["base_lrs"] = rates;
        return copy;
    }

    static double[]? OfState(StateDict state) => SavedSchedule.PartsOf(state) is [var first, ..] ? OfState(first) : IsStartedFrom(state) ? SavedSchedule.Numbers(state, "base_lrs") : null;

    /// <summary>CyclicLR's and OneCycleLR's base rates are their lowest and first.</summary>
    static bool IsStartedFrom(StateDict state) => state.ContainsKey("base_lrs") && !state.ContainsKey("max_lrs") && !SchedulerOfState.IsOneCycle(state);
}
