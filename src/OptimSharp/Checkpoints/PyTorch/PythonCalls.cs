using OptimSharp.Kernels;

namespace OptimSharp.PyTorch;

/// <summary>
/// What a pickle's calls and references to storages mean: the few constructors of PyTorch's files that hold data. Each storage is read when it is
/// first named, straight into its tensors' memory.
/// </summary>
internal sealed class PythonCalls(TorchArchive archive, Func<string, CheckpointException> error)
{
    // As long as honest ones get, and some: what refers to a thing takes two bytes, so that nothing may be done again and again that takes longer for a larger thing.
    const int MostDimensions = 64, LongestKey = 1024, LongestStorageName = 64;
    const long MostElements = 1L << 56; // of a view that repeats its elements; others end with their storage

    readonly Dictionary<string, PythonStorage> storages = [];

    /// <summary>A class or function that the pickle names; unknown ones are refused at once.</summary>
    public object Find(string module, string name) => (module, name) switch
    {
        ("collections", "OrderedDict" or "Counter") => new PythonGlobal(module, name),
        ("torch._utils", "_rebuild_tensor_v2" or "_rebuild_tensor_v3" or "_rebuild_parameter") => new PythonGlobal(module, name),
        ("torch", "Size" or "device" or TorchTypes.UntypedStorage) => new PythonGlobal(module, name),
        ("torch.storage", TorchTypes.UntypedStorage) => new PythonGlobal("torch", name),
        ("torch", _) when TorchTypes.OfName(name) is { } type => type,
        ("torch", _) when TorchTypes.OfStorage(name) is not null => new PythonGlobal(module, name),
        ("torch._utils", "_rebuild_sparse_tensor") => throw Refuse("a sparse tensor"),
        ("torch._utils", "_rebuild_qtensor") or ("torch", "QInt8Storage" or "QUInt8Storage" or "QInt32Storage" or "QUInt4x2Storage" or "QUInt2x4Storage") => throw Refuse("a quantised tensor"),
        ("torch._utils", "_rebuild_meta_tensor_no_storage") => throw Refuse("a tensor of the meta device, which has no numbers"),
        ("torch._utils", "_rebuild_nested_tensor") => throw Refuse("a nested tensor"),
        ("torch._tensor" or "torch.tensor", "_rebuild_from_type_v2") => throw Refuse("a tensor of a class of its own, or with attributes"),
        ("_codecs", "encode") => throw Refuse("bytes"),
        ("__builtin__", "set" or "frozenset" or "complex" or "bytearray") => throw Refuse($"a Python {name}"),
        ("torch", _) when name.StartsWith("float8", StringComparison.Ordinal) || name is "complex32" or "float4_e2m1fn_x2" => throw Refuse($"the type torch.{name}"),
        _ => throw Refuse($"an object of '{module}.{name}'"),
    };

    /// <summary>What a call gives.</summary>
    public object? Call(PythonGlobal function, object?[] arguments) => (function.FullName, arguments) switch
    {
        ("collections.OrderedDict", []) => new PythonDict(PythonClass.OrderedDict),
        ("collections.Counter", []) => new PythonDict(PythonClass.Counter),
        ("collections.Counter", [PythonDict { Type: null } counts]) => new PythonDict(PythonClass.Counter, counts),
        ("torch.Size", [PythonTuple { Type: null, Items.Length: <= MostDimensions } sizes]) => new PythonTuple([.. sizes.Items.Select(size => size is long ? size : throw error("has a torch.Size of something other than whole numbers"))], PythonClass.Size),
        ("torch.device", [string type]) => new StateDevice(type),
        ("torch.device", [string type, long index]) => new StateDevice(type, index),
        ("torch._utils._rebuild_parameter", [TensorData tensor, bool, PythonDict]) => tensor,
        ("torch._utils._rebuild_tensor_v2", [PythonStorage { Type: { } type } storage, long offset, PythonTuple shape, PythonTuple strides, bool, PythonDict or null, .. var rest]) when rest.Length <= 1 =>
            Tensor(storage, type, offset, shape, strides, rest),
        ("torch._utils._rebuild_tensor_v3", [PythonStorage { Type: null } storage, long offset, PythonTuple shape, PythonTuple strides, bool, PythonDict or null, ElementType type, .. var rest]) when rest.Length <= 1 =>
            Tensor(storage, type, offset, shape, strides, rest),
        _ => throw error($"calls {function.FullName} with arguments that torch.save does not give it"),
    };

