using System.Numerics;
using OptimSharp.Engine;

namespace OptimSharp.PyTorch;

/// <summary>
/// What a pickle's calls and references mean: the few constructors of PyTorch's files that hold data are known here; all others are kept as they are written. Each storage
/// is read, or has its place, when it is first named.
/// </summary>
/// <param name="archive">Where storages come from.</param>
/// <param name="isStrict">Whether to refuse what <c>torch.load(weights_only=True)</c> would refuse.</param>
/// <param name="error">Makes the exception for what is wrong.</param>
internal sealed class PythonCalls(IStorageSource archive, bool isStrict, Func<string, CheckpointException> error)
{
    // As long as honest ones get, and some: what refers to a thing takes two bytes, so that nothing may be done again and again that takes longer for a larger thing.
    const int LongestKey = 1024, MostKeyParts = 64, DeepestKey = 8, LongestStorageName = 64, LongestNumberKey = 1024;

    readonly TensorCalls tensors = new(error);
    readonly Dictionary<string, PythonStorage> storages = [];
    readonly Dictionary<PythonTuple, StateKey> keys = new(ReferenceEqualityComparer.Instance);
    readonly Dictionary<object, object> encoded = new(ReferenceEqualityComparer.Instance);

    /// <summary>A class or function that the pickle names. A dtype is its element type.</summary>
    public object Find(string module, string name)
    {
        (module, name) = PythonClass.Modern(module, name);
        string full = $"{module}.{name}";
        if (!PythonClass.IsName(module) || !PythonClass.IsName(name))
            throw error($"has a class with the name '{(full.Length > 200 ? full[..200] + "…" : full)}'");
        if (isStrict && !PythonClass.IsPlain(module, name) && full != "builtins.bytes")
            throw error($"holds an object of '{full}'; what a strict reader takes are tensors, numbers, texts, None, bytes, lists, tuples, sets and dictionaries, as state_dict() gives them");
        return module == "torch" && TorchTypes.OfName(name) is { } type ? type : new PythonGlobal(module, name);
    }

    /// <summary>What a call gives.</summary>
    public object? Call(object? callee, object?[] arguments)
    {
        if (callee is not PythonGlobal function)
            return callee is PythonInstance ? new PythonInstance(PythonObjectKind.Call, callee, arguments) : throw error("calls what is no function");
        return (function.FullName, arguments) switch
        {
            (PythonClass.OrderedDict, []) => new PythonDict(PythonClass.OrderedDict),
            (PythonClass.OrderedDict, [PythonList pairs]) => Ordered(pairs),
            (PythonClass.Counter, []) => new PythonDict(PythonClass.Counter),
            (PythonClass.Counter, [PythonDict { Type: null } counts]) => new PythonDict(PythonClass.Counter, counts),
            (PythonClass.Size, [PythonTuple { Type: null } sizes]) => tensors.Size(sizes),
            ("torch.device", [string type]) => new StateDevice(type),
            ("torch.device", [string type, long index]) => new StateDevice(type, index),
            ("torch._utils._rebuild_parameter", [TensorData tensor, bool, PythonDict]) => tensor,
            ("torch._utils._rebuild_tensor" or "torch._utils._rebuild_tensor_v2" or "torch._utils._rebuild_tensor_v3", _) => tensors.Rebuild(function, arguments),
            ("torch._tensor._rebuild_from_type_v2", [PythonGlobal { FullName: "torch._utils._rebuild_tensor_v2" or "torch._utils._rebuild_tensor_v3" } inner, var type, PythonTuple inside, var state])
                when tensors.Rebuild(inner, inside.Items) is TensorData tensor =>
                new PythonInstance(PythonObjectKind.Call, function, [inner, type, new PythonTuple([tensor]), state]),
            ("_codecs.encode", [string text, "latin1" or "latin-1"]) => Encode(text),
            ("builtins.bytes", []) => default(ReadOnlyMemory<byte>),
            ("builtins.complex", [double real, double imaginary]) => new Complex(real, imaginary),
            ("builtins.getattr", [PythonGlobal outer, string name]) => Find(outer.Module, $"{outer.Name}.{name}"),
            (PythonClass.Set or PythonClass.FrozenSet, []) => Set(function.FullName, []),
            (PythonClass.Set or PythonClass.FrozenSet, [PythonList items]) => new PythonInstance(PythonObjectKind.Call, function, []) { Items = items.Items },
            (PythonClass.ByteArray, [string text, "latin-1" or "latin1"]) => new PythonInstance(PythonObjectKind.Call, function, [Encode(text)]),
            (PythonClass.Deque, _) => new PythonInstance(PythonObjectKind.Call, function, arguments) { Items = [] },
            (PythonClass.DefaultDict, _) => new PythonInstance(PythonObjectKind.Call, function, arguments) { Entries = [] },
            ("copyreg._reconstructor", [PythonGlobal type, PythonGlobal { FullName: "builtins.object" }, null]) => New(type, [], null),
            ("copyreg.__newobj__", [PythonGlobal type, .. var rest]) => New(type, rest, null),
            ("copyreg.__newobj_ex__", [PythonGlobal type, PythonTuple rest, PythonDict names]) => New(type, rest.Items, names),
            _ => new PythonInstance(PythonObjectKind.Call, function, arguments),
        };
    }

