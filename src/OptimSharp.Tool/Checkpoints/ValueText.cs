using System.Globalization;
using System.Numerics;
using System.Text.Json.Nodes;

namespace OptimSharp.Tool;

/// <summary>Values of a checkpoint that are no tensors, as text and as JSON.</summary>
static class ValueText
{
    const int LongestNumber = 4096; // bits: the digits of a long number take time with their square

    /// <summary>As people read it, in one line.</summary>
    /// <param name="value">The value.</param>
    /// <param name="most">After about how many letters it ends.</param>
    public static string Of(object? value, int most = 100) => Printable.Of(Raw(value, most), most);

    /// <summary>What kind of thing it is, with an article.</summary>
    public static string Kind(object? value) => value switch
    {
        null => "None",
        StateDict => "a dictionary",
        TensorData => "a tensor",
        SparseTensorData => "a sparse tensor",
        StateTuple => "a tuple",
        IReadOnlyList<object?> => "a list",
        PythonObject thing => $"an object of '{thing.Type}'",
        bool => "a bool",
        string => "a text",
        ReadOnlyMemory<byte> => "bytes",
        _ => "a number",
    };

    /// <summary>The name of the kind in JSON.</summary>
    public static string JsonKind(object? value) => value switch
    {
        null => "none",
        bool => "bool",
        long or BigInteger => "int",
        double => "float",
        Complex => "complex",
        string => "text",
        ReadOnlyMemory<byte> => "bytes",
        ElementType => "dtype",
        StateDevice => "device",
        StateTuple => "tuple",
        IReadOnlyList<object?> => "list",
        PythonObject => "object",
        StateDict => "dictionary",
        _ => "other",
    };

    /// <summary>As JSON: numbers and texts as themselves, what JSON lacks as text.</summary>
    public static JsonNode? Json(object? value) => value switch
    {
        null => null,
        bool flag => flag,
        long whole => whole,
        double number => Json(number),
        BigInteger number when number <= ulong.MaxValue && number >= long.MinValue => number >= 0 ? (ulong)number : (long)number,
        string text => JsonText(text),
        IReadOnlyList<object?> list when list.All(item => item is null or bool or long or double or string) => new JsonArray([.. list.Select(Json)]),
        _ => Of(value, 1000),
    };

    /// <summary>A number; one that is not finite as <c>"NaN"</c>, <c>"Infinity"</c> or <c>"-Infinity"</c>.</summary>
    public static JsonNode Json(double number) => double.IsFinite(number) ? number : double.IsNaN(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity";

    /// <summary>A number as it is shown in tables.</summary>
    public static string Short(double number) => double.IsNaN(number) ? "nan" : double.IsInfinity(number) ? number > 0 ? "inf" : "-inf" : number.ToString("G5", CultureInfo.InvariantCulture).Replace("E", "e", StringComparison.Ordinal);

    static string JsonText(string text) => new([.. text.EnumerateRunes().SelectMany(rune => rune.ToString())]); // half of a surrogate pair is no text

    static string Raw(object? value, int most) => value switch
    {
        null => "None",
        bool flag => flag ? "True" : "False",
        string text => $"'{(text.Length <= most ? text : text[..most] + "…")}'",
        double number => double.IsNaN(number) ? "nan" : double.IsInfinity(number) ? number > 0 ? "inf" : "-inf" : Float(number),
        BigInteger number when number.GetBitLength() > LongestNumber => $"a whole number of {number.GetBitLength()} bits",
        Complex number => string.Create(CultureInfo.InvariantCulture, $"({number.Real}{number.Imaginary:+0.################;-0.################;+0}j)"),
        ReadOnlyMemory<byte> bytes => $"{bytes.Length} bytes",
        ElementType type => $"torch.{type.Name()}",
        TensorData tensor => $"{tensor.ElementType.Name()}[{string.Join(", ", tensor.Shape.ToArray())}]",
        StateTuple tuple => tuple.PythonType is null ? $"({Items(tuple, most)}{(tuple.Count == 1 ? "," : "")})" : $"{tuple.PythonType}({Items(tuple, most)})",
        IReadOnlyList<object?> list => $"[{Items(list, most)}]",
        StateDict { Count: 0 } => "{}",
        StateDict dict => $"a dictionary of {dict.Count} {(dict.Count == 1 ? "entry" : "entries")}",
        PythonObject thing => thing.Type,
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    /// <summary>As Python writes it: 3.0, which 3 is not.</summary>
    static string Float(double number)
    {
        string digits = number.ToString("R", CultureInfo.InvariantCulture).Replace("E", "e", StringComparison.Ordinal);
        return digits.AsSpan().IndexOfAny('.', 'e') < 0 ? digits + ".0" : digits;
    }

    static string Items(IReadOnlyList<object?> list, int most)
    {
        string text = "";
        foreach (object? item in list)
        {
            if (text.Length > most)
                return text;
            text += (text.Length > 0 ? ", " : "") + Raw(item, most);
        }
        return text;
    }
}
