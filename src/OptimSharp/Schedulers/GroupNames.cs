namespace OptimSharp.Schedulers;

/// <summary>Which group of a schedule's state is which of the optimizer's: by the names of their parameters.</summary>
internal static class GroupNames
{
    /// <summary>The state's key that has the names, a list for each group.</summary>
    public const string Key = "param_names";

    /// <summary>What states have a value of for each group.</summary>
    static readonly string[] PerGroup = ["base_lrs", "_last_lr", "initial_lrs", "max_lrs", "min_lrs", "swa_lrs", "base_momentums", "max_momentums", "lr_lambdas"];

    /// <summary>The names; null when a parameter has none, or two have the same.</summary>
    public static string[][]? Of(IReadOnlyList<ParameterGroup> groups)
    {
        string[][] names = [.. groups.Select(group => group.Parameters.Select(p => p.Name).ToArray())];
        string[] all = [.. names.SelectMany(of => of)];
        return all.Length > 0 && Array.TrueForAll(all, name => name.Length > 0) && all.Distinct().Count() == all.Length ? names : null;
    }

    /// <summary>For each of the optimizer's groups the state's group that has its parameters, −1 for a group that was added since; null when numbers say which is which.</summary>
    /// <exception cref="StateDictException">The names don't say it.</exception>
    public static GroupSources? Match(StateDict state, IReadOnlyList<ParameterGroup> groups)
    {
        if (!state.ContainsKey(Key))
            return null;
        string[][] theirs = [.. state.GetList(Key).Select((group, i) => Read(state, group, i))];
        if (Of(groups) is not { } ours)
        {
            foreach (var (i, name) in groups.Index().SelectMany(group => group.Item.Parameters, (group, p) => (group.Index, p.Name)))
            {
                if (name.Length > 0 && !(i < theirs.Length && theirs[i].Contains(name)))
                    throw new StateDictException(OptimizerState.PathIn(state, Key), $"lacks '{name}' in group {i}, where the optimizer has it, and its names are not all there or not all different, so that they don't say which group is which ({nameof(LoadScheduleOptions.ByPosition)} goes by the groups' numbers)");
            }
            return null;
        }
        var places = new Dictionary<string, int>();
        foreach (var (i, name) in theirs.Index().SelectMany(group => group.Item, (group, name) => (group.Index, name)))
        {
            if (!places.TryAdd(name, i))
                throw state.Wrong(Key, name, "names that are all different");
        }
        var empty = new Queue<int>(theirs.Index().Where(group => group.Item.Length == 0).Select(group => group.Index));
        int[] from = [.. ours.Select((names, i) => names.Length > 0 ? One(state, i, names, places) : empty.TryDequeue(out int place) ? place : -1)];
        string? added = from.Zip(ours).Where(x => x.First < 0).SelectMany(x => x.Second).FirstOrDefault();
        string? gone = theirs.Where((_, i) => !from.Contains(i)).SelectMany(names => names).FirstOrDefault();
        if (added is not null && gone is not null)
        {
            throw new StateDictException(OptimizerState.PathIn(state, Key), $"has '{gone}', which is no parameter of the optimizer's, and lacks '{added}', which is one: nobody knows whose values the state has "
                + $"({nameof(LoadScheduleOptions.ByPosition)} goes by the groups' numbers)");
        }
        return from.SequenceEqual(Enumerable.Range(0, theirs.Length)) ? null : new(from, theirs.Length);
    }

    static string[] Read(StateDict state, object? group, int number) => group is IReadOnlyList<object?> names && names.All(name => name is string)
        ? [.. names.Cast<string>()] : throw state.Wrong($"{Key}[{number}]", group, "a list of names");

    /// <summary>The one group that has the names, or of several with the same values the first.</summary>
    static int One(StateDict state, int group, string[] names, Dictionary<string, int> places)
    {
        var known = names.Where(places.ContainsKey).DistinctBy(name => places[name]).ToArray();
        foreach (string other in known.Skip(1))
        {
            if (Difference(state, places[known[0]], places[other]) is { } key)
            {
                throw new StateDictException(OptimizerState.PathIn(state, Key), $"has '{known[0]}' in group {places[known[0]]} and '{other}' in group {places[other]}, whose {key} differ, "
                    + $"but the optimizer has both in its group {group} ({nameof(LoadScheduleOptions.ByPosition)} goes by the groups' numbers)");
            }
        }
        return known.Length > 0 ? places[known[0]] : -1;
    }

    /// <summary>The first key whose values for two groups differ; null when none does.</summary>
    static string? Difference(StateDict state, int one, int other) =>
        PerGroup.FirstOrDefault(key => state.TryGetValue(key, out object? value) && value is not null && state.GetList(key) is var list && Math.Max(one, other) < list.Count && StateDict.Text(list[one]) != StateDict.Text(list[other]))
        ?? (state.ContainsKey("_schedulers") ? state.GetDicts("_schedulers").Select(inner => Difference(inner, one, other)).FirstOrDefault(key => key is not null) : null);
}

/// <summary>Where the values of an optimizer's groups are in a schedule's state.</summary>
/// <param name="Numbers">For each of the optimizer's groups, the number of the state's group; −1 for none.</param>
/// <param name="Count">How many groups the state has values of.</param>
internal sealed record GroupSources(int[] Numbers, int Count);