    /// <summary>An instance of a class that is made without calling it.</summary>
    public object New(object? type, object?[] arguments, PythonDict? names) => type is PythonGlobal or PythonInstance
        ? new PythonInstance(PythonObjectKind.Instance, type, arguments, names is { Items.Count: > 0 } ? names : null) : throw error("makes an instance of what is no class");

    /// <summary>An instance as protocols 0 and 1 write it: called only when there are arguments.</summary>
    public object? Old(object? type, object?[] arguments) => arguments.Length == 0 ? New(type, [], null) : Call(type, arguments);

    public static PythonInstance Set(string type, object?[] items) => new(PythonObjectKind.Call, new PythonGlobal("builtins", type[(type.IndexOf('.', StringComparison.Ordinal) + 1)..]), []) { Items = [.. items] };

    public static PythonInstance ByteArray(object bytes) => new(PythonObjectKind.Call, new PythonGlobal("builtins", "bytearray"), [bytes]);

    /// <summary>Attributes of an object, or whatever else its class takes as its state.</summary>
    public void Build(object? thing, object? state)
    {
        switch (thing)
        {
            case PythonDict { Type: PythonClass.OrderedDict, Attributes: null } dict when state is PythonDict { Type: null } attributes:
                dict.Attributes = attributes;
                break;
            case PythonInstance { HasState: false } instance:
                instance.Build(state);
                break;
            default:
                throw error("gives attributes to what has no place for them, or has some");
        }
    }

    /// <summary>What is taken off the stack unused: kept where it was called with the object below, which it changed.</summary>
    public static void Dropped(object? value, object? below)
    {
        if (value is PythonInstance { Kind: PythonObjectKind.Call, Arguments: [PythonInstance first, ..] } call && ReferenceEquals(first, below) && first.After is null)
            first.After = call;
    }

    /// <summary>What a persistent id names: a storage, or, in the format before 1.6, the class of a module beside its program.</summary>
    public object Persistent(object? id)
    {
        if (id is PythonTuple { Items: ["module", PythonGlobal type, string or null, string or null] })
            return type;
        if (id is not PythonTuple { Items: ["storage", PythonGlobal { Module: "torch" or "torch.storage" } storage, string { Length: <= LongestStorageName } key, string device, long count, .. var view] } || view.Length > 1)
            throw error("names a storage as torch.save does not");
        if (!TorchTypes.IsStorage(storage.Name))
            throw error($"names a storage of the class {storage.FullName}");
        if (device == "meta")
            throw error("holds a storage of the meta device, which has no numbers");
        var (element, parts) = TorchTypes.Stored(storage.Name);
        int size = element.Size() * parts;
        if (count < 0 || count > long.MaxValue / size)
            throw error($"names a storage of {count} elements");
        if (!storages.TryGetValue(key, out var known))
            storages.Add(key, known = new(archive.Storage(key, count * size, size), storage.Name, 0, count * size));
        else if (known.Bytes != count * size || known.Name != storage.Name && !(known.Name == TorchTypes.UntypedStorage || storage.Name == TorchTypes.UntypedStorage))
            throw error($"names the storage '{key}' with two types or sizes");
        if (known.Name != storage.Name)
            known = new(known.Storage, storage.Name, 0, known.Bytes);
        return view is [] or [null] ? known : View(known, view[0], size);
    }

