namespace OptimSharp.PyTorch;

/// <summary>The classes that a state dict's dictionaries and tuples may be in a file, beside Python's plain ones.</summary>
internal static class PythonClass
{
    public const string OrderedDict = "collections.OrderedDict", Counter = "collections.Counter", Size = "torch.Size";

    /// <summary>How deep lists and dictionaries may be within each other, for writing and for reading.</summary>
    public const int Deepest = 200;

    /// <summary>Whether there are such dictionaries: only the ordered one has attributes.</summary>
    public static bool IsKnown(string? type, StateDict? attributes) => type == OrderedDict || type is null or Counter && attributes is not { Count: > 0 };

    /// <exception cref="ArgumentException">The dictionary is of another class, or has attributes that it can't have.</exception>
    public static void Check(StateDict dict)
    {
        if (!IsKnown(dict.PythonType, null))
            throw new ArgumentException($"A dictionary of the class '{dict.PythonType}' can't be saved; {OrderedDict} and {Counter} can.", nameof(dict));
        if (!IsKnown(dict.PythonType, dict.Attributes))
            throw new ArgumentException($"The dictionary '{dict.Path}' has attributes, which Python has only for the class {OrderedDict}.", nameof(dict));
    }

    /// <exception cref="ArgumentException">The tuple is of another class.</exception>
    public static void Check(StateTuple tuple)
    {
        if (tuple.PythonType is not (null or Size))
            throw new ArgumentException($"A tuple of the class '{tuple.PythonType}' can't be saved; {Size} can.", nameof(tuple));
    }

    /// <exception cref="ArgumentException">It is too deep.</exception>
    public static void CheckDepth(int depth)
    {
        if (depth > Deepest)
            throw new ArgumentException($"A state dict with more than {Deepest} levels within each other can't be saved.", nameof(depth));
    }
}
