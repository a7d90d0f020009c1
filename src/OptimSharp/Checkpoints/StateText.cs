using System.Globalization;
using System.Numerics;
using System.Text;

namespace OptimSharp;

/// <summary>Writes values of a state as people read them.</summary>
/// <param name="most">After about how many letters it ends.</param>
internal sealed class StateText(int most)
{
    const int DeepestObject = 50, LongestNumber = 4096; // bits; the digits of a long number take time with their square

    readonly StringBuilder text = new();
    readonly HashSet<PythonObject> written = [];
    int depth;

    public string Of(object? value)
    {
        Write(value);
        return text.Length <= most ? text.ToString() : text.ToString(0, most) + "…";
    }

    void Write(object? value)
    {
        switch (value)
        {
            case null:
                text.Append("null");
                break;
            case bool flag:
                text.Append(flag ? "true" : "false");
                break;
            case string letters:
                text.Append('\'').Append(letters.AsSpan(0, Math.Min(letters.Length, most))).Append('\'');
                break;
            case Complex number:
                text.Append(CultureInfo.InvariantCulture, $"({number.Real}{number.Imaginary:+0.################;-0.################;+0}j)");
                break;
            case BigInteger number when number.GetBitLength() > LongestNumber:
                text.Append(CultureInfo.InvariantCulture, $"a whole number of {number.GetBitLength()} bits");
                break;
            case ReadOnlyMemory<byte> bytes:
                text.Append(CultureInfo.InvariantCulture, $"{bytes.Length} bytes");
                break;
            case StateDict dict:
                Items('{', dict, entry => { text.Append(entry.Key).Append(": "); Write(entry.Value); }, "}");
                break;
            case object?[] list:
                Items('[', list, Write, "]");
                break;
            case StateTuple tuple:
                Items('(', tuple, Write, tuple.Count == 1 ? ",)" : ")");
                break;
            case PythonObject thing:
                Object(thing);
                break;
            default:
                text.Append(Convert.ToString(value, CultureInfo.InvariantCulture));
                break;
        }
    }

    /// <summary>In full where it comes first, if that is not too deep.</summary>
    void Object(PythonObject thing)
    {
        text.Append(thing.Type);
        if (thing.Kind == PythonObjectKind.Reference)
            return;
        if (depth > DeepestObject || !written.Add(thing))
        {
            text.Append("(…)");
            return;
        }
        depth++;
        var parts = thing.Arguments.Select(value => ("", value)).Concat((thing.KeywordArguments ?? []).Select(Named)).ToList();
        if (thing.Items is { } items)
            parts.Add(("", items));
        if (thing.Entries is { } entries)
            parts.Add(("", entries));
        if (thing.State is StateDict attributes)
            parts.AddRange(attributes.Select(Named));
        else if (thing.State is { } state)
            parts.Add(("", state));
        Items('(', parts, part => { text.Append(part.Item1); Write(part.Item2); }, ")");
        depth--;

        static (string, object?) Named(KeyValuePair<StateKey, object?> entry) => (entry.Key + "=", entry.Value);
    }

    void Items<T>(char start, IEnumerable<T> items, Action<T> write, string end)
    {
        text.Append(start);
        string comma = "";
        foreach (var item in items)
        {
            if (text.Length > most)
                return;
            text.Append(comma);
            write(item);
            comma = ", ";
        }
        text.Append(end);
    }
}