    /// <summary>A part of a storage, as the format before 1.6 may have it: (key, first element, elements).</summary>
    PythonStorage View(PythonStorage storage, object? view, int size) =>
        view is PythonTuple { Items: [string, long first and >= 0, long count and >= 0] } && first <= storage.Bytes / size && count <= storage.Bytes / size - first
            ? storage with { First = first * size, Bytes = count * size } : throw error("has a part of a storage that is not within it");

    public StateKey Key(object? key)
    {
        int parts = MostKeyParts, letters = LongestKey;
        if (key is not PythonTuple all)
            return Part(key, 0);
        if (!keys.TryGetValue(all, out var known))
            keys.Add(all, known = Part(key, 0));
        return known;

        StateKey Part(object? key, int depth) => key switch
        {
            string name => (letters -= name.Length) >= 0 ? name : throw error($"has a dictionary with a key of {name.Length} letters; keys may have {LongestKey}"),
            long number => number,
            ReadOnlyMemory<byte> bytes when (letters -= bytes.Length) < 0 => throw error($"has a dictionary with a key of {bytes.Length} bytes; keys may have {LongestKey}"),
            BigInteger number when number.GetBitLength() > LongestNumberKey => throw error($"has a dictionary with a key of {number.GetBitLength()} bits; keys may have {LongestNumberKey}"),
            PythonTuple { Type: null } tuple => depth < DeepestKey && (parts -= tuple.Items.Length) >= 0 ? StateKey.OfParts(Array.ConvertAll(tuple.Items, item => Part(item, depth + 1)))
                : throw error($"has a dictionary with a key of more than {MostKeyParts} parts, or {DeepestKey} levels within each other"),
            PythonInstance or PythonGlobal or PythonTuple => StateKey.OfNode(key),
            PythonList or PythonDict or PythonStorage => throw error($"has a dictionary with a key that is a {(key is PythonList ? "list" : key is PythonDict ? "dictionary" : "storage")}"),
            _ => StateKey.Of(key),
        };
    }

    /// <summary>An ordered dictionary as Python 2 writes it: of a list of pairs.</summary>
    PythonDict Ordered(PythonList pairs)
    {
        if (encoded.TryGetValue(pairs, out object? known)) // calls copy nothing twice, because a file may call many times
            return new PythonDict(PythonClass.OrderedDict, (PythonDict)known);
        var dict = new PythonDict(PythonClass.OrderedDict);
        foreach (object? pair in pairs.Items)
        {
            object?[] items = pair switch { PythonTuple tuple => tuple.Items, PythonList list => [.. list.Items.Take(3)], _ => [] };
            if (items is not [var key, var value])
                throw error($"calls {PythonClass.OrderedDict} with a list of other things than pairs");
            dict.Items[Key(key)] = value;
        }
        encoded.Add(pairs, dict);
        return dict;
    }

    /// <summary>Bytes as protocol 2 writes them: a text of letters up to 255.</summary>
    object Encode(string text)
    {
        if (encoded.TryGetValue(text, out object? known)) // calls copy nothing twice, because a file may call many times
            return known;
        if (text.Any(letter => letter > 0xFF))
            throw error("has bytes above 255");
        return encoded[text] = (ReadOnlyMemory<byte>)System.Text.Encoding.Latin1.GetBytes(text);
    }
}
