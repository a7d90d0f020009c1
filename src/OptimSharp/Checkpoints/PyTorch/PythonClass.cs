namespace OptimSharp.PyTorch;

/// <summary>The classes and functions of a file that are known by name.</summary>
internal static class PythonClass
{
    public const string OrderedDict = "collections.OrderedDict", Counter = "collections.Counter", Size = "torch.Size";
    public const string Set = "builtins.set", FrozenSet = "builtins.frozenset", ByteArray = "builtins.bytearray", Deque = "collections.deque", DefaultDict = "collections.defaultdict";

    const int LongestName = 200;

    static readonly string[] Rebuilders =
    [
        "_rebuild_parameter", "_rebuild_parameter_with_state", "_rebuild_qtensor", "_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_sparse_tensor", "_rebuild_sparse_csr_tensor",
        "_rebuild_meta_tensor_no_storage", "_rebuild_nested_tensor", "_rebuild_wrapper_subclass", "_rebuild_device_tensor_from_numpy", "_rebuild_device_tensor_from_cpu_tensor",
    ];

    static readonly string[] InTorch = ["Size", "device", "Tensor", "per_tensor_affine", "per_tensor_symmetric", "per_channel_affine", "per_channel_symmetric", "per_channel_affine_float_qparams"];

    /// <summary>Whether <c>torch.load(weights_only=True)</c> takes it: what a strict reader takes, and what is written without being asked for.</summary>
    public static bool IsPlain(string module, string name) => module switch
    {
        "collections" => name is "OrderedDict" or "Counter",
        "builtins" => name is "set" or "bytearray" or "complex",
        "_codecs" => name is "encode",
        "torch" => InTorch.Contains(name) || TorchTypes.IsStorage(name) || TorchTypes.OfName(name) is not null || TorchTypes.IsOther(name),
        "torch.storage" => name is TorchTypes.UntypedStorage or "TypedStorage",
        "torch.serialization" => name is "_get_layout",
        "torch.nn.parameter" => name is "Parameter",
        "torch._tensor" => name is "_rebuild_from_type_v2",
        "torch._utils" => Rebuilders.Contains(name),
        _ => false,
    };

    /// <summary>Whether a module or a class may be called so: neither empty nor long, without control characters or parts of nothing.</summary>
    public static bool IsName(string name) => name.Length is > 0 and <= LongestName && !name.Any(char.IsControl) && !name.Any(char.IsSurrogate) && !name.Split('.').Contains("");

    /// <summary>The name that Python 3 has for what Python 2 called otherwise, as protocol 2 still does.</summary>
    public static (string Module, string Name) Modern(string module, string name) => (module, name) switch
    {
        ("__builtin__", "xrange") => ("builtins", "range"),
        ("__builtin__", "unicode") => ("builtins", "str"),
        ("__builtin__", "long") => ("builtins", "int"),
        ("__builtin__", "unichr") => ("builtins", "chr"),
        ("__builtin__" or "exceptions", _) => ("builtins", name),
        ("copy_reg", _) => ("copyreg", name),
        ("UserDict" or "UserList" or "UserString", _) => ("collections", name),
        ("torch.tensor", "_rebuild_from_type_v2") => ("torch._tensor", name),
        _ => (module, name),
    };

    /// <summary>How deep lists and dictionaries may be within each other, for writing and for reading.</summary>
    public const int Deepest = 200;

    /// <summary>Whether there are such dictionaries: only the ordered one has attributes.</summary>
    public static bool IsKnown(string? type, StateDict? attributes) => type == OrderedDict || type is null or Counter && attributes is not { Count: > 0 };

    /// <exception cref="ArgumentException">The dictionary is of another class, or has attributes that it can't have.</exception>
    public static void Check(StateDict dict)
    {
        if (!IsKnown(dict.PythonType, null))
            throw new ArgumentException($"A dictionary of the class '{dict.PythonType}' can't be saved unless {nameof(CheckpointSaveOptions)}.{nameof(CheckpointSaveOptions.AllowObjects)} is set; {OrderedDict} and {Counter} can.", nameof(dict));
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
