using System.Globalization;
using System.Numerics;
using System.Text.Json;
using OptimSharp.PyTorch;

namespace OptimSharp.Safetensors;

// Reading what was written.
internal static partial class Structure
{
    /// <summary>The state dict that was written.</summary>
    /// <param name="text">The JSON.</param>
    /// <param name="find">The tensor of a name, as complex numbers or as it is; null when there is none.</param>
    /// <param name="error">Makes the exception for what is wrong.</param>
    public static StateDict Read(string text, Func<string, bool, TensorData?> find, Func<string, CheckpointException> error)
    {
        try
        {
            using var document = JsonDocument.Parse(text, new() { MaxDepth = Deepest });
            return new Reader(find, error).Read(document.RootElement, 0) as StateDict ?? throw error("is no dictionary");
        }
        catch (JsonException e)
        {
            throw error($"is no JSON: {e.Message.TrimEnd('.')}");
        }
        catch (InvalidOperationException e) // a text with half a surrogate pair
        {
            throw error($"is damaged: {e.Message.TrimEnd('.')}");
        }
    }

    sealed class Reader(Func<string, bool, TensorData?> find, Func<string, CheckpointException> error)
    {
        readonly Dictionary<int, PythonObject> objects = [];

        public object? Read(JsonElement element, int depth)
        {
            if (depth > PythonClass.Deepest)
                throw error($"has more than {PythonClass.Deepest} levels within each other");
            switch (element.ValueKind)
            {
                case JsonValueKind.Null:
                    return null;
                case JsonValueKind.True or JsonValueKind.False:
                    return element.GetBoolean();
                case JsonValueKind.String:
                    return element.GetString();
                case JsonValueKind.Number:
                    if (element.GetRawText().AsSpan().IndexOfAny('.', 'e', 'E') >= 0)
                        return element.GetDouble();
                    return element.TryGetInt64(out long number) ? number : throw error($"has the whole number {element.GetRawText()}; they may have 64 bits");
                case JsonValueKind.Array:
                    return Items(element);
                default:
                    return ReadObject(element);
            }

            object? ReadObject(JsonElement element)
            {
                string? type = Text("type");
                if (element.TryGetProperty("dict", out var entries))
                {
                    StateDict? attributes = null;
                    if (element.TryGetProperty("attributes", out var more))
                        attributes = Read(more, depth + 1) as StateDict ?? throw error("has attributes that are no dictionary");
                    if (!PythonClass.IsKnown(type, attributes))
                        throw error($"has a dictionary {(attributes is null ? "" : "with attributes ")}of the class '{type}'");
                    var dict = new StateDict { PythonType = type, Attributes = attributes };
                    Pairs(entries, dict);
                    return dict;
                }
                if (element.TryGetProperty("tuple", out var items))
                    return type is null or PythonClass.Size ? new StateTuple(Items(items), type) : throw error($"has a tuple of the class '{type}'");
                if (Text("tensor") is { } tensor)
                {
                    return Text("as") is null or "complex128" ? find(tensor, Text("as") is not null) ?? throw error($"names the tensor '{tensor}', which the file does not have so")
                        : throw error($"has a tensor as '{Text("as")}'");
                }
                if (Text("float") is { } special)
                    return special switch { "nan" => double.NaN, "inf" => double.PositiveInfinity, "-inf" => double.NegativeInfinity, _ => throw error($"has the number '{special}'") };
                if (Text("dtype") is { } dtype)
                    return TorchTypes.OfName(dtype) ?? throw error($"has the dtype '{dtype}'");
                if (element.TryGetProperty("device", out var device))
                {
                    return Items(device) switch
                    {
                        [string name] => new StateDevice(name),
                        [string name, long index] => new StateDevice(name, index),
                        _ => throw error("has a device that is no name and number"),
                    };
                }
                if (Text("integer") is { } digits)
                    return BigInteger.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var large) ? large : throw error("has a whole number that is none");
                if (element.TryGetProperty("complex", out var complex))
                    return Items(complex) is [double real, double imaginary] ? new Complex(real, imaginary) : throw error("has a complex number that is none");
                if (element.TryGetProperty("bytes", out var bytes))
                    return bytes.ValueKind == JsonValueKind.String && bytes.TryGetBytesFromBase64(out byte[]? data) ? (ReadOnlyMemory<byte>)data : throw error("has bytes that are none");
                if (Text("sparse") is { } layout)
                    return Sparse(element, layout);
                if (element.TryGetProperty("object", out var id))
                    return Object(element, id);
                throw error("has an object of no known kind");

