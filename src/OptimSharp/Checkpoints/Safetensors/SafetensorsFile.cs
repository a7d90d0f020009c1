using System.Buffers.Binary;
using System.Text.Json;
using OptimSharp.Kernels;
using OptimSharp.PyTorch;

namespace OptimSharp.Safetensors;

/// <summary>
/// The safetensors format: eight bytes with the header's length, the header in JSON (each tensor's type, shape and place, and texts), the tensors' bytes.
/// </summary>
internal static unsafe class SafetensorsFile
{
    const string Metadata = "__metadata__", Header = "header";
    const long LargestHeader = 100_000_000;

    public static void Write(Stream stream, StateDict state)
    {
        var names = new Dictionary<TensorData, string>();
        var tensors = new List<(string Name, TensorData Tensor)>();
        Collect(state, "", 0, names, tensors, [], []);
        var metadata = MetadataOf(state);
        if (!IsFlat(state))
            metadata[Structure.Key] = Structure.Write(WithoutMetadata(state), tensor => names[tensor]);

        // Wide types first, so that each tensor begins at a multiple of its elements' size; the header keeps the order of the state dict.
        var order = tensors.OrderByDescending(t => t.Tensor.ElementType.Real().Size()).ToArray();
        var places = new Dictionary<string, long>();
        long end = 0;
        foreach (var (name, tensor) in order)
        {
            places.Add(name, end);
            end += BytesOf(tensor);
        }
        using var header = new MemoryStream();
        using (var json = new Utf8JsonWriter(header))
        {
            json.WriteStartObject();
            if (metadata.Count > 0)
            {
                json.WriteStartObject(Metadata);
                foreach (var (key, text) in metadata)
                    json.WriteString(key, text);
                json.WriteEndObject();
            }
            foreach (var (name, tensor) in tensors)
            {
                json.WriteStartObject(name);
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
        while (header.Length % 8 != 0)
            header.WriteByte((byte)' ');
        if (header.Length > LargestHeader)
            throw new ArgumentException($"The header would have {header.Length} bytes; safetensors allows {LargestHeader}.", nameof(state));
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        stream.Write(length);
        header.WriteTo(stream);
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

    static long BytesOf(TensorData tensor) => checked(tensor.Count * tensor.ElementType.Size());

    /// <summary>Whether the file says all of it without our structure: tensors by name, nothing else.</summary>
    static bool IsFlat(StateDict state) => state.All(e => e.Key.Name is not null and not Metadata && e.Value is TensorData tensor && SafetensorsTypes.Has(tensor.ElementType))
        && state.Values().Distinct().Count() == state.Count
        && (state.PythonType is null && state.Attributes is null || state.PythonType == PythonClass.OrderedDict && HasOnlyMetadata(state.Attributes));

    static IEnumerable<object?> Values(this StateDict state) => state.Select(e => e.Value);

    static bool HasOnlyMetadata(StateDict? attributes) => attributes is { Count: 1 } && attributes.TryGetValue(Metadata, out object? value) && IsMetadata(value);

    static bool IsMetadata(object? value) => value is StateDict { PythonType: null, Attributes: null, Count: > 0 } texts
        && texts.All(e => e.Key.Name is not null and not Structure.Key && e.Value is string);

    static Dictionary<string, string> MetadataOf(StateDict state) =>
        state.Attributes?.TryGetValue(Metadata, out object? value) == true && IsMetadata(value)
            ? ((StateDict)value!).ToDictionary(e => e.Key.Name!, e => (string)e.Value!) : [];

    /// <summary>The same entries without the attribute that is written as the file's own metadata.</summary>
    static StateDict WithoutMetadata(StateDict state)
    {
        if (MetadataOf(state).Count == 0)
            return state;
        var attributes = state.Attributes!.Clone();
        attributes.Remove(Metadata);
        var copy = state.Clone();
        return WithAttributes(copy, attributes.Count > 0 ? attributes : null);
    }

    static StateDict WithAttributes(StateDict state, StateDict? attributes)
    {
        var copy = new StateDict { PythonType = state.PythonType, Attributes = attributes };
        foreach (var (key, value) in state)
            copy.Add(key, value);
        return copy;
    }

    /// <summary>Gives each tensor a name: the keys that lead to it, with dots between.</summary>
    static void Collect(object? value, string path, int depth, Dictionary<TensorData, string> names, List<(string, TensorData)> tensors, HashSet<string> taken, HashSet<PythonObject> seen)
    {
        PythonClass.CheckDepth(depth);
        switch (value)
        {
            case TensorData tensor when !names.ContainsKey(tensor):
                string name = path;
                for (int i = 2; name == Metadata || !taken.Add(name); i++)
                    name = $"{path}~{i}";
                names.Add(tensor, name);
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
        Span<byte> start = stackalloc byte[8];
        source.Read(0, start, Header);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(start);
        if (length > LargestHeader)
            throw source.Error(Header, $"has {length} bytes; at most {LargestHeader} are allowed");
        if ((long)length > source.Length - 8)
            throw source.Error(Header, $"has {length} bytes, but the file ends after {source.Length - 8}");
        byte[] bytes = new byte[length];
        source.Read(8, bytes, Header);
        var (places, metadata) = SafetensorsHeader.Read(bytes, reason => source.Error(Header, reason));
        CheckPlaces(source, places, source.Length - 8 - (long)length);

        var flat = new OrderedDictionary<string, TensorData>();
        foreach (var place in places)
        {
            var storage = new TensorStorage(place.End - place.Begin);
            source.Read(8 + (long)length + place.Begin, storage.Start, storage.Bytes, $"tensor '{place.Name}'");
            flat.Add(place.Name, new(storage, place.Type, place.Shape));
        }
        return Build(source, flat, metadata);
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
        bool hasStructure = metadata.Remove(Structure.Key, out string? structure);
        StateDict? texts = null;
        if (metadata.Count > 0)
        {
            texts = [];
            foreach (var (key, text) in metadata)
                texts.Add(key, text);
        }
        if (!hasStructure)
        {
            var state = texts is null ? new StateDict() : new StateDict { PythonType = PythonClass.OrderedDict, Attributes = new() { { Metadata, texts } } };
            foreach (var (name, tensor) in flat)
                state.Add(name, tensor);
            return state;
        }
        var used = new Dictionary<string, TensorData>();
        CheckpointException Error(string reason) => source.Error($"metadata '{Structure.Key}'", reason);
        var nested = Structure.Read(structure!, Find, Error);
        if (flat.Keys.FirstOrDefault(name => !used.ContainsKey(name)) is { } left)
            throw Error($"does not say where the tensor '{left}' belongs");
        if (texts is null)
            return nested;
        var attributes = nested.Attributes?.Clone() ?? [];
        attributes[Metadata] = texts;
        return nested.PythonType == PythonClass.OrderedDict ? WithAttributes(nested, attributes) : throw Error("is of a dictionary that has no place for the other metadata");

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
}
