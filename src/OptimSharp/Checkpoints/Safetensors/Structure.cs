using System.Globalization;
using System.Numerics;
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
/// its last dimension is real and imaginary part), <c>{"float": "nan" | "inf" | "-inf"}</c>, <c>{"dtype": name}</c>, <c>{"device": [type, index]}</c>; and of what files from
/// elsewhere have <c>{"integer": hexadecimal digits in two's complement}</c>, <c>{"complex": [real, imaginary]}</c>, <c>{"bytes": base64}</c>,
/// <c>{"sparse": layout, "shape": […], "parts": [tensors], "coalesced": …}</c>, and <c>{"object": number, "module": …, "name": …, "kind": …, "content": {…}}</c>, of which
/// only the number is said in further places.
/// </remarks>
internal static partial class Structure
{
    /// <summary>The key among the metadata.</summary>
    public const string Key = "optimsharp";

    /// <summary>For three levels of JSON to each of ours, and some.</summary>
    const int Deepest = 4 * PythonClass.Deepest;

    public static string Write(StateDict state, Func<TensorData, string> nameOf)
    {
        var buffer = new BoundedBuffer("What is no tensor, as JSON,");
        using (var json = new Utf8JsonWriter(buffer, new() { MaxDepth = Deepest }))
            Write(json, state, new(buffer, nameOf), 0);
        return Encoding.UTF8.GetString(buffer.Written);
    }

    static void Write(Utf8JsonWriter json, object? value, Written written, int depth)
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
                json.WriteStringValue(written.Check(text));
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
                    json.WriteStringValue(written.Check(device.Type));
                    if (device.Index is { } index)
                        json.WriteNumberValue(index);
                    json.WriteEndArray();
                    break;
                case TensorData tensor:
                    json.WriteString("tensor", written.Check(written.NameOf(tensor)));
                    if (!SafetensorsTypes.Has(tensor.ElementType))
                        json.WriteString("as", tensor.ElementType.Name());
                    break;
                case BigInteger number:
                    json.WriteString("integer", number.ToString("x", CultureInfo.InvariantCulture));
                    break;
                case Complex number:
                    json.WritePropertyName("complex");
                    Items([number.Real, number.Imaginary]);
                    break;
                case ReadOnlyMemory<byte> bytes:
                    json.WriteBase64String("bytes", bytes.Span);
                    break;
                case SparseTensorData sparse:
                    json.WriteString("sparse", TensorCalls.NameOf(sparse.Layout));
                    json.WritePropertyName("shape");
                    Items([.. sparse.Shape.ToArray().Select(size => (object?)size)]);
                    json.WritePropertyName("parts");
                    Items(sparse.Pointers is { } pointers ? [pointers, sparse.Indices, sparse.Values] : [sparse.Indices, sparse.Values]);
                    if (sparse.IsCoalesced is { } isCoalesced)
                        json.WriteBoolean("coalesced", isCoalesced);
                    break;
                case PythonObject thing:
                    bool isNew = written.Objects.TryAdd(thing, written.Objects.Count);
                    json.WriteNumber("object", written.Objects[thing]);
                    if (!isNew)
                        break;
                    json.WriteString("module", written.Check(thing.Module));
                    json.WriteString("name", written.Check(thing.Name));
                    json.WriteString("kind", thing.Kind.ToString());
                    json.WriteStartObject("content");
                    foreach (var (key, item) in thing.Content)
                    {
                        if (key == PythonObject.EntriesKey && item is StateDict entries)
                        {
                            Pairs(PythonObject.EntriesKey, entries);
                            continue;
                        }
                        json.WritePropertyName(key.Name!);
                        Write(json, item, written, depth + 1);
                    }
                    json.WriteEndObject();
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
                    Pairs("dict", dict);
                    if (dict.PythonType is not null)
                        json.WriteString("type", dict.PythonType);
                    if (dict.Attributes is { } attributes)
                    {
                        json.WritePropertyName("attributes");
                        Write(json, attributes, written, depth + 1);
                    }
                    break;
            }
        }

        void Pairs(string name, StateDict dict)
        {
            json.WriteStartArray(name);
            foreach (var (key, item) in dict)
            {
                json.WriteStartArray();
                Write(json, key.Value, written, depth + 1);
                Write(json, item, written, depth + 1);
                json.WriteEndArray();
            }
            json.WriteEndArray();
        }

        void Items(IReadOnlyList<object?> items)
        {
            json.WriteStartArray();
            foreach (object? item in items)
                Write(json, item, written, depth + 1);
            json.WriteEndArray();
        }
    }

    /// <summary>What was written so far.</summary>
    sealed record Written(BoundedBuffer Buffer, Func<TensorData, string> NameOf)
    {
        public Dictionary<PythonObject, int> Objects { get; } = [];

        public string Check(string text) => Buffer.Check(text);
    }
}
