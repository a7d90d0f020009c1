using System.Globalization;
using System.Text.Json.Nodes;
using OptimSharp.Kernels;
using OptimSharp.PyTorch;

namespace OptimSharp.Tests.Checkpoints;

/// <summary>What is in a state dict, as tools/fixtures/contents.py writes it for Python's objects.</summary>
internal static unsafe class Contents
{
    public static JsonNode? Of(object? value) => value switch
    {
        null => null,
        bool flag => JsonValue.Create(flag),
        long number => new JsonObject { ["int"] = number.ToString(CultureInfo.InvariantCulture) },
        double number => new JsonObject { ["float"] = Hex(number) },
        string text => new JsonObject { ["str"] = text },
        ElementType type => new JsonObject { ["dtype"] = type.Name() },
        StateDevice device => new JsonObject { ["device"] = device.ToString() },
        StateTuple tuple => new JsonObject { [tuple.PythonType == "torch.Size" ? "size" : "tuple"] = Items(tuple) },
        TensorData tensor => new JsonObject { ["tensor"] = tensor.ElementType.Name(), ["shape"] = new JsonArray([.. tensor.Shape.ToArray().Select(x => JsonValue.Create(x))]), ["data"] = Convert.ToBase64String(Bytes(tensor)) },
        StateDict dict => Of(dict),
        IReadOnlyList<object?> list => new JsonObject { ["list"] = Items(list) },
        _ => throw new ArgumentException(value.GetType().Name),
    };

    static JsonObject Of(StateDict dict)
    {
        var pairs = new JsonArray([.. dict.Select(e => (JsonNode)new JsonArray(Of(e.Key.Name is { } name ? name : e.Key.Number), Of(e.Value)))]);
        var node = new JsonObject { [dict.PythonType?.Split('.')[^1] ?? "dict"] = pairs };
        if (dict.Attributes is { } attributes)
            node["attributes"] = Of(attributes);
        return node;
    }

    static JsonArray Items(IReadOnlyList<object?> items) => new([.. items.Select(Of)]);

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
