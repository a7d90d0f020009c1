using System.Globalization;

namespace OptimSharp;

/// <summary>What a group of an optimizer becomes.</summary>
/// <param name="Group">The group: one of the optimizer's, or a new one.</param>
/// <param name="Part">The optimizer whose group it is or will be.</param>
/// <param name="Content">What is loaded into it; null: nothing.</param>
/// <param name="BeforeSchedulers">The same without what new schedulers wrote, if they wrote the last.</param>
internal sealed record LoadedGroup(ParameterGroup Group, Optimizer Part, GroupContent? Content, GroupContent? BeforeSchedulers);

/// <summary>A state dict that was read and checked, and is ready to be taken over: until then nothing has changed.</summary>
internal sealed class OptimizerLoad
{
    readonly Optimizer optimizer;
    readonly LoadStateOptions options;
    readonly SavedGroup[] saved;
    readonly MatchedParameter[] matched;
    readonly List<LoadedEntry> entries = [];
    readonly GroupReader reader;
    int misfits; // parameters whose states were found, and do not fit
    string? firstMisfit;

    public OptimizerLoad(Optimizer optimizer, StateDict dict, LoadStateOptions options)
    {
        (this.optimizer, this.options) = (optimizer, options);
        reader = new(optimizer, options, entries);
        reader.CheckKeep();
        if (!dict.ContainsKey("param_groups") && dict.FirstOrDefault(e => e.Value is StateDict inner && inner.ContainsKey("param_groups")).Key.Name is { } entry)
            throw new StateDictException(OptimizerState.PathIn(dict, "param_groups"), $"is missing, but the entry '{entry}' has it: load state.GetDict(\"{entry}\")");
        saved = [.. dict.GetDicts("param_groups").Select((group, i) => new SavedGroup(group, i))];
        var states = dict.GetDict("state");
        matched = ParameterMatching.Match(optimizer, dict, saved, options);
        Groups = options.RebuildGroups && !optimizer.SharesState ? Rebuilt() : InPlace();
        foreach (var (i, group) in Groups.Index())
            CheckOptions(group, i);
        if (options.Unexpected == UnexpectedState.Refuse)
        {
            foreach (var key in Stray(states))
                throw states.Wrong(key, states[key], "the state of a parameter that a group has");
        }
        States = ReadStates(states);
        ReportUnmatched(states);
        Report = new(entries);
    }

    public Dictionary<object, ParameterState> States { get; }

    public LoadedGroup[] Groups { get; }

    public LoadReport Report { get; }

    /// <summary>What to say when no parameter's state was found, or none that fits; null else.</summary>
    public string? Nothing => matched.Length == 0 || misfits < matched.Count(m => m.From is not null) ? null
        : firstMisfit is not null ? $"{optimizer.GetType().Name} has loaded no parameter's state: none fits. Of the first, {firstMisfit}."
        : $"{optimizer.GetType().Name} has loaded no parameter's state: no name in the state dict is one of its own{StatePrefix.Advice(saved.SelectMany(g => g.Parameters).Select(p => p.Text), matched.Select(m => m.Parameter.Name))}.";

