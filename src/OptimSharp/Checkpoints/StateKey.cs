using System.Globalization;

namespace OptimSharp;

/// <summary>A key of a <see cref="StateDict"/>: a text, or a whole number (PyTorch numbers an optimizer's parameters).</summary>
public readonly record struct StateKey
{
    /// <summary>A key that is a text.</summary>
    public StateKey(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        Name = name;
    }

    /// <summary>A key that is a whole number.</summary>
    public StateKey(long number) => Number = number;

    /// <summary>The text; null when the key is a number.</summary>
    public string? Name { get; }

    /// <summary>The number; 0 when the key is a text.</summary>
    public long Number { get; }

    /// <summary>A key that is a text.</summary>
    public static implicit operator StateKey(string name) => new(name);

    /// <summary>A key that is a whole number.</summary>
    public static implicit operator StateKey(long number) => new(number);

    /// <summary>A key that is a text.</summary>
    public static StateKey FromString(string name) => new(name);

    /// <summary>A key that is a whole number.</summary>
    public static StateKey FromInt64(long number) => new(number);

    /// <summary>Such that a file can't be made to have many keys with one hash: <see cref="long"/>'s own is not seeded.</summary>
    public override int GetHashCode() => HashCode.Combine(Name, (int)Number, (int)(Number >> 32));

    /// <summary>The text, or the number's digits.</summary>
    public override string ToString() => Name ?? Number.ToString(CultureInfo.InvariantCulture);
}
