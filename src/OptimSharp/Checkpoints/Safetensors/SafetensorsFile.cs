using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;
using OptimSharp.Engine;
using OptimSharp.PyTorch;

namespace OptimSharp.Safetensors;

/// <summary>
/// The safetensors format: eight bytes with the header's length, the header in JSON (each tensor's type, shape and place, and texts), the tensors' bytes.
/// </summary>
internal static unsafe class SafetensorsFile
{
    /// <summary>The texts' key in the header, and among a dictionary's attributes.</summary>
    public const string Metadata = "__metadata__";

    const string Header = "header";

    public static void Write(Stream stream, StateDict state, IReadOnlyDictionary<string, string>? texts = null)
    {
        var (tensors, names) = TensorsOf(state);
        var metadata = MetadataOf(state, texts);
        if (!IsFlat(state))
        {
            metadata[Structure.Key] = Structure.Write(state, tensor => names[tensor].Dequeue());
            AddFormat(metadata);
        }

        // Wide types first, so that each tensor begins at a multiple of its elements' size; the header keeps the order of the state dict.
        var order = tensors.OrderByDescending(t => t.Tensor.ElementType.Real().Size()).ToArray();
        var places = new Dictionary<string, long>();
        long end = 0;
        foreach (var (name, tensor) in order)
        {
            places.Add(name, end);
            end += BytesOf(tensor);
        }
        var header = new BoundedBuffer("The header, with the names of the tensors and all that is no tensor,");
        using (var json = new Utf8JsonWriter(header))
        {
            json.WriteStartObject();
            if (metadata.Count > 0)
            {
                json.WriteStartObject(Metadata);
                foreach (var (key, text) in metadata)
                    json.WriteString(header.Check(key), header.Check(text));
                json.WriteEndObject();
            }
            foreach (var (name, tensor) in tensors)
            {
                json.WriteStartObject(header.Check(name));
                json.WriteString("dtype", SafetensorsTypes.NameOf(tensor.ElementType));
                json.WriteStartArray("shape");
                foreach (long size in tensor.Shape)
                    json.WriteNumberValue(size);
                if (!SafetensorsTypes.Has(tensor.ElementType))
                    json.WriteNumberValue(2);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(places[name]);
                json.WriteNumberValue(places[name] + BytesOf(tensor));
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        while (header.Written.Length % 8 != 0)
            header.Write(" "u8);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Written.Length);
        stream.Write(length);
        stream.Write(header.Written);
        byte[] piece = new byte[1 << 18];
        foreach (var (_, tensor) in order)
        {
            int size = tensor.ElementType.Size(), most = piece.Length / size;
            fixed (byte* to = piece)
            {
                for (long first = 0; first < tensor.Count; first += most)
                {
                    int count = (int)Math.Min(most, tensor.Count - first);
                    tensor.CopyTo(to, first, count);
                    stream.Write(piece, 0, count * size);
                }
            }
        }
    }

    /// <summary>All tensors with names: the keys that lead to them, with dots between. A tensor that is in several places has a name for each, so that programs that know nothing of our structure find all of them.</summary>
    public static (List<(string Name, TensorData Tensor)> All, Dictionary<TensorData, Queue<string>> Names) TensorsOf(StateDict state)
    {
        var names = new Dictionary<TensorData, Queue<string>>();
        var tensors = new List<(string, TensorData)>();
        Collect(state, "", 0, names, tensors, [], []);
        return (tensors, names);
    }

    public static long BytesOf(TensorData tensor) => checked(tensor.Count * tensor.ElementType.Size());

    /// <summary>Whether the file says all of it without our structure: tensors by name, nothing else.</summary>
    static bool IsFlat(StateDict state) => HasOnlyTensors(state)
        && (state.PythonType is null && state.Attributes is null || state.PythonType == PythonClass.OrderedDict && HasOnlyMetadata(state.Attributes));

    /// <summary>Whether the entries are tensors by name, nothing else.</summary>
    public static bool HasOnlyTensors(StateDict state) => state.All(e => e.Key.Name is not null and not Metadata && e.Value is TensorData tensor && SafetensorsTypes.Has(tensor.ElementType));

    /// <summary>Whether the attributes are a file's texts, nothing else.</summary>
    public static bool HasOnlyMetadata(StateDict? attributes) => attributes is { Count: 1 } && attributes.TryGetValue(Metadata, out object? value) && IsMetadata(value);

    static bool IsMetadata(object? value) => value is StateDict { PythonType: null, Attributes: null, Count: > 0 } texts
        && texts.All(e => e.Key.Name is not null and not Structure.Key && e.Value is string);

    /// <summary>The texts that the state has, and those that are to be written besides.</summary>
    public static OrderedDictionary<string, string> MetadataOf(StateDict state, IReadOnlyDictionary<string, string>? texts)
    {
        var metadata = new OrderedDictionary<string, string>();
        if (state.Attributes?.TryGetValue(Metadata, out object? value) == true && IsMetadata(value))
        {
            foreach (var (key, text) in (StateDict)value!)
                metadata.Add(key.Name!, (string)text!);
        }
        if (texts is { Count: > 0 })
        {
            foreach (var (key, text) in texts)
                metadata[key] = key != Structure.Key ? text ?? throw new ArgumentException($"The text '{key}' of the metadata is null.", nameof(texts))
                    : throw new ArgumentException($"The metadata can't have a text '{Structure.Key}': that is where OptimSharp says how the file is built.", nameof(texts));
            AddFormat(metadata);
        }
        return metadata;
    }

    /// <summary>Files with texts but without this one are refused by transformers.</summary>
    public static void AddFormat(OrderedDictionary<string, string> metadata) => metadata.TryAdd("format", "pt");

    static void Collect(object? value, string path, int depth, Dictionary<TensorData, Queue<string>> names, List<(string, TensorData)> tensors, HashSet<string> taken, HashSet<PythonObject> seen)
    {
        PythonClass.CheckDepth(depth);
        switch (value)
        {
            case TensorData tensor:
                string name = path;
                for (int i = 2; name == Metadata || !taken.Add(name); i++)
                    name = $"{path}~{i}";
                if (!names.TryGetValue(tensor, out var ofTensor))
                    names.Add(tensor, ofTensor = []);
                ofTensor.Enqueue(name);
                tensors.Add((name, tensor));
                break;
            case StateDict dict:
                foreach (var (key, item) in dict)
                {
                    if (key.Node is not null || key.Parts is not null)
                        Collect(key.Value, Join("key"), depth + 1, names, tensors, taken, seen);
                    Collect(item, Join(key.ToString()), depth + 1, names, tensors, taken, seen);
                }
                if (dict.Attributes is { } attributes)
                    Collect(attributes, Join("__dict__"), depth + 1, names, tensors, taken, seen);
                break;
            case PythonObject thing when seen.Add(thing):
                Collect(thing.Content, path, depth + 1, names, tensors, taken, seen);
                break;
            case SparseTensorData sparse:
                Collect(new object?[] { sparse.Values, sparse.Indices, sparse.Pointers }, path, depth, names, tensors, taken, seen);
                break;
            case IReadOnlyList<object?> list:
                foreach (var (i, item) in list.Index())
                    Collect(item, Join(i.ToString(System.Globalization.CultureInfo.InvariantCulture)), depth + 1, names, tensors, taken, seen);
                break;
        }

        string Join(string key) => path.Length == 0 ? key : $"{path}.{key}";
    }

    public static StateDict Read(CheckpointSource source)
    {
        var (places, metadata, begin) = ReadHeader(source);
        var flat = new OrderedDictionary<string, TensorData>();
        foreach (var place in places)
        {
            string entry = $"tensor '{place.Name}'";
            TensorStorage storage;
            if (source.OnDemand is { } file)
            {
                storage = new FileStorage(file, source, begin + place.Begin, place.End - place.Begin, entry);
            }
            else
            {
                storage = new TensorStorage(place.End - place.Begin);
                source.Read(begin + place.Begin, storage.Start, storage.Bytes, entry);
            }
            flat.Add(place.Name, new(storage, place.Type, place.Shape));
        }
        return Build(source, flat, metadata);
    }

    /// <summary>The file's texts, without the tensors and without our own text.</summary>
    public static OrderedDictionary<string, string> ReadMetadata(CheckpointSource source)
    {
        var metadata = ReadHeader(source).Metadata;
        metadata.Remove(Structure.Key);
        return metadata;
    }

    static (List<SafetensorsPlace> Places, OrderedDictionary<string, string> Metadata, long Begin) ReadHeader(CheckpointSource source)
    {
        Span<byte> start = stackalloc byte[8];
        source.Read(0, start, Header);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(start);
        if (length > BoundedBuffer.Largest)
            throw source.Error(Header, $"has {length} bytes; at most {BoundedBuffer.Largest} are allowed");
        if ((long)length > source.Length - 8)
            throw source.Error(Header, $"has {length} bytes, but the file ends after {source.Length - 8}");
        byte[] bytes = new byte[length];
        source.Read(8, bytes, Header);
        var (places, metadata) = SafetensorsHeader.Read(bytes, reason => source.Error(Header, reason));
        CheckPlaces(source, places, source.Length - 8 - (long)length);
        return (places, metadata, 8 + (long)length);
    }

    /// <summary>No holes, no overlaps, and each as large as type and shape say.</summary>
    static void CheckPlaces(CheckpointSource source, List<SafetensorsPlace> places, long room)
    {
        long end = 0;
        foreach (var place in places.OrderBy(p => p.Begin).ThenBy(p => p.End))
        {
            string entry = $"tensor '{place.Name}'";
            if (place.Begin != end)
                throw source.Error(entry, place.Begin < end ? $"begins at {place.Begin}, within another that ends at {end}" : $"begins at {place.Begin}, after a hole from {end} on");
            if (place.End < place.Begin || place.End > room)
                throw source.Error(entry, $"ends at {place.End}, but the file has {room} bytes of tensors");
            Int128 bytes = place.Type.Size();
            foreach (long size in place.Shape)
                bytes = Int128.Min(bytes * size, (Int128)1 << 64);
            if (bytes != place.End - place.Begin)
                throw source.Error(entry, $"has {place.End - place.Begin} bytes, but [{string.Join(", ", place.Shape)}] of {SafetensorsTypes.NameOf(place.Type)} needs {bytes}");
            end = place.End;
        }
        if (end != room)
            throw source.Error(null, $"has {room} bytes of tensors, but its header only names {end}");
    }

    static StateDict Build(CheckpointSource source, OrderedDictionary<string, TensorData> flat, OrderedDictionary<string, string> metadata)
    {
        if (!metadata.TryGetValue(Structure.Key, out string? structure))
            return Flat(flat, metadata);
        var used = new Dictionary<string, TensorData>();
        CheckpointException Error(string reason) => source.Error($"metadata '{Structure.Key}'", reason);
        var nested = Structure.Read(structure, Find, Error);
        if (flat.Keys.FirstOrDefault(name => !used.ContainsKey(name)) is { } left)
            throw Error($"does not say where the tensor '{left}' belongs");
        return nested;

        TensorData? Find(string name, bool isComplex)
        {
            if (used.TryGetValue(name, out var known))
                return known.ElementType == ElementType.Complex128 == isComplex ? known : null;
            if (!flat.TryGetValue(name, out var tensor))
                return null;
            if (isComplex)
            {
                if (tensor.ElementType != ElementType.Float64 || tensor.Shape is not [.. var outer, 2])
                    return null;
                tensor = new(tensor.Storage, ElementType.Complex128, outer);
            }
            used.Add(name, tensor);
            return tensor;
        }
    }
    /// <summary>Tensors by name; with texts, an ordered dictionary that has them as attribute.</summary>
    public static StateDict Flat(IEnumerable<KeyValuePair<string, TensorData>> tensors, OrderedDictionary<string, string> metadata)
    {
        StateDict state = [];
        if (metadata.Count > 0)
        {
            StateDict texts = [];
            foreach (var (key, text) in metadata)
                texts.Add(key, text);
            state = new() { PythonType = PythonClass.OrderedDict, Attributes = new() { { Metadata, texts } } };
        }
        foreach (var (name, tensor) in tensors)
            state.Add(name, tensor);
        return state;
    }
}
