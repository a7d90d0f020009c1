using System.Globalization;
using System.Text.Json;

namespace OptimSharp.Testing;

/// <summary>
/// A place in a golden case. Reads strictly: what is missing, of another kind or unknown fails with the place's name.
/// </summary>
internal readonly struct GoldenNode(JsonElement element, string place)
{
    public bool IsNull => element.ValueKind == JsonValueKind.Null;

    public bool IsList => element.ValueKind == JsonValueKind.Array;

    public bool IsObject => element.ValueKind == JsonValueKind.Object;

    /// <summary>The object's fields, once it is sure that it has no others than these.</summary>
    public GoldenNode WithOnly(params ReadOnlySpan<string> known)
    {
        foreach (var (key, _) in Fields())
        {
            if (!known.Contains(key))
                throw Error($"unknown key '{key}' (known: {string.Join(", ", known!)})");
        }
        return this;
    }

    public GoldenNode this[string key] =>
        Find(key) ?? throw Error($"the key '{key}' is missing");

    /// <summary>The field, where the object has it and it is not <c>null</c>.</summary>
    public GoldenNode? Optional(string key) => Find(key) is { IsNull: false } value ? value : null;

    public IEnumerable<(string Key, GoldenNode Value)> Fields()
    {
        if (!IsObject)
            throw Error("an object is needed");
        foreach (var property in element.EnumerateObject())
            yield return (property.Name, new(property.Value, $"{place}.{property.Name}"));
    }

    public GoldenNode[] Items()
    {
        if (!IsList)
            throw Error("a list is needed");
        string at = place;
        return [.. element.EnumerateArray().Select((e, i) => new GoldenNode(e, $"{at}[{i}]"))];
    }

    /// <summary>A list with this many items.</summary>
    public GoldenNode[] Items(int count)
    {
        var items = Items();
        return items.Length == count ? items : throw Error($"{count} items are needed, not {items.Length}");
    }

    public string Text() => element.ValueKind == JsonValueKind.String ? element.GetString()! : throw Error("a text is needed");

    /// <summary>A number, or the text "nan", "inf", "-inf".</summary>
    public double Number() => TryNumber(out double number) ? number : throw Error("a number is needed");

    /// <summary>A whole number; it may be written as 4.0.</summary>
    public long Integer() =>
        element.ValueKind == JsonValueKind.Number && element.GetDouble() is var number && Math.Abs(number) <= 1L << 53 && number == Math.Floor(number)
            ? (long)number : throw Error("a whole number is needed");

    /// <summary>All numbers of a number, a list, or a list of [re, im] pairs, in order.</summary>
    public double[] Numbers()
    {
        if (!IsList)
            return [Number()];
        if (element.GetArrayLength() > 0 && element[0].ValueKind == JsonValueKind.Array)
            return [.. Items().SelectMany(pair => pair.Items(2)).Select(x => x.Number())];
        return [.. Items().Select(x => x.Number())];
    }

    /// <summary>An option's value: number, bool, text, null, or a list of these.</summary>
    public object? Plain() => element.ValueKind switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Number when element.TryGetInt64(out long whole) => whole,
        JsonValueKind.Array => Items().Select(x => x.Plain()).ToArray(),
        JsonValueKind.Object => throw Error("an object is no option"),
        _ => TryNumber(out double number) ? number : Text(),
    };

    /// <summary>An object's fields as options.</summary>
    public KeyValuePair<string, object?>[] Options(params ReadOnlySpan<string> but)
    {
        var options = new List<KeyValuePair<string, object?>>();
        foreach (var (key, value) in Fields())
        {
            if (!but.Contains(key))
                options.Add(new(key, value.Plain()));
        }
        return [.. options];
    }

    public GoldenCaseException Error(string message) => new($"{place}: {message}");

    public override string ToString() => place;

    GoldenNode? Find(string key)
    {
        if (!IsObject)
            throw Error("an object is needed");
        return element.TryGetProperty(key, out var value) ? new(value, $"{place}.{key}") : null;
    }

    bool TryNumber(out double number)
    {
        number = 0;
        if (element.ValueKind == JsonValueKind.Number)
        {
            number = double.Parse(element.GetRawText(), NumberStyles.Float, CultureInfo.InvariantCulture);
            return true;
        }
        if (element.ValueKind != JsonValueKind.String)
            return false;
        double? special = element.GetString() switch
        {
            "nan" => double.NaN,
            "inf" => double.PositiveInfinity,
            "-inf" => double.NegativeInfinity,
            _ => null,
        };
        number = special ?? 0;
        return special is not null;
    }
}
