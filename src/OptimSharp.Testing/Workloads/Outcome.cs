using System.Globalization;

namespace OptimSharp.Testing;

/// <summary>The numbers that some steps left: of each parameter its values, and its state by name.</summary>
/// <param name="type">The parameters' type.</param>
internal sealed class Outcome(ElementType type)
{
    readonly SortedDictionary<string, List<(string Parameter, double[] Numbers)>> tensors = new(StringComparer.Ordinal);
    readonly SortedDictionary<string, List<(string Parameter, double[] Numbers)>> scalars = new(StringComparer.Ordinal);

    /// <summary>The key of the parameters' values.</summary>
    public const string Values = "values";

    string Keys => $"{{{string.Join(", ", tensors.Keys.Concat(scalars.Keys))}}}";

    public void Add(string key, string parameter, double[] numbers) => Add(tensors, key, parameter, numbers);

    /// <summary>A number that belongs to a parameter, not to its elements.</summary>
    public void AddScalar(string key, string parameter, double value) => Add(scalars, key, parameter, [value]);

    /// <summary>
    /// Where the bits of two outcomes differ, in words; null when nowhere. They may be of parameters that are cut otherwise. Any NaN is like any other: IEEE 754
    /// leaves its sign and payload open.
    /// </summary>
    /// <param name="other">The other outcome.</param>
    /// <param name="mine">How this one came about.</param>
    /// <param name="theirs">How the other one came about.</param>
    /// <param name="but">Numbers that may differ, counted through all parameters.</param>
    public string? Difference(Outcome other, string mine, string theirs, Func<int, bool>? but = null)
    {
        if (Keys != other.Keys)
            return $"there are {Keys} {mine}, and {other.Keys} {theirs}";
        foreach (var (key, parts) in tensors)
        {
            if (Difference(key, parts, other.tensors[key], mine, theirs, but) is { } difference)
                return difference;
        }
        foreach (var (key, parts) in scalars)
        {
            var those = other.scalars[key];
            bool isCut = parts.Count != those.Count; // then all have to be the same
            if (Difference(key, isCut ? [.. parts.DistinctBy(p => Bits(p.Numbers[0]))] : parts, isCut ? [.. those.DistinctBy(p => Bits(p.Numbers[0]))] : those, mine, theirs, null) is { } difference)
                return difference;
        }
        return null;
    }

    /// <summary>Whether values of parameters are other numbers than they were. A zero of the other sign is not, nor what is not finite.</summary>
    public bool HasMovedFrom(Outcome start) =>
        tensors[Values].SelectMany(p => p.Numbers).Zip(start.tensors[Values].SelectMany(p => p.Numbers)).Any(pair => double.IsFinite(pair.First - pair.Second) && pair.First != pair.Second);

    /// <summary>A number that depends on every bit.</summary>
    public ulong Hash()
    {
        ulong hash = 14695981039346656037;
        foreach (double number in tensors.Concat(scalars).SelectMany(x => x.Value).SelectMany(x => x.Numbers))
            hash = ulong.RotateLeft((hash ^ Bits(number)) * 1099511628211, 23);
        return hash;
    }

    string? Difference(string key, List<(string Parameter, double[] Numbers)> one, List<(string Parameter, double[] Numbers)> other, string mine, string theirs, Func<int, bool>? but)
    {
        double[] a = [.. one.SelectMany(p => p.Numbers)], b = [.. other.SelectMany(p => p.Numbers)];
        if (a.Length != b.Length)
            return $"'{key}' has {a.Length} numbers {mine}, and {b.Length} {theirs}";
        for (int i = 0; i < a.Length; i++)
        {
            if (Bits(a[i]) != Bits(b[i]) && but?.Invoke(i) != true)
                return $"{Place(key, one, i)} is {Text(a[i], type)} {mine}, and {Text(b[i], type)} {theirs}";
        }
        return null;
    }

    string Place(string key, List<(string Parameter, double[] Numbers)> parts, int number)
    {
        int part = 0;
        while (number >= parts[part].Numbers.Length)
            number -= parts[part++].Numbers.Length;
        var (parameter, numbers) = parts[part];
        string element = scalars.ContainsKey(key) ? ""
            : type.IsComplex() ? $", element {number / 2} of {numbers.Length / 2}, {(number % 2 == 0 ? "real" : "imaginary")} part" : $", element {number} of {numbers.Length}";
        return $"{(key == Values ? "" : $"state '{key}' of ")}parameter '{parameter}'{element}";
    }

    /// <summary>A number with its bits: those of the parameters' type where it is one of that type, else those of a single or double.</summary>
    public static string Text(double x, ElementType type)
    {
        var culture = CultureInfo.InvariantCulture;
        return type switch
        {
            ElementType.Float16 when Bits((double)(Half)x) == Bits(x) => string.Create(culture, $"{(Half)x:R} (0x{BitConverter.HalfToUInt16Bits((Half)x):X4})"),
            ElementType.BFloat16 when Bits((float)(BFloat16)(float)x) == Bits(x) => string.Create(culture, $"{(float)x:R} (0x{((BFloat16)(float)x).Bits:X4})"),
            not (ElementType.Float64 or ElementType.Complex128) when Bits((float)x) == Bits(x) => string.Create(culture, $"{(float)x:R} (0x{BitConverter.SingleToUInt32Bits((float)x):X8})"),
            _ => string.Create(culture, $"{x:R} (0x{BitConverter.DoubleToUInt64Bits(x):X16})"),
        };
    }

    public static ulong Bits(double x) => BitConverter.DoubleToUInt64Bits(double.IsNaN(x) ? double.NaN : x);

    static void Add(SortedDictionary<string, List<(string, double[])>> to, string key, string parameter, double[] numbers)
    {
        if (!to.TryGetValue(key, out var parts))
            to.Add(key, parts = []);
        parts.Add((parameter, numbers));
    }
}
