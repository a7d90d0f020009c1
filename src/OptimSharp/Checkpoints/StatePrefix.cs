namespace OptimSharp;

/// <summary>Names that begin in the same way: <c>module.</c> of <c>DataParallel</c>, <c>_orig_mod.</c> of <c>torch.compile</c>, <c>model.</c> of Lightning.</summary>
public static class StatePrefix
{
    const string Metadata = "_metadata";

    /// <summary>A copy in which names do not begin with a prefix any more; those that did not are as they were.</summary>
    /// <remarks>
    /// In a module's or an average's state dict the names are its keys. In an optimizer's, which has <c>state</c> and <c>param_groups</c>, they are the
    /// groups' <c>param_names</c>, and <c>params</c> and the keys of <c>state</c> where these are names (as FSDP writes them). In a scheduler's they are its <c>param_names</c>.
    /// </remarks>
    /// <param name="state">The state dict.</param>
    /// <param name="prefix">The prefix, with its dot.</param>
    /// <exception cref="ArgumentException">Two names would be the same.</exception>
    public static StateDict WithoutPrefix(this StateDict state, string prefix)
    {
        ArgumentException.ThrowIfNullOrEmpty(prefix);
        return Rename(state, name => name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : name,
            layer => layer + "." == prefix ? "" : layer.StartsWith(prefix, StringComparison.Ordinal) ? layer[prefix.Length..] : layer);
    }

    /// <summary>A copy in which all names begin with a prefix. An average's <c>n_averaged</c> is none.</summary>
    /// <inheritdoc cref="WithoutPrefix"/>
    public static StateDict WithPrefix(this StateDict state, string prefix)
    {
        ArgumentException.ThrowIfNullOrEmpty(prefix);
        return Rename(state, name => name == AveragedParameters.CountKey ? name : prefix + name, layer => layer.Length > 0 ? prefix + layer : prefix.TrimEnd('.'));
    }

    /// <summary>What to do when a module's or average's names do not match: take a dictionary within the state, or change a prefix.</summary>
    internal static string Advice(StateDict state, IReadOnlyCollection<string> ours)
    {
        foreach (var (key, value) in state)
        {
            if (value is StateDict inner && key.Name is { } name && (Names(inner).Any(ours.Contains) || Extra([.. Names(inner)], [.. ours]) is not null))
                return $". Its entry '{name}' has such names: load state.GetDict(\"{name}\"){Advice(Names(inner), ours)}";
        }
        return Advice(Names(state), ours);

        static IEnumerable<string> Names(StateDict dict) => dict.Keys.Select(k => k.Name).OfType<string>().Where(name => name != AveragedParameters.CountKey);
    }

    /// <summary>What to do when names do not match because all of one side begin in the same way: the rest of a sentence, or nothing.</summary>
    /// <param name="theirs">The names in the state dict.</param>
    /// <param name="ours">Those of what it is loaded into.</param>
    internal static string Advice(IEnumerable<string> theirs, IEnumerable<string> ours)
    {
        string[] inState = [.. theirs], here = [.. ours];
        return Extra(inState, here) is { } off ? $". All names in the state begin with '{off}': load state.WithoutPrefix(\"{off}\")"
            : Extra(here, inState) is { } on ? $". Names in the state lack the prefix '{on}': load state.WithPrefix(\"{on}\")"
            : "";
    }

    /// <summary>The prefix that all of some names have, and without which most of the others' are among them; null when there is none.</summary>
    static string? Extra(string[] names, string[] others)
    {
        if (names.Length == 0 || others.Length == 0)
            return null;
        var known = others.ToHashSet();
        string? best = null;
        int most = names.Count(known.Contains);
        for (int end = names[0].IndexOf('.') + 1; end > 0; end = names[0].IndexOf('.', end) + 1)
        {
            string prefix = names[0][..end];
            if (!Array.TrueForAll(names, name => name.StartsWith(prefix, StringComparison.Ordinal)))
                break;
            int found = names.Count(name => known.Contains(name[end..]));
            if (found > most)
                (most, best) = (found, prefix);
        }
        return best;
    }

    static StateDict Rename(StateDict state, Func<string, string> rename, Func<string, string> renameLayer)
    {
        ArgumentNullException.ThrowIfNull(state);
        var copy = state.Clone();
        if (copy.TryGetValue(Schedulers.GroupNames.Key, out object? value) && value is IReadOnlyList<object?> groups && groups.All(group => group is IReadOnlyList<object?>))
        {
            copy[Schedulers.GroupNames.Key] = groups.Select(group => Names((IReadOnlyList<object?>)group!)).ToArray();
            return copy;
        }
        if (!IsOptimizers(copy))
            return Keys(copy, rename, renameLayer);
        copy["state"] = Keys(copy.GetDict("state"), rename, renameLayer);
        foreach (var group in copy.GetDicts("param_groups"))
        {
            foreach (string key in (string[])["params", "param_names"])
            {
                if (group.TryGetValue(key, out object? names) && names is IReadOnlyList<object?> list)
                    group[key] = Names(list);
            }
        }
        return copy;

        object?[] Names(IReadOnlyList<object?> list) => [.. list.Select(item => item is string name ? rename(name) : item)];
    }

    static bool IsOptimizers(StateDict state) =>
        state.TryGetValue("state", out object? states) && states is StateDict
        && state.TryGetValue("param_groups", out object? groups) && groups is IReadOnlyList<object?> list && list.All(group => group is StateDict);

    static StateDict Keys(StateDict state, Func<string, string> rename, Func<string, string> renameLayer)
    {
        var attributes = state.Attributes;
        if (attributes is not null && attributes.TryGetValue(Metadata, out object? value) && value is StateDict layers)
            attributes[Metadata] = Layers(layers, renameLayer);
        var renamed = new StateDict { PythonType = state.PythonType, Attributes = attributes };
        foreach (var (key, entry) in state)
        {
            var named = key.Name is { } name ? rename(name) : key;
            if (renamed.ContainsKey(named))
                throw new ArgumentException($"Two names of the state would be '{named}'.", nameof(state));
            renamed.Add(named, entry);
        }
        return renamed;
    }

    /// <summary>The versions of layers; that of a wrapper gives way to what it wraps, as in PyTorch.</summary>
    static StateDict Layers(StateDict layers, Func<string, string> rename)
    {
        var renamed = new StateDict { PythonType = layers.PythonType, Attributes = layers.Attributes };
        foreach (var (key, entry) in layers)
            renamed[key.Name is { } name ? rename(name) : key] = entry;
        return renamed;
    }
}
