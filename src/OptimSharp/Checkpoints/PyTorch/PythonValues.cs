namespace OptimSharp.PyTorch;

// What a pickle is read to, beside null, bool, long, BigInteger, double, Complex, string, bytes and TensorData: objects that may still change, be shared,
// or be within themselves. PythonToState makes a state of them.

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

/// <summary>What calling a class or function gave, with all that it was given. Nothing is called.</summary>
/// <param name="kind">Whether the class was called, or an instance made without.</param>
/// <param name="callee">What was called: a <see cref="PythonGlobal"/>, or what a call gave.</param>
/// <param name="arguments">The arguments.</param>
/// <param name="keywords">The arguments with names, if any.</param>
internal sealed class PythonInstance(PythonObjectKind kind, object callee, object?[] arguments, PythonDict? keywords = null)
{
    public PythonObjectKind Kind => kind;

    public object Callee => callee;

    public object?[] Arguments => arguments;

    public PythonDict? Keywords => keywords;

    /// <summary>The items of a list, a set or a deque; null before there are any.</summary>
    public List<object?>? Items { get; set; }

    /// <summary>The entries of a dictionary; null before there are any.</summary>
    public OrderedDictionary<StateKey, object?>? Entries { get; set; }

    public bool HasState { get; private set; }

    public object? State { get; private set; }

    /// <summary>A call that was made with the object for its effect.</summary>
    public PythonInstance? After { get; set; }

    /// <summary>The name of the class or function that was called; null when it has none.</summary>
    public string? FullName => (callee as PythonGlobal)?.FullName;

    public void Build(object? state) => (HasState, State) = (true, state);
}

/// <summary>A storage of the file, or a part of one.</summary>
/// <param name="Storage">Its memory.</param>
/// <param name="Name">The class, as <c>FloatStorage</c>.</param>
/// <param name="First">Where it begins in the memory, in bytes.</param>
/// <param name="Bytes">How many bytes it says it has.</param>
internal sealed record PythonStorage(TensorStorage Storage, string Name, long First, long Bytes)
{
    /// <summary>The type of its elements; null for bytes whose meaning the tensor knows, and for types that tensors here can't have.</summary>
    public ElementType? Type { get; } = TorchTypes.OfStorage(Name);
}
