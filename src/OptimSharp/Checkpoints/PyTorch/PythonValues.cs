namespace OptimSharp.PyTorch;

// What a pickle is read to, beside null, bool, long, double, string and TensorData: objects that may still change, be shared, or be within
// themselves. PythonToState makes a state dict of them.

/// <summary>A list.</summary>
internal sealed class PythonList
{
    public List<object?> Items { get; } = [];
}

/// <summary>A tuple, or <c>torch.Size</c>.</summary>
internal sealed class PythonTuple(object?[] items, string? type = null)
{
    public object?[] Items => items;

    public string? Type => type;
}

/// <summary>A dictionary. When a key is set twice, the later value counts, in the earlier place.</summary>
/// <param name="type">The class when it isn't a plain <c>dict</c>.</param>
/// <param name="of">A dictionary that it has the items of, if any: calls copy nothing, because a file may call many times.</param>
internal sealed class PythonDict(string? type = null, PythonDict? of = null)
{
    public OrderedDictionary<StateKey, object?> Items { get; } = of?.Items ?? [];

    public string? Type => type;

    public PythonDict? Attributes { get; set; }
}

/// <summary>A class or function, by its name: never looked up, only compared.</summary>
internal sealed class PythonGlobal(string module, string name)
{
    public string Module => module;

    public string Name => name;

    public string FullName => $"{module}.{name}";
}

/// <summary>A storage of the file.</summary>
/// <param name="Storage">Its memory.</param>
/// <param name="Type">The type of its elements; null for bytes whose meaning the tensor knows.</param>
/// <param name="Bytes">How many bytes it says it has.</param>
internal sealed record PythonStorage(TensorStorage Storage, ElementType? Type, long Bytes);
