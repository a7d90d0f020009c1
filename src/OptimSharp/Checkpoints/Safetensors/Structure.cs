using System.Globalization;
using System.Text;
using System.Text.Json;
using OptimSharp.PyTorch;

namespace OptimSharp.Safetensors;

/// <summary>
/// What safetensors has no place for, as JSON among the file's metadata: how tensors are nested, and every value that is no tensor.
/// </summary>
/// <remarks>
/// null, bools and texts are themselves; a whole number has no point or exponent, any other has; lists are arrays. The rest are objects of one kind each:
/// <c>{"dict": [[key, value], …], "type": …, "attributes": …}</c>, <c>{"tuple": […], "type": …}</c>, <c>{"tensor": name}</c> (with <c>"as": "complex128"</c> where
/// its last dimension is real and imaginary part), <c>{"float": "nan" | "inf" | "-inf"}</c>, <c>{"dtype": name}</c>, <c>{"device": [type, index]}</c>.
/// </remarks>
internal static class Structure
{
    /// <summary>The key among the metadata.</summary>
    public const string Key = "optimsharp";

    /// <summary>For three levels of JSON to each of ours, and some.</summary>
    const int Deepest = 4 * PythonClass.Deepest;

    public static string Write(StateDict state, Func<TensorData, string> nameOf)
    {
        var buffer = new BoundedBuffer("What is no tensor, as JSON,");
        using (var json = new Utf8JsonWriter(buffer, new() { MaxDepth = Deepest }))
            Write(json, state, buffer, nameOf, 0);
        return Encoding.UTF8.GetString(buffer.Written);
    }

    static void Write(Utf8JsonWriter json, object? value, BoundedBuffer buffer, Func<TensorData, string> nameOf, int depth)
    {
        PythonClass.CheckDepth(depth);
        switch (value)
        {
            case null:
                json.WriteNullValue();
                break;
            case bool flag:
                json.WriteBooleanValue(flag);
                break;
            case long number:
                json.WriteNumberValue(number);
                break;
            case string text:
                json.WriteStringValue(buffer.Check(text));
                break;
            case IReadOnlyList<object?> and not StateTuple:
                Items((IReadOnlyList<object?>)value);
                break;
            case double number when double.IsFinite(number):
                string digits = number.ToString("R", CultureInfo.InvariantCulture);
                json.WriteRawValue(digits.AsSpan().IndexOfAny('.', 'E') < 0 ? digits + ".0" : digits, skipInputValidation: true);
                break;
            default:
                json.WriteStartObject();
                Object();
                json.WriteEndObject();
                break;
        }

        void Object()
        {
            switch (value)
            {
                case double number:
                    json.WriteString("float", double.IsNaN(number) ? "nan" : number > 0 ? "inf" : "-inf");
                    break;
                case ElementType type:
                    json.WriteString("dtype", type.Name());
                    break;
                case StateDevice device:
                    json.WriteStartArray("device");
                    json.WriteStringValue(buffer.Check(device.Type));
                    if (device.Index is { } index)
                        json.WriteNumberValue(index);
                    json.WriteEndArray();
                    break;
                case TensorData tensor:
                    json.WriteString("tensor", buffer.Check(nameOf(tensor)));
                    if (!SafetensorsTypes.Has(tensor.ElementType))
                        json.WriteString("as", tensor.ElementType.Name());
                    break;
                case StateTuple tuple:
                    PythonClass.Check(tuple);
                    json.WritePropertyName("tuple");
                    Items(tuple);
                    if (tuple.PythonType is not null)
                        json.WriteString("type", tuple.PythonType);
                    break;
                case StateDict dict:
                    PythonClass.Check(dict);
                    json.WriteStartArray("dict");
                    foreach (var (key, item) in dict)
                    {
                        json.WriteStartArray();
                        if (key.Name is null)
                            json.WriteNumberValue(key.Number);
                        else
                            json.WriteStringValue(buffer.Check(key.Name));
                        Write(json, item, buffer, nameOf, depth + 1);
                        json.WriteEndArray();
                    }
                    json.WriteEndArray();
                    if (dict.PythonType is not null)
                        json.WriteString("type", dict.PythonType);
                    if (dict.Attributes is { } attributes)
                    {
                        json.WritePropertyName("attributes");
                        Write(json, attributes, buffer, nameOf, depth + 1);
                    }
                    break;
            }
        }

        void Items(IReadOnlyList<object?> items)
        {
            json.WriteStartArray();
            foreach (object? item in items)
                Write(json, item, buffer, nameOf, depth + 1);
            json.WriteEndArray();
        }
    }

    /// <summary>The state dict that was written.</summary>
    /// <param name="text">The JSON.</param>
    /// <param name="find">The tensor of a name, as complex numbers or as it is; null when there is none.</param>
    /// <param name="error">Makes the exception for what is wrong.</param>
    public static StateDict Read(string text, Func<string, bool, TensorData?> find, Func<string, CheckpointException> error)
    {
        try
        {
            using var document = JsonDocument.Parse(text, new() { MaxDepth = Deepest });
            return Read(document.RootElement, 0, find, error) as StateDict ?? throw error("is no dictionary");
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

    static object? Read(JsonElement element, int depth, Func<string, bool, TensorData?> find, Func<string, CheckpointException> error)
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
                    attributes = Read(more, depth + 1, find, error) as StateDict ?? throw error("has attributes that are no dictionary");
                if (!PythonClass.IsKnown(type, attributes))
                    throw error($"has a dictionary {(attributes is null ? "" : "with attributes ")}of the class '{type}'");
                var dict = new StateDict { PythonType = type, Attributes = attributes };
                foreach (var entry in Array(entries))
                {
                    if (entry.ValueKind != JsonValueKind.Array || entry.GetArrayLength() != 2)
                        throw error("has an entry of a dictionary that is no pair");
                    StateKey key = Read(entry[0], depth + 1, find, error) switch { string name => name, long number => number, _ => throw error("has a key that is neither text nor whole number") };
                    if (dict.ContainsKey(key))
                        throw error($"has the key '{key}' twice in one dictionary");
                    dict.Add(key, Read(entry[1], depth + 1, find, error));
                }
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
            throw error("has an object of no known kind");

            string? Text(string property) => !element.TryGetProperty(property, out var value) ? null
                : value.ValueKind == JsonValueKind.String ? value.GetString() : throw error($"has a '{property}' that is no text");
        }

        object?[] Items(JsonElement array) => [.. Array(array).Select(item => Read(item, depth + 1, find, error))];

        JsonElement.ArrayEnumerator Array(JsonElement array) => array.ValueKind == JsonValueKind.Array ? array.EnumerateArray() : throw error("has no list where one must be");
    }
}
