using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>One option of an options record: reads it, makes a copy with another value, checks its range.</summary>
internal sealed class OptionDescriptor(PropertyInfo property, OptionAttribute attribute)
{
    /// <summary>PyTorch's name.</summary>
    public string Key => attribute.Key;

    /// <summary>The property's name.</summary>
    public string Name => property.Name;

    public string Range => attribute.Range;

    public Type Type => property.PropertyType;

    /// <summary>Why it can't be an option; null when it can.</summary>
    public string? Fault
    {
        get
        {
            var type = Nullable.GetUnderlyingType(Type) ?? Type;
            if (property.SetMethod is null)
                return "it has no init";
            if (type.IsEnum)
                return attribute.Choices.Length == Enum.GetValuesAsUnderlyingType(type).Length ? null : $"Choices must name each member of {type.Name}, as it is in files";
            return Types.Contains(type) ? null : $"its type is {Type.Name}; it may be double, float, int, long, bool, string, an enumeration, a tuple of two or three doubles, or {nameof(WholeNumbers)}";
        }
    }

    static readonly Type[] Types = [typeof(double), typeof(float), typeof(int), typeof(long), typeof(bool), typeof(string), typeof((double, double)), typeof((double?, double)), typeof((double, double, double)), typeof(WholeNumbers)];

    /// <summary>Whether older checkpoints may lack it.</summary>
    public bool MayBeMissing => attribute.AddedLater || attribute.OnlyIfSet || Type == typeof(bool);

    /// <summary>Whether states have it although it is as in <paramref name="standard"/>.</summary>
    public bool IsSaved(OptimizerOptions options, OptimizerOptions standard) => !attribute.OnlyIfSet || Text(Get(options)) != Text(Get(standard));

    /// <summary>The value in plain terms: a number, bool, string, null, or a list of these for a tuple.</summary>
    public object? Get(OptimizerOptions options) => property.GetValue(options) switch
    {
        Enum member => attribute.Choices[System.Convert.ToInt32(member, CultureInfo.InvariantCulture)],
        WholeNumbers numbers => numbers.Select(n => (object?)n).ToArray(),
        ITuple tuple => Enumerable.Range(0, tuple.Length).Select(i => tuple[i]).ToArray(),
        var value => value,
    };

    /// <summary>A copy of the options with this one changed to a plain value.</summary>
    public OptimizerOptions With(OptimizerOptions options, object? value)
    {
        var copy = options.Copy();
        property.SetValue(copy, Convert(value));
        return copy;
    }

    /// <summary>Throws when the value is outside its range.</summary>
    public void Check(OptimizerOptions options, string where)
    {
        if (Type.IsEnum && !Enum.IsDefined(Type, property.GetValue(options)!))
        {
            throw new ArgumentOutOfRangeException(Name, property.GetValue(options),
                $"{Name} must be one of {string.Join(", ", Enum.GetNames(Type))}, but is {property.GetValue(options)}{where}.");
        }
        object? value = Get(options);
        if (value is null && Type == typeof(WholeNumbers))
            throw new ArgumentNullException(Name, $"{Name} must be a list of whole numbers, but is null{where}.");
        bool mayBeInfinite = attribute.AllowsInfinity || options.MayBeInfinite;
        if (value is object?[] parts)
        {
            for (int i = 0; i < parts.Length; i++)
                CheckNumber(parts[i], $"{Name}[{i}]", mayBeInfinite, where);
        }
        else
        {
            CheckNumber(value, Name, mayBeInfinite, where);
        }
    }

    void CheckNumber(object? value, string name, bool mayBeInfinite, string where)
    {
        if (value is not (double or float or int or long))
            return;
        double number = System.Convert.ToDouble(value, CultureInfo.InvariantCulture);
        if (!attribute.Allows(number))
            throw new ArgumentOutOfRangeException(Name, value, $"{name} must be {attribute.Range}, but is {Text(value)}{where}.");
        if (double.IsInfinity(number) && !mayBeInfinite)
            throw new ArgumentOutOfRangeException(Name, value, $"{name} must be finite, but is {Text(value)}{where}.");
    }

    /// <summary>The number in range that is nearest to one that is not NaN.</summary>
    public double Nearest(double value) => attribute.Nearest(value);

    /// <summary>A plain value as people read it, independent of the culture.</summary>
    public static string Text(object? value) => value switch
    {
        null => "none",
        bool flag => flag ? "true" : "false",
        object?[] parts => $"({string.Join(", ", parts.Select(Text))})",
        _ => System.Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    object? Convert(object? value)
    {
        try
        {
            return Convert(value, Type);
        }
        catch (Exception e) when (e is InvalidCastException or FormatException or OverflowException or ArgumentException)
        {
            throw new ArgumentException($"{Name} ('{Key}') is {(Type.IsEnum ? $"one of {string.Join(", ", attribute.Choices.Select(Text))}" : $"of type {Type.Name}")} and cannot be {(value is StateDict or object?[] ? StateDict.Text(value, most: 200) : Text(value))}.", Key, e);
        }
    }

    object? Convert(object? value, Type type)
    {
        if (type.IsEnum)
        {
            int choice = value is null ? 0 : Array.IndexOf(attribute.Choices, value);
            return choice >= 0 ? Enum.ToObject(type, choice) : type.IsInstanceOfType(value) ? value
                : throw new InvalidCastException("No such choice.");
        }
        if (value is null && type == typeof(WholeNumbers))
            return WholeNumbers.None;
        if (Nullable.GetUnderlyingType(type) is { } inner)
            return value is null ? null : Convert(value, inner);
        if (value is null)
            return !type.IsValueType ? null : throw new InvalidCastException("A value is needed.");
        if (type.IsInstanceOfType(value))
            return value;
        var numbers = value is System.Collections.IEnumerable list and not string ? list.Cast<object?>().ToArray() : null;
        if (type == typeof(WholeNumbers) && numbers is not null)
            return WholeNumbers.Of([.. numbers.Select(n => (long)Convert(n, typeof(long))!)]);
        if (type == typeof((double, double)) && numbers is [var a, var b])
            return (Number(a), Number(b));
        if (type == typeof((double?, double)) && numbers is [var first, var second])
            return (first is null ? (double?)null : Number(first), Number(second));
        if (type == typeof((double, double, double)) && numbers is [var x, var y, var z])
            return (Number(x), Number(y), Number(z));
        if (value is bool || type == typeof(bool))
            return value is bool ? throw new InvalidCastException("A bool is no number.") : Number(value) != 0;
        double number = Number(value);
        if (type == typeof(double))
            return number;
        if (type == typeof(float))
            return (float)number;
        return number == Math.Floor(number)
            ? System.Convert.ChangeType(number, type, CultureInfo.InvariantCulture)
            : throw new InvalidCastException("A whole number is needed.");

        static double Number(object? x) => x is null or bool or string
            ? throw new InvalidCastException("A number is needed.")
            : System.Convert.ToDouble(x, CultureInfo.InvariantCulture);
    }
}