    static void CheckOptions(LoadedGroup loaded, int index)
    {
        if (loaded.Content is not { } content)
            return;
        foreach (var parameter in loaded.Group.Parameters)
        {
            try
            {
                loaded.Part.CheckParameter(parameter, content.Options);
            }
            catch (ArgumentException e)
            {
                throw new StateDictException($"param_groups[{index}]", $"has options that do not fit the optimizer's parameters ({nameof(LoadStateOptions.Keep)} leaves options as they are): {e.Message.Split(" (Parameter '")[0].TrimEnd('.')}");
            }
        }
    }

    /// <summary>The optimizer's groups, each with the options of the group that its parameters were in.</summary>
    LoadedGroup[] InPlace()
    {
        bool byPosition = saved.Length == optimizer.ParameterGroups.Count;
        var places = matched.Where(m => m.From is not null).ToLookup(m => m.Group, m => m.From!.Group);
        return [.. optimizer.ParameterGroups.Select((group, i) =>
        {
            int[] from = [.. places[i].Distinct()];
            if (from.Length == 0 && group.Parameters.Count == 0 && byPosition)
                from = [i];
            return from.Length == 0 ? new LoadedGroup(group, optimizer.PartOf(group), null, null) : Read(group, i, from);
        })];
    }

    LoadedGroup Read(ParameterGroup group, int index, int[] from)
    {
        var part = optimizer.PartOf(group);
        if (from.FirstOrDefault(i => saved[i].IsOfOther(part), -1) is >= 0 and var foreign)
        {
            if (options.Missing == MissingState.Refuse)
                throw new StateDictException(OptimizerState.PathIn(saved[foreign].Dict, SavedGroup.Algorithm), $"is {saved[foreign].Name}, but the optimizer's group {index}, which has parameters of it, is stepped by {part.GetType().Name} (Missing says what becomes of it)");
            entries.Add(new($"param_groups[{index}]", LoadOutcome.Kept, Group: index, FromGroup: foreign, Reason: $"of its parameters some were stepped by {saved[foreign].Name}, and are by {part.GetType().Name}"));
            from = [.. from.Where(i => !saved[i].IsOfOther(part))];
            if (from.Length == 0)
                return new(group, part, null, null);
        }
        GroupContent present = new(group.CurrentOptions, group.Extras, group.Numbers), content = reader.Read(part, group, present, saved[from[0]].Dict);
        foreach (int other in from.Skip(1))
        {
            var second = reader.Read(part, group, present, saved[other].Dict);
            if (content.Options == second.Options && content.Extras.ToString() == second.Extras.ToString() && content.Numbers.IsLike(second.Numbers))
                continue;
            string difference = reader.Difference(saved[from[0]].Dict, saved[other].Dict);
            if (options.Missing == MissingState.Refuse)
            {
                throw new StateDictException(OptimizerState.PathIn(saved[other].Dict, saved[other].NamesKey),
                    $"has parameters of the optimizer's group {index}, of which others are in the state's group {from[0]}: {difference}. RebuildGroups makes the state's groups; Keep leaves such options as they are");
            }
            entries.Add(new($"param_groups[{index}]", LoadOutcome.Kept, Group: index, Reason: $"its parameters come from groups {from[0]} and {other}, of which {difference}"));
            return new(group, part, present with { Numbers = content.Numbers }, group.BeforeSchedulers is { } kept ? kept with { Numbers = content.Numbers } : null); // numbers belong to the states, which are loaded
        }
        reader.Report(group, index, saved[from[0]]);
        return new(group, part, content, group.BeforeSchedulers is { } before && options.Keep.Count > 0 ? reader.Read(part, group, before, saved[from[0]].Dict) : null);
    }

    /// <summary>The state dict's groups, and after them what only the optimizer has.</summary>
    LoadedGroup[] Rebuilt()
    {
        var groups = optimizer.ParameterGroups;
        var made = new List<LoadedGroup>();
        var byPlace = new Dictionary<SavedParameter, MatchedParameter>(ReferenceEqualityComparer.Instance);
        foreach (var match in matched.Where(m => m.From is not null))
            byPlace.Add(match.From!, match);
        foreach (var from in saved)
        {
            MatchedParameter[] mine = [.. from.Parameters.Where(byPlace.ContainsKey).Select(p => byPlace[p])];
            int[] basis = [.. mine.Select(m => m.Group).Distinct()];
            var group = groups[basis.Length > 0 ? basis[0] : Math.Min(from.Number, groups.Count - 1)];
            var part = optimizer.PartOf(group);
            if (from.IsOfOther(part))
                throw new StateDictException(OptimizerState.PathIn(from.Dict, SavedGroup.Algorithm), $"is {from.Name}, but its parameters are stepped by {part.GetType().Name}: such a group can't be rebuilt");
            foreach (int other in basis.Skip(1))
            {
                if (optimizer.PartOf(groups[other]) is var second && second != part)
                    throw new StateDictException(OptimizerState.PathIn(from.Dict, from.NamesKey), $"has parameters that are stepped by {part.GetType().Name} and by {second.GetType().Name}: such a group can't be rebuilt");
                if (options.Keep.FirstOrDefault(key => Kept(group, key) != Kept(groups[other], key)) is { } different)
                    throw new StateDictException(OptimizerState.PathIn(from.Dict, from.NamesKey), $"has parameters of the optimizer's groups {basis[0]} and {other}, of which '{different}' can't both be kept: it is {Kept(group, different)} and {Kept(groups[other], different)}");
            }
            var target = Target(group, [.. mine.Select(m => m.Parameter)]);
            reader.Report(group, made.Count, from);
            made.Add(new(target, part, reader.Read(part, group, new(group.CurrentOptions, group.Extras, group.Numbers), from.Dict),
                group.BeforeSchedulers is { } before && options.Keep.Count > 0 ? reader.Read(part, group, before, from.Dict) : null));
        }
        foreach (var (i, group) in groups.Index())
        {
            Parameter[] left = [.. matched.Where(m => m.Group == i && m.From is null).Select(m => m.Parameter)];
            if (left.Length > 0)
                made.Add(Target(group, left) is var target && target == group ? new(group, optimizer.PartOf(group), null, null) : new(target, optimizer.PartOf(group), new(group.CurrentOptions, group.Extras, group.Numbers), group.BeforeSchedulers));
        }
        return [.. made];

        ParameterGroup Target(ParameterGroup group, Parameter[] parameters) =>
            group.Parameters.SequenceEqual(parameters) && !made.Exists(m => m.Group == group) ? group : optimizer.PartOf(group).MakeGroup(parameters, group.CurrentOptions);

        static string Kept(ParameterGroup group, string key) =>
            group.HasOption(key) ? OptionDescriptor.Text(group[key]) : group.Extras.TryGetValue(key, out object? value) ? StateDict.Text(value, most: 100) : "none";
    }

    Dictionary<object, ParameterState> ReadStates(StateDict states)
    {
        var made = new Dictionary<object, ParameterState>();
        var places = Groups.SelectMany((g, i) => g.Group.Parameters.Select(p => (p.Identity, i))).ToDictionary(x => x.Identity, x => x.i);
        try
        {
            foreach (var (k, (parameter, _, from)) in matched.Index())
            {
                int group = places[parameter.Identity];
                string name = parameter.Name.Length > 0 ? parameter.Name : k.ToString(CultureInfo.InvariantCulture);
                string? misfit = null;
                if (from is not null && saved[from.Group].IsOfOther(Groups[group].Part))
                {
                    misfit = $"it is of {saved[from.Group].Name}, not of {Groups[group].Part.GetType().Name}";
                }
                else if (from is not null)
                {
                    if (!states.ContainsKey(from.Key) || states.GetDict(from.Key) is not { Count: > 0 } entry)
                    {
                        entries.Add(new(name, LoadOutcome.Loaded, from.Text, group, from.Group)); // not stepped yet
                        continue;
                    }
                    var state = new ParameterState();
                    made.Add(parameter.Identity, state);
                    var precisions = (Groups[group].Content?.Options ?? Groups[group].Group.CurrentOptions).Precisions;
                    misfit = new StateReader(Groups[group].Part, options, entries).Read(parameter, entry, saved[from.Group].Dict, precisions, state);
                    if (misfit is null)
                    {
                        entries.Add(new(name, LoadOutcome.Loaded, from.Text, group, from.Group));
                        continue;
                    }
                    made.Remove(parameter.Identity);
                    state.Dispose();
                }
                if (misfit is not null)
                {
                    misfits++;
                    firstMisfit ??= misfit;
                }
                bool kept = options.Missing == MissingState.Keep && optimizer.StateOf(parameter) is not null;
                if (kept)
                    made.Add(parameter.Identity, optimizer.StateOf(parameter)!);
                entries.Add(new(name, kept ? LoadOutcome.Kept : LoadOutcome.Fresh, from?.Text, group, from?.Group, misfit));
            }
        }
        catch
        {
            foreach (var (identity, state) in made)
            {
                if (optimizer.StateOf(identity) != state)
                    state.Dispose();
            }
            throw;
        }
        return made;
    }

    /// <summary>What only the state dict has: parameters, and states of none.</summary>
    void ReportUnmatched(StateDict states)
    {
        var found = matched.Select(m => m.From).ToHashSet();
        foreach (var parameter in saved.SelectMany(g => g.Parameters).Where(p => !found.Contains(p)))
            entries.Add(new(parameter.Text, LoadOutcome.Dropped, parameter.Text, FromGroup: parameter.Group));
        foreach (var key in Stray(states))
            entries.Add(new(OptimizerState.PathIn(states, key), LoadOutcome.Dropped, key.ToString()));
    }

    IEnumerable<StateKey> Stray(StateDict states)
    {
        var known = saved.SelectMany(g => g.Parameters).Select(p => p.Key).ToHashSet();
        return states.Keys.Where(key => !known.Contains(key));
    }
}
