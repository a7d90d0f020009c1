namespace OptimSharp.PyTorch;

/// <summary>
/// Makes a state dict of what a pickle was read to. An object that is in several places is in each of them then; a bound on how many there are in all
/// keeps a small file from becoming a large one so, and a bound on the depth ends what is within itself.
/// </summary>
/// <param name="budget">How many values there may be in all places together. Each takes a byte at least where it is no repetition.</param>
/// <param name="error">Makes the exception for what is wrong.</param>
internal sealed class PythonToState(long budget, Func<string, CheckpointException> error)
{
    public StateDict Dictionary(PythonDict dict, int depth = 0)
    {
        if (depth > PythonClass.Deepest)
            throw error($"has more than {PythonClass.Deepest} levels within each other, or something that is within itself");
        var state = new StateDict { PythonType = dict.Type, Attributes = dict.Attributes is null ? null : Dictionary(dict.Attributes, depth + 1) };
        foreach (var (key, value) in dict.Items)
            state.Add(key, Value(value, depth + 1));
        return state;
    }

    object? Value(object? value, int depth)
    {
        if (--budget < 0)
            throw error("has objects in so many places that it is larger than it could honestly be");
        if (depth > PythonClass.Deepest)
            throw error($"has more than {PythonClass.Deepest} levels within each other, or something that is within itself");
        return value switch
        {
            null or bool or long or double or string or TensorData or ElementType or StateDevice => value,
            PythonDict dict => Dictionary(dict, depth),
            PythonList list => list.Items.ConvertAll(item => Value(item, depth + 1)),
            PythonTuple tuple => new StateTuple(tuple.Items.Select(item => Value(item, depth + 1)), tuple.Type),
            PythonStorage => throw error("holds a storage that belongs to no tensor"),
            PythonGlobal global => throw error($"holds the class or function {global.FullName}"),
            _ => throw error("holds an object of no known kind"),
        };
    }
}
