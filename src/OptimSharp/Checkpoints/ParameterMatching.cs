namespace OptimSharp;

/// <summary>One of an optimizer's parameters, with its place in the state dict; null when it is not in it.</summary>
internal readonly record struct MatchedParameter(Parameter Parameter, int Group, SavedParameter? From);

/// <summary>Finds an optimizer's parameters in a state dict: by name where both sides have names, else by position.</summary>
internal static class ParameterMatching
{
    public static MatchedParameter[] Match(Optimizer optimizer, StateDict dict, SavedGroup[] saved, LoadStateOptions options)
    {
        var groups = optimizer.ParameterGroups;
        string?[] ours = [.. groups.SelectMany(g => g.Parameters).Select(p => p.Name)];
        string?[] theirs = [.. saved.SelectMany(g => g.Parameters).Select(p => p.Name)];
        bool byName = !options.ByPosition && AreNames(ours) && AreNames(theirs);
        if (optimizer.SharesState || !byName)
            CheckCounts(optimizer, dict, saved, options);
        if (!byName)
        {
            using var next = saved.SelectMany(g => g.Parameters).GetEnumerator();
            MatchedParameter[] matched = [.. groups.SelectMany((group, i) => group.Parameters.Select(p => new MatchedParameter(p, i, next.MoveNext() ? next.Current : null)))];
            if (!options.ByPosition)
                CheckPositions(matched, saved);
            return matched;
        }
        var byNames = saved.SelectMany(g => g.Parameters).ToDictionary(p => p.Name!);
        CheckNames(optimizer, saved, byNames, options, [.. ours!]);
        return [.. groups.SelectMany((group, i) => group.Parameters.Select(p => new MatchedParameter(p, i, byNames.GetValueOrDefault(p.Name))))];

        static bool AreNames(string?[] names) => names.Length > 0 && Array.TrueForAll(names, name => name is { Length: > 0 }) && names.Distinct().Count() == names.Length;
    }

    /// <summary>Positions say which parameter is which only when there are as many.</summary>
    static void CheckCounts(Optimizer optimizer, StateDict dict, SavedGroup[] saved, LoadStateOptions options)
    {
        var groups = optimizer.ParameterGroups;
        if (options.RebuildGroups && !optimizer.SharesState)
        {
            int mine = groups.Sum(g => g.Parameters.Count), theirs = saved.Sum(g => g.Parameters.Length);
            if (mine != theirs)
                throw new StateDictException(OptimizerState.PathIn(dict, "param_groups"), $"must have the optimizer's {mine} parameters, but has {theirs}, and without names on both sides nobody knows which");
            return;
        }
        if (saved.Length != groups.Count)
            throw new StateDictException(OptimizerState.PathIn(dict, "param_groups"), $"must have the optimizer's {groups.Count} groups, but has {saved.Length}");
        foreach (var (group, from) in groups.Zip(saved))
        {
            if (from.Parameters.Length != group.Parameters.Count)
                throw new StateDictException(OptimizerState.PathIn(from.Dict, "params"), $"must have the {group.Parameters.Count} parameters of the optimizer's group, but has {from.Parameters.Length}");
        }
    }

    /// <summary>Where names occur twice, positions decide; but not against the names.</summary>
    static void CheckPositions(MatchedParameter[] matched, SavedGroup[] saved)
    {
        foreach (var (parameter, group, from) in matched)
        {
            if (from?.Name is { Length: > 0 } name && parameter.Name.Length > 0 && name != parameter.Name)
            {
                throw new StateDictException(OptimizerState.PathIn(saved[from.Group].Dict, saved[from.Group].NamesKey),
                    $"has '{name}' at the place of '{parameter.Name}', a parameter of the optimizer's group {group}, and not all names are different, so that they don't say which is which (ByPosition matches without names)");
            }
        }
    }

    static void CheckNames(Optimizer optimizer, SavedGroup[] saved, Dictionary<string, SavedParameter> byNames, LoadStateOptions options, string[] ours)
    {
        string Advice() => StatePrefix.Advice(byNames.Keys, ours);
        bool isOne = optimizer.SharesState;
        foreach (var (i, group) in optimizer.ParameterGroups.Index())
        {
            if ((isOne || options.Missing == MissingState.Refuse) && group.Parameters.FirstOrDefault(p => !byNames.ContainsKey(p.Name)) is { } missing)
                throw new StateDictException(PathOf(saved[Math.Min(i, saved.Length - 1)]), $"lacks '{missing.Name}', a parameter of the optimizer's group (Missing says what becomes of it; ByPosition matches without names){Advice()}");
        }
        var known = ours.ToHashSet();
        foreach (var group in saved)
        {
            if ((isOne || options.Unexpected == UnexpectedState.Refuse) && group.Parameters.FirstOrDefault(p => !known.Contains(p.Name!)) is { } extra)
                throw new StateDictException(PathOf(group), $"has '{extra.Name}', no parameter of the optimizer (Unexpected says what becomes of it; ByPosition matches without names){Advice()}");
        }
        if (isOne && !ours.SequenceEqual(saved[0].Parameters.Select(p => p.Name)))
            throw new StateDictException(PathOf(saved[0]), $"must be in the optimizer's order, because {optimizer.GetType().Name} has one state for all parameters: {string.Join(", ", ours)}");

        static string PathOf(SavedGroup group) => OptimizerState.PathIn(group.Dict, group.NamesKey);
    }
}
