namespace OptimSharp.Tool;

/// <summary>A value in a checkpoint that holds no others: a tensor, a number, a text, an object that is shown as a whole.</summary>
/// <param name="Path">The keys that lead to it: <c>optimizer_states[0].state.0.exp_avg</c>.</param>
/// <param name="Value">The value.</param>
readonly record struct Leaf(string Path, object? Value);

/// <summary>Goes through all that is in a checkpoint, in its order.</summary>
/// <remarks>Objects are gone into as well: of what they were made, and their attributes. One that is in several places is gone into where it comes first.</remarks>
sealed class StateWalk
{
    /// <summary>A thread's stack has room for as many levels; no honest file has more.</summary>
    const int Deepest = 400;

    readonly List<Leaf> leaves = [];
    readonly HashSet<PythonObject> seen = [];

    StateWalk()
    {
    }

    /// <summary>All values that hold no others.</summary>
    public static IReadOnlyList<Leaf> Over(object? value)
    {
        var walk = new StateWalk();
        walk.Visit(value, "", 0);
        return walk.leaves;
    }

    /// <summary>All tensors, with the paths that lead to them. A sparse one is its values.</summary>
    public static IReadOnlyList<(string Path, TensorData Tensor)> Tensors(object? value) => [.. Over(value).Where(leaf => leaf.Value is TensorData).Select(leaf => (leaf.Path, (TensorData)leaf.Value!))];

    /// <summary>What an object is made of, by names: what it holds is gone into by these.</summary>
    public static IEnumerable<(string Name, object? Value)> PartsOf(PythonObject thing)
    {
        if (thing.Callee is { } callee)
            yield return ("(callee)", callee);
        foreach (var (i, argument) in thing.Arguments.Index())
            yield return ($"({i})", argument);
        foreach (var (key, argument) in thing.KeywordArguments ?? [])
            yield return ($"({key})", argument);
        foreach (var (i, item) in (thing.Items ?? []).Index())
            yield return ($"[{i}]", item);
        foreach (var (key, entry) in thing.Entries ?? [])
            yield return (key.ToString(), entry);
        if (thing.State is StateDict attributes)
        {
            foreach (var (key, attribute) in attributes)
                yield return (key.ToString(), attribute);
        }
        else if (thing.State is { } state)
        {
            yield return ("(state)", state);
        }
    }

    public static string Join(string path, string name) => path.Length == 0 ? name : name.Length > 0 && name[0] is '[' or '(' ? path + name : $"{path}.{name}";

    void Visit(object? value, string path, int depth)
    {
        switch (value)
        {
            case StateDict { Count: > 0 } dict when depth < Deepest:
                foreach (var (key, entry) in dict)
                    Visit(entry, Join(path, key.ToString()), depth + 1);
                break;
            case IReadOnlyList<object?> list when depth < Deepest && list.Any(item => item is StateDict or IReadOnlyList<object?> or PythonObject or TensorData or SparseTensorData):
                foreach (var (i, item) in list.Index())
                    Visit(item, Join(path, $"[{i}]"), depth + 1);
                break;
            case SparseTensorData sparse:
                leaves.Add(new(Join(path, "indices"), sparse.Indices));
                if (sparse.Pointers is { } pointers)
                    leaves.Add(new(Join(path, "pointers"), pointers));
                leaves.Add(new(Join(path, "values"), sparse.Values));
                break;
            case PythonObject { Kind: not PythonObjectKind.Reference } thing when depth < Deepest && seen.Add(thing):
                leaves.Add(new(path, thing));
                foreach (var (name, part) in PartsOf(thing))
                    Visit(part, Join(path, name), depth + 1);
                break;
            default:
                leaves.Add(new(path, value));
                break;
        }
    }
}
