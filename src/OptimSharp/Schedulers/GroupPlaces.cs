namespace OptimSharp.Schedulers;

/// <summary>
/// An optimizer's groups in the order in which a scheduler met them. A group that is added may come before others, so that their numbers in the optimizer change; their places here don't, and
/// what a scheduler has for each group goes by these.
/// </summary>
internal sealed class GroupPlaces(Optimizer optimizer)
{
    readonly List<ParameterGroup> met = [.. optimizer.ParameterGroups];

    /// <summary>How many groups were met.</summary>
    public int Count => met.Count;

    /// <summary>The groups that were met.</summary>
    public IReadOnlyList<ParameterGroup> Met => met;

    /// <summary>Whether each group's place is its number, and none is new.</summary>
    public bool IsInOrder
    {
        get
        {
            var groups = optimizer.ParameterGroups;
            bool same = groups.Count == met.Count;
            for (int i = 0; same && i < met.Count; i++)
                same = groups[i] == met[i];
            return same;
        }
    }

    /// <summary>Whether a group, by its number in the optimizer, was met.</summary>
    public bool Has(int number) => Find(optimizer.ParameterGroups[number]) >= 0;

    /// <summary>The place of a group, by its number in the optimizer; of one that was not met yet, the place that it will have.</summary>
    public int PlaceOf(int number)
    {
        var groups = optimizer.ParameterGroups;
        if (number < met.Count && met[number] == groups[number])
            return number;
        return Find(groups[number]) is >= 0 and var place ? place : met.Count + Enumerable.Range(0, number).Count(i => !Has(i));
    }

    /// <summary>The number in the optimizer of the group at a place.</summary>
    public int NumberAt(int place)
    {
        var groups = optimizer.ParameterGroups;
        if (place < met.Count && place < groups.Count && groups[place] == met[place])
            return place;
        for (int i = 0; place < met.Count && i < groups.Count; i++)
        {
            if (groups[i] == met[place])
                return i;
        }
        for (int i = 0; i < groups.Count; i++)
        {
            if (PlaceOf(i) == place)
                return i;
        }
        return place;
    }

    /// <summary>Meets new groups. When groups are gone, because others were made of their parameters, all are numbered anew.</summary>
    /// <returns>For each new place the earlier one, or −1; null when those that were met keep theirs.</returns>
    public int[]? Follow()
    {
        if (IsInOrder)
            return null;
        ParameterGroup[] now = [.. optimizer.ParameterGroups];
        int[] earlier = [.. now.Select(Find)];
        if (earlier.Count(place => place >= 0) < met.Count)
        {
            met.Clear();
            met.AddRange(now);
            return earlier;
        }
        for (int i = 0; i < now.Length; i++)
        {
            if (earlier[i] >= 0)
                met[earlier[i]] = now[i];
            else
                met.Add(now[i]);
        }
        return null;
    }

    /// <summary>Where a group was met.</summary>
    int Find(ParameterGroup group) => met.IndexOf(group) is >= 0 and var place ? place : met.FindIndex(other => IsSame(other, group));

    /// <summary>Whether two are one group: it itself, or one that a loaded state made of its parameters.</summary>
    public static bool IsSame(ParameterGroup one, ParameterGroup other) =>
        one == other || one.Parameters.Count > 0 && one.Parameters.Count == other.Parameters.Count && one.Parameters.Select(p => p.Identity).ToHashSet().SetEquals(other.Parameters.Select(p => p.Identity));
}
