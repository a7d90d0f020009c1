namespace OptimSharp.Tool;

/// <summary>A schedule that a checkpoint has.</summary>
/// <param name="Path">Where it is in the file; empty where it is all of it.</param>
/// <param name="State">The scheduler's state.</param>
/// <param name="Optimizers">The groups of each optimizer of the file, where some schedulers keep rates. That which is the schedule's by its place comes first.</param>
sealed record SavedSchedule(string Path, StateDict State, IReadOnlyList<IReadOnlyList<StateDict>> Optimizers)
{
    /// <summary>What messages call it.</summary>
    public string Name => Path.Length == 0 ? "The schedule" : $"The schedule '{Printable.Of(Path, 80)}'";

    /// <summary>The parts of a composite; none of others.</summary>
    public static IReadOnlyList<StateDict> PartsOf(StateDict state) => state.TryGetValue("_schedulers", out object? list) && list is IReadOnlyList<object?> ? state.GetDicts("_schedulers") : [];

    /// <summary>At which step it was saved. A chain's is that of its first part.</summary>
    public static long EpochOf(StateDict state) => state.ContainsKey("last_epoch") ? state.GetInt64("last_epoch") : PartsOf(state) is [var first, ..] ? EpochOf(first) : 0;

    /// <summary>A list of numbers, one a group; null where there is none.</summary>
    public static double[]? Numbers(StateDict state, string key) =>
        state.TryGetValue(key, out object? value) && value is IReadOnlyList<object?> { Count: > 0 } ? state.GetDoubles(key) : null;

    /// <summary>All in a file.</summary>
    public static IReadOnlyList<SavedSchedule> In(OpenedCheckpoint file)
    {
        var (schedules, optimizers) = (new List<(string, StateDict)>(), new List<StateDict[]>());
        Look(file.Value, "", 0, schedules, optimizers);
        return [.. schedules.Select((s, i) => new SavedSchedule(s.Item1, s.Item2, [.. optimizers.OrderByDescending(o => optimizers.Count == schedules.Count && o == optimizers[i])]))];
    }

    static void Look(object? value, string path, int depth, List<(string, StateDict)> schedules, List<StateDict[]> optimizers)
    {
        if (depth > 30)
            return;
        switch (value)
        {
            case StateDict dict when IsSchedulers(dict):
                schedules.Add((path, dict));
                break;
            case StateDict dict when StateSearch.IsOptimizers(dict):
                optimizers.Add([.. dict.GetList("param_groups").OfType<StateDict>()]);
                break;
            case StateDict dict:
                foreach (var (key, entry) in dict)
                    Look(entry, StateWalk.Join(path, key.ToString()), depth + 1, schedules, optimizers);
                break;
            case IReadOnlyList<object?> list:
                foreach (var (i, item) in list.Index())
                    Look(item, $"{path}[{i}]", depth + 1, schedules, optimizers);
                break;
        }
    }

    static bool IsSchedulers(StateDict state) => state.ContainsKey("_last_lr") && (state.ContainsKey("last_epoch") || state.ContainsKey("_schedulers")) || state.ContainsKey("num_bad_epochs") && state.ContainsKey("patience");
}
