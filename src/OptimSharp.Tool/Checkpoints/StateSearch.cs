namespace OptimSharp.Tool;

/// <summary>Finds a model's tensors in whatever a checkpoint has around them.</summary>
static class StateSearch
{
    /// <summary>The word that stands for the model, wherever it is.</summary>
    public const string Model = "model";

    /// <summary>What programs call a model's state dict, in the order in which they are looked for: Lightning and timm; many scripts; DeepSpeed; nnU-Net; fairseq and many scripts.</summary>
    static readonly string[] usual = ["state_dict", "model_state_dict", "model_state", "module", "network_weights", "model", "net", "network", "weights"];

    /// <summary>The model, and where it is: "" for the file as a whole.</summary>
    /// <exception cref="ToolException">There is none, or several and none by a usual name.</exception>
    public static (string Path, StateDict Model) FindModel(OpenedCheckpoint file)
    {
        if (file.Value is PythonObject { Entries: null } thing)
            return ("", ModuleOf(thing) ?? throw new ToolException($"'{file.Name}' holds an object of '{Printable.Of(thing.Type, 100)}', which is no module."));
        var all = file.Dictionary();
        if (IsModel(all))
            return ("", all);
        foreach (string name in usual)
        {
            if (all.TryGetValue(name, out object? value) && AsModel(value) is { } model)
                return (name, model);
        }
        var found = Models(all, "", 0).ToList();
        return found switch
        {
            [var one] => one,
            [] => throw new ToolException($"'{file.Name}' has no dictionary of tensors that would be a model. 'optimsharp checkpoint inspect' shows what it has."),
            _ => throw new ToolException($"'{file.Name}' has several dictionaries of tensors: {string.Join(", ", found.Take(8).Select(f => $"'{f.Path}'"))}{(found.Count > 8 ? ", …" : "")}. Name one by its path."),
        };
    }

    /// <summary>The dictionary at a path: keys with dots between, numbers of lists in brackets. A key that has dots itself is found, too.</summary>
    /// <exception cref="ToolException">There is nothing there, or no dictionary.</exception>
    public static StateDict At(OpenedCheckpoint file, string path)
    {
        object? value = Find(file.Value is PythonObject { Entries: { } entries } ? entries : file.Value, path, out bool isThere);
        if (!isThere)
        {
            var keys = file.Value is StateDict dict ? dict.Keys.Select(key => Printable.Of(key.ToString(), 40)).Take(20).ToArray() : [];
            throw new ToolException($"'{file.Name}' has no '{path}'{(keys.Length > 0 ? $"; it has: {string.Join(", ", keys)}" : "")}.");
        }
        return value switch
        {
            StateDict dict => dict,
            PythonObject { Entries: { } inner } => inner,
            PythonObject thing when ModuleOf(thing) is { } model => model,
            _ => throw new ToolException($"'{path}' of '{file.Name}' is no dictionary, but {ValueText.Kind(value)}."),
        };
    }

    /// <summary>A module's state dict; null for an object that is no module.</summary>
    public static StateDict? ModuleOf(PythonObject thing)
    {
        try
        {
            return thing.ModuleStateDict();
        }
        catch (StateDictException)
        {
            return null;
        }
    }

    /// <summary>Whether it is what an optimizer saves.</summary>
    public static bool IsOptimizers(StateDict state) =>
        state.TryGetValue("param_groups", out object? groups) && groups is IReadOnlyList<object?> && state.TryGetValue("state", out object? states) && states is StateDict;

    /// <summary>Tensors by name, and nothing else of weight: some layers add a text or a number of their own.</summary>
    static bool IsModel(StateDict dict) => dict.All(entry => entry.Key.Name is not null && entry.Value is not (StateDict or IReadOnlyList<object?>)) && dict.Count(entry => IsTensor(entry.Value)) * 2 > dict.Count;

    static bool IsTensor(object? value) => value is SparseTensorData || ModelShapes.ShapeOf(value) is not null;

    static StateDict? AsModel(object? value) => value switch
    {
        StateDict dict when IsModel(dict) => dict,
        PythonObject { Entries: { } entries } when IsModel(entries) => entries,
        PythonObject thing => ModuleOf(thing),
        _ => null,
    };

    static IEnumerable<(string Path, StateDict Model)> Models(StateDict dict, string path, int depth)
    {
        if (depth > 20 || IsOptimizers(dict))
            yield break;
        foreach (var (key, value) in dict)
        {
            string place = StateWalk.Join(path, key.ToString());
            if (AsModel(value) is { } model)
                yield return (place, model);
            else if ((value as StateDict ?? (value as PythonObject)?.Entries) is { } inner)
            {
                foreach (var found in Models(inner, place, depth + 1))
                    yield return found;
            }
        }
    }

    static object? Find(object? value, string path, out bool isThere)
    {
        isThere = true;
        if (path.Length == 0)
            return value;
        if (value is PythonObject thing)
            value = thing.Entries ?? thing.Attributes;
        if (value is IReadOnlyList<object?> list && path[0] == '[' && path.IndexOf(']') is > 1 and var close && int.TryParse(path.AsSpan(1, close - 1), out int number) && number >= 0 && number < list.Count)
            return Find(list[number], path[(close + 1)..].TrimStart('.'), out isThere);
        if (value is StateDict dict)
        {
            foreach (var (key, entry) in dict.OrderByDescending(e => e.Key.ToString().Length))
            {
                string name = key.ToString();
                if (path == name)
                    return entry;
                if (path.StartsWith(name, StringComparison.Ordinal) && path[name.Length] is '.' or '[' && Find(entry, path[name.Length..].TrimStart('.'), out isThere) is var found && isThere)
                    return found;
            }
        }
        isThere = false;
        return null;
    }
}