                string? Text(string property) => !element.TryGetProperty(property, out var value) ? null
                    : value.ValueKind == JsonValueKind.String ? value.GetString() : throw error($"has a '{property}' that is no text");
            }

            object?[] Items(JsonElement array) => [.. Array(array).Select(item => Read(item, depth + 1))];

            JsonElement.ArrayEnumerator Array(JsonElement array) => array.ValueKind == JsonValueKind.Array ? array.EnumerateArray() : throw error("has no list where one must be");

            void Pairs(JsonElement entries, StateDict dict)
            {
                foreach (var entry in Array(entries))
                {
                    if (entry.ValueKind != JsonValueKind.Array || entry.GetArrayLength() != 2)
                        throw error("has an entry of a dictionary that is no pair");
                    var key = Key(Read(entry[0], depth + 1));
                    if (dict.ContainsKey(key))
                        throw error($"has the key '{key}' twice in one dictionary");
                    dict.Add(key, Read(entry[1], depth + 1));
                }
            }

            object Object(JsonElement element, JsonElement id)
            {
                if (id.ValueKind != JsonValueKind.Number || !id.TryGetInt32(out int number))
                    throw error("has an object without a number");
                if (!element.TryGetProperty("content", out var from))
                    return objects.TryGetValue(number, out var known) ? known : throw error($"refers to the object {number}, which it has not before");
                if (!(element.TryGetProperty("module", out var module) && element.TryGetProperty("name", out var name) && element.TryGetProperty("kind", out var how)
                    && module.GetString() is { } moduleText && name.GetString() is { } nameText && PythonClass.IsName(moduleText) && PythonClass.IsName(nameText)
                    && Enum.TryParse(how.GetString(), out PythonObjectKind kind) && Enum.IsDefined(kind)))
                    throw error("has an object without module, name and kind");
                var thing = new PythonObject(moduleText, nameText, kind, new StateDict { RootName = $"{moduleText}.{nameText}" });
                if (!objects.TryAdd(number, thing))
                    throw error($"has the object {number} twice");
                if (from.ValueKind != JsonValueKind.Object)
                    throw error("has an object whose content is no object");
                foreach (var part in from.EnumerateObject())
                {
                    if (thing.Content.ContainsKey(part.Name))
                        throw error($"has '{part.Name}' twice in an object");
                    if (part.NameEquals(PythonObject.EntriesKey))
                    {
                        var own = new StateDict { PythonType = thing.Type };
                        Pairs(part.Value, own);
                        thing.Content.Add(part.Name, own);
                        continue;
                    }
                    object? value = Read(part.Value, depth + 1);
                    thing.Content.Add(part.Name, part.Name == PythonObject.ArgumentsKey ? new StateTuple(value as IReadOnlyList<object?> ?? throw error("has arguments that are no list")) : value);
                }
                return thing.Kind != PythonObjectKind.Storage || thing.WholeStorage is not null ? thing : throw error("has a storage without its elements");
            }

            SparseTensorData Sparse(JsonElement element, string layout)
            {
                long[] shape = [.. (element.TryGetProperty("shape", out var sizes) ? Items(sizes) : []).Select(size => size as long? ?? throw error("has a sparse tensor whose shape is of something other than whole numbers"))];
                object?[] parts = element.TryGetProperty("parts", out var tensors) ? Items(tensors) : [];
                bool? isCoalesced = element.TryGetProperty("coalesced", out var flag) && flag.ValueKind is JsonValueKind.True or JsonValueKind.False ? flag.GetBoolean() : null;
                var sparse = (TensorCalls.LayoutOf(layout), parts) switch
                {
                    (SparseLayout.Coordinates, [TensorData indices, TensorData values]) => new SparseTensorData(SparseLayout.Coordinates, null, indices, values, shape, isCoalesced),
                    ({ } compressed and not SparseLayout.Coordinates, [TensorData pointers, TensorData indices, TensorData values]) => new(compressed, pointers, indices, values, shape, null),
                    _ => throw error($"has a sparse tensor of {parts.Length} parts in the layout '{layout}'"),
                };
                return sparse.Problem() is { } problem ? throw error($"has a sparse tensor that {problem}") : sparse;
            }
        }

        StateKey Key(object? value)
        {
            try
            {
                return StateKey.Of(value is object?[] ? throw error("has a key that is a list") : value);
            }
            catch (ArgumentException e)
            {
                throw error($"has a key that is none: {e.Message}");
            }
        }
    }
}