    /// <summary>The storage that a persistent id names: ("storage", type, key, device, elements). All devices' are read to main memory.</summary>
    public object Storage(object? id)
    {
        if (id is not PythonTuple { Items: ["storage", PythonGlobal { Module: "torch" } type, string { Length: <= LongestStorageName } key, string device, long count] })
            throw error("names a storage as torch.save does not");
        var element = TorchTypes.OfStorage(type.Name);
        if (element is null && type.Name != TorchTypes.UntypedStorage)
            throw error($"names a storage of the class {type.FullName}");
        if (device == "meta")
            throw Refuse("a tensor of the meta device, which has no numbers");
        int size = element?.Size() ?? 1;
        if (count < 0 || count > long.MaxValue / size)
            throw error($"names a storage of {count} elements");
        if (storages.TryGetValue(key, out var known))
            return known.Type == element && known.Bytes == count * size ? known : throw error($"names the storage '{key}' with two types or sizes");
        var storage = new PythonStorage(archive.ReadStorage(key, count * size), element, count * size);
        storages.Add(key, storage);
        return storage;
    }

    public StateKey Key(object? key) => key switch
    {
        string { Length: <= LongestKey } name => name,
        string name => throw error($"has a dictionary with a key of {name.Length} letters; keys may have {LongestKey}"),
        long number => number,
        _ => throw error($"has a dictionary with a key that is {Describe(key)}; keys are texts or whole numbers"),
    };

    TensorData Tensor(PythonStorage storage, ElementType type, long offset, PythonTuple shape, PythonTuple strides, object?[] metadata)
    {
        if (metadata is not [] and not [null] and not [PythonDict { Items.Count: 0 }])
            throw Refuse(metadata is [PythonDict m] && (m.Items.ContainsKey("conj") || m.Items.ContainsKey("neg"))
                ? "a tensor that is a conjugate or negative view (save tensor.resolve_conj().resolve_neg() instead)" : "a tensor with metadata");
        if (shape.Items.Length != strides.Items.Length || shape.Items.Length > MostDimensions)
            throw error($"has a tensor with {shape.Items.Length} sizes and {strides.Items.Length} strides");
        long[] sizes = Sizes(shape, "shape"), steps = Sizes(strides, "strides");
        long elements = storage.Bytes / type.Size();
        Int128 count = 1, last = offset;
        for (int i = 0; i < sizes.Length; i++)
        {
            count = Int128.Min(count * sizes[i], (Int128)long.MaxValue + 1);
            last += (Int128)Math.Max(sizes[i] - 1, 0) * steps[i];
        }
        if (sizes.Contains(0))
            count = 0;
        if (count > MostElements)
            throw error($"has a tensor [{string.Join(", ", sizes)}], more elements than there can be");
        if (offset < 0 || count > 0 && last >= elements)
            throw error($"has a tensor [{string.Join(", ", sizes)}] with strides [{string.Join(", ", steps)}] from element {offset} on, which goes past the {elements} elements of its storage");
        if (storage.Type is null && storage.Bytes % type.Size() != 0)
            throw error($"has a tensor of {type.Name()} in a storage of {storage.Bytes} bytes");
        return new(storage.Storage, type, offset, sizes, steps);
    }

    long[] Sizes(PythonTuple tuple, string what)
    {
        var sizes = new long[tuple.Items.Length];
        for (int i = 0; i < sizes.Length; i++)
            sizes[i] = tuple.Items[i] is long size and >= 0 ? size : throw error($"has a tensor whose {what} have {Describe(tuple.Items[i])}");
        return sizes;
    }

    static string Describe(object? value) => value switch
    {
        null => "None",
        bool flag => flag ? "True" : "False",
        double or long => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"the number {value}"),
        string => "a text",
        PythonTuple => "a tuple",
        TensorData => "a tensor",
        _ => "an object",
    };

    CheckpointException Refuse(string what) => error(
        $"holds {what}; what can be read are tensors, numbers, texts, None, lists, tuples and dictionaries, as state_dict() gives them");
}
