namespace OptimSharp;

/// <summary>A parameter as a state dict has it.</summary>
/// <param name="Key">Its key in <c>state</c>: a running number, or its name.</param>
/// <param name="Name">Its name, if it has one.</param>
/// <param name="Group">The number of its group.</param>
internal sealed record SavedParameter(StateKey Key, string? Name, int Group)
{
    public string Text => Name ?? Key.ToString();
}

/// <summary>A group as a state dict has it.</summary>
internal sealed class SavedGroup
{
    /// <summary>The key that says by which optimizer of several the group is stepped.</summary>
    public const string Algorithm = "algorithm";

    public SavedGroup(StateDict dict, int number)
    {
        Dict = dict;
        Number = number;
        StateKey[] keys = [.. dict.GetList("params").Select((id, i) => id switch
        {
            long whole => new StateKey(whole),
            string name => new StateKey(name), // as FSDP and torch.distributed.checkpoint write them
            _ => throw dict.Wrong($"params[{i}]", id, "a whole number or a name"),
        })];
        var names = ReadNames(dict, keys);
        Parameters = [.. keys.Select((key, i) => new SavedParameter(key, names?[i] ?? key.Name, number))];
    }

    public StateDict Dict { get; }

    public int Number { get; }

    /// <summary>The optimizer of several that the group was stepped by; null when there was one only.</summary>
    public string? Name => Dict.TryGetValue(Algorithm, out object? value) ? value as string : null;

    /// <summary>Whether another one of several stepped it.</summary>
    /// <exception cref="StateDictException">The name is no text.</exception>
    public bool IsOfOther(Optimizer optimizer)
    {
        if (optimizer.CombinedIn is null || !Dict.TryGetValue(Algorithm, out object? value) || value is null)
            return false;
        return !(value as string ?? throw Dict.Wrong(Algorithm, value, "the name of an optimizer's class")).Equals(optimizer.GetType().Name, StringComparison.OrdinalIgnoreCase);
    }

    public SavedParameter[] Parameters { get; }

    /// <summary>The key that has the names.</summary>
    public string NamesKey => Dict.ContainsKey("param_names") ? "param_names" : "params";

    static string[]? ReadNames(StateDict dict, StateKey[] keys)
    {
        if (!dict.TryGetValue("param_names", out object? value) || value is null)
            return null;
        string[] names = [.. dict.GetList("param_names").Select((name, i) => name as string ?? throw dict.Wrong($"param_names[{i}]", name, "a text"))];
        return names.Length == keys.Length ? names
            : throw new StateDictException(OptimizerState.PathIn(dict, "param_names"), $"must have {keys.Length} names, as many as there are parameters, but has {names.Length}");
    }
}
