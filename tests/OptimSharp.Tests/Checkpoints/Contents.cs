using System.Globalization;
using System.Numerics;
using System.Text.Json.Nodes;
using OptimSharp.Engine;
using OptimSharp.PyTorch;

namespace OptimSharp.Tests.Checkpoints;

/// <summary>What is in a state dict, as tools/fixtures/contents.py writes it for Python's objects.</summary>
internal sealed unsafe class Contents
{
    readonly Dictionary<PythonObject, int> seen = [];

    public static JsonNode? Of(object? value) => new Contents().Node(value);

    JsonNode? Node(object? value) => value switch
    {
        null => null,
        bool flag => JsonValue.Create(flag),
        long number => new JsonObject { ["int"] = number.ToString(CultureInfo.InvariantCulture) },
        BigInteger number => new JsonObject { ["int"] = number.GetBitLength() > 10_000 ? "0x" + number.ToString("x", CultureInfo.InvariantCulture).TrimStart('0') : number.ToString(CultureInfo.InvariantCulture) },
        double number => new JsonObject { ["float"] = Hex(number) },
        Complex number => new JsonObject { ["complex"] = new JsonArray(Node(number.Real), Node(number.Imaginary)) },
        string text => new JsonObject { ["str"] = text },
        ReadOnlyMemory<byte> bytes => new JsonObject { ["bytes"] = Convert.ToBase64String(bytes.Span) },
        ElementType type => new JsonObject { ["dtype"] = type.Name() },
        StateDevice device => new JsonObject { ["device"] = device.ToString() },
        StateTuple tuple => new JsonObject { [tuple.PythonType == "torch.Size" ? "size" : "tuple"] = Items(tuple) },
        TensorData tensor => new JsonObject { ["tensor"] = tensor.ElementType.Name(), ["shape"] = Shape(tensor.Shape), ["data"] = Convert.ToBase64String(Bytes(tensor)) },
        SparseTensorData sparse => new JsonObject
        {
            ["sparse"] = TensorCalls.NameOf(sparse.Layout), ["shape"] = Shape(sparse.Shape),
            ["parts"] = sparse.Pointers is null ? new JsonArray(Node(sparse.Indices), Node(sparse.Values)) : new JsonArray(Node(sparse.Pointers), Node(sparse.Indices), Node(sparse.Values)),
        },
        StateDict dict => Dictionary(dict),
        PythonObject thing => Object(thing),
        IReadOnlyList<object?> list => new JsonObject { ["list"] = Items(list) },
        _ => throw new ArgumentException(value.GetType().Name),
    };

    JsonObject Dictionary(StateDict dict)
    {
        var node = new JsonObject { [dict.PythonType?.Split('.')[^1] ?? "dict"] = Pairs(dict) };
        if (dict.Attributes is { } attributes)
            node["attributes"] = Node(attributes);
        return node;
    }

    JsonArray Pairs(StateDict dict) => new([.. dict.Select(e => (JsonNode)new JsonArray(Node(e.Key.Value), Node(e.Value)))]);

    JsonObject Object(PythonObject thing)
    {
        if (thing.Kind == PythonObjectKind.Reference)
            return new() { ["type"] = thing.Type, ["kind"] = "Reference" };
        bool isNew = seen.TryAdd(thing, seen.Count);
        var node = new JsonObject { ["object"] = seen[thing] };
        if (!isNew)
            return node;
        (node["type"], node["kind"]) = (thing.Type, thing.Kind.ToString());
        if (thing.Callee is { } callee)
            node["callee"] = Node(callee);
        if (thing.Arguments.Count > 0)
            node["arguments"] = Items(thing.Arguments);
        if (thing.KeywordArguments is { } names)
            node["keywords"] = Node(names);
        if (thing.Items is { } items)
            node["items"] = Items(items);
        if (thing.Entries is { } entries)
            node["entries"] = Pairs(entries);
        if (thing.State is { } state)
            node["state"] = Node(state);
        if (thing.Content.TryGetValue(PythonObject.AfterKey, out object? after))
            node["after"] = Node(after);
        return node;
    }

    static JsonArray Shape(ReadOnlySpan<long> shape) => new([.. shape.ToArray().Select(x => JsonValue.Create(x))]);

    JsonArray Items(IReadOnlyList<object?> items) => new([.. items.Select(Node)]);

    static byte[] Bytes(TensorData tensor)
    {
        var bytes = new byte[tensor.Count * tensor.ElementType.Size()];
        fixed (byte* to = bytes)
            tensor.CopyTo(to, 0, tensor.Count);
        return bytes;
    }

    /// <summary>As Python's float.hex().</summary>
    static string Hex(double x)
    {
        if (!double.IsFinite(x))
            return double.IsNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";
        long bits = BitConverter.DoubleToInt64Bits(x);
        long exponent = bits >> 52 & 0x7FF, fraction = bits & ((1L << 52) - 1);
        string sign = bits < 0 ? "-" : "";
        return (exponent, fraction) switch
        {
            (0, 0) => sign + "0x0.0p+0",
            (0, _) => $"{sign}0x0.{fraction:x13}p-1022",
            _ => string.Create(CultureInfo.InvariantCulture, $"{sign}0x1.{fraction:x13}p{exponent - 1023:+0;-0}"),
        };
    }
}
