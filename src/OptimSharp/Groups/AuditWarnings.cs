using System.Globalization;

namespace OptimSharp;

/// <summary>What in an audit is probably not meant.</summary>
internal sealed class AuditWarnings
{
    const int MostNamed = 5;
    static readonly string[] NotHidden = ["embed", "head", "lm_head"];

    readonly List<string> decayed = [], withGradient = [], seldom = [];
    readonly SortedDictionary<string, List<string>> notHidden = new(StringComparer.Ordinal); // by algorithm

    public IReadOnlyList<string> Texts =>
    [
        .. decayed.Count == 0 ? [] : (string[])[$"{Few(decayed)} {(decayed.Count == 1 ? "has" : "have")} fewer than two dimensions, as biases and norms have, and a weight decay: NoDecayOnVectors() takes it from them."],
        .. notHidden.Select(one => $"{Few(one.Value)} {(one.Value.Count == 1 ? "looks" : "look")} like an embedding or a head, and {one.Key} is for hidden matrices: AdamW is for the others."),
        .. withGradient.Count == 0 ? [] : (string[])[$"{Few(withGradient)} {(withGradient.Count == 1 ? "is" : "are")} frozen, but {(withGradient.Count == 1 ? "has" : "have")} a gradient, which nothing uses: it need not be computed."],
        .. seldom.Count == 0 ? [] : (string[])[$"{Few(seldom)} had a gradient in fewer than half of the steps that others of the same group had."],
    ];

    public void Look(Optimizer optimizer, ParameterGroup group)
    {
        bool decays = group.HasOption(KnownOptions.WeightDecay) && group[KnownOptions.WeightDecay] is double and not 0;
        decayed.AddRange(group.Parameters.Where(p => decays && p.Shape.Length < 2).Select(Name));
        string algorithm = optimizer.GetType().Name;
        if (algorithm is nameof(Muon) or nameof(NorMuon) && group.Parameters.Where(LooksNotHidden).Select(Name).ToList() is { Count: > 0 } found)
        {
            if (!notHidden.TryAdd(algorithm, found))
                notHidden[algorithm].AddRange(found);
        }
        if (!optimizer.SharesState) // one state for all does not tell which had a gradient
            LookAtSteps(optimizer, group);
    }

    public void LookAtFrozen(Parameter parameter)
    {
        if (parameter.IsUsable && parameter.HasGradient)
            withGradient.Add(Name(parameter));
    }

    /// <summary>
    /// The counts of steps that states have anyway, since a state was loaded the last time: until then parameters of a group may have come at different times, but from then on together. So the group's largest count is that of
    /// the steps that each could have been in.
    /// </summary>
    void LookAtSteps(Optimizer optimizer, ParameterGroup group)
    {
        var states = group.Parameters.Select(p => (Name: Name(p), State: optimizer.StateOf(p))).ToArray();
        if (!Array.Exists(states, x => x.State is not null))
            return;
        if (!Array.Exists(states, x => x.State?.Step > 0))
        {
            if (optimizer.HasSteppedSinceLoading)
                seldom.AddRange(states.Where(x => x.State is null).Select(x => $"{x.Name} (none)"));
            return;
        }
        long most = states.Max(x => Steps(x.State));
        seldom.AddRange(states.Where(x => 2 * Steps(x.State) < most).Select(x => string.Create(CultureInfo.InvariantCulture, $"{x.Name} ({Steps(x.State)} of {most})")));

        static long Steps(ParameterState? state) => state is null ? 0 : state.Step - state.StepWhenLoaded;
    }

    static bool LooksNotHidden(Parameter parameter) =>
        parameter.Shape.Length == 2 && Array.Exists(parameter.Name.Split('.'), segment => Array.Exists(NotHidden, start => segment.StartsWith(start, StringComparison.OrdinalIgnoreCase)));

    static string Few(List<string> names) => names.Count <= MostNamed ? string.Join(", ", names)
        : string.Create(CultureInfo.InvariantCulture, $"{string.Join(", ", names.Take(MostNamed))} and {names.Count - MostNamed} more");

    static string Name(Parameter parameter) => parameter.Name.Length > 0 ? $"'{parameter.Name}'" : parameter.ToString();
}
