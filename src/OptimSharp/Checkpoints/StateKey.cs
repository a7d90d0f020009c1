using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace OptimSharp;

/// <summary>
/// A key of a <see cref="StateDict"/>: a text, or a whole number (PyTorch numbers an optimizer's parameters). Files from elsewhere may have others:
/// see <see cref="Of"/>.
/// </summary>
public readonly record struct StateKey
{
    /// <summary>For keys that need no object: <see langword="null"/> in <see cref="extra"/> means a text or a whole number.</summary>
    static readonly object None = new();

    readonly object? extra;

    /// <summary>A key that is a text.</summary>
    public StateKey(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        Name = name;
    }

    /// <summary>A key that is a whole number.</summary>
    public StateKey(long number) => Number = number;

    StateKey(object extra, bool _) => this.extra = extra;

    /// <summary>The text; null when the key is none.</summary>
    public string? Name { get; }

    /// <summary>The number; 0 when the key is no whole number of 64 bits.</summary>
    public long Number { get; }

    /// <summary>Whether the key is a whole number of 64 bits.</summary>
    public bool IsNumber => Name is null && extra is null;

    /// <summary>
    /// What the key is, as a value of a state dict: a <see cref="string"/>, a <see cref="long"/>, or what <see cref="Of"/> was given.
    /// </summary>
    public object? Value => extra switch
    {
        null => Name ?? (object)Number,
        Tuple tuple => new StateTuple(tuple.Parts.Select(part => part.Value)),
        _ => extra == None ? null : extra,
    };

    /// <summary>
    /// A key that is any value that Python takes as one: a text, a whole number (a <see cref="BigInteger"/> beyond 64 bits), null (<c>None</c>), a bool, a double,
    /// a <see cref="Complex"/>, bytes (<see cref="ReadOnlyMemory{T}"/> of <see cref="byte"/>), a <see cref="StateTuple"/> of such, an <see cref="ElementType"/>, a
    /// <see cref="StateDevice"/>: equal when the values are equal and of one type. A <see cref="PythonObject"/> or a tensor is equal to itself alone.
    /// </summary>
    /// <exception cref="ArgumentException">The value is of another kind.</exception>
    public static StateKey Of(object? value) => value switch
    {
        string name => new(name),
        int number => new(number),
        long number => new(number),
        null => new(None, true),
        ReadOnlyMemory<byte> bytes => new(bytes, true),
        StateTuple { PythonType: null } tuple => OfParts([.. tuple.Select(Of)]),
        BigInteger large => large >= long.MinValue && large <= long.MaxValue ? new((long)large) : new(large, true),
        bool or double or Complex or ElementType or StateDevice or TensorData or SparseTensorData or PythonObject => new(value, true),
        _ => throw new ArgumentException($"A key of a state dict can't be a {value.GetType().Name}.", nameof(value)),
    };

    /// <summary>A key for what a file is read to, before it is made a value: equal to itself alone.</summary>
    internal static StateKey OfNode(object node) => new(node, true);

    /// <summary>A key of several.</summary>
    internal static StateKey OfParts(StateKey[] parts) => new(new Tuple(parts), true);

    /// <summary>The parts of a key that is a tuple; null for any extra.</summary>
    internal StateKey[]? Parts => (extra as Tuple)?.Parts;

    /// <summary>What <see cref="OfNode"/> was given; null for any extra key.</summary>
    internal object? Node => extra is null or Tuple ? null : extra;

    /// <summary>A key that is a text.</summary>
    public static implicit operator StateKey(string name) => new(name);

    /// <summary>A key that is a whole number.</summary>
    public static implicit operator StateKey(long number) => new(number);

    /// <summary>A key that is a text.</summary>
    public static StateKey FromString(string name) => new(name);

    /// <summary>A key that is a whole number.</summary>
    public static StateKey FromInt64(long number) => new(number);

    /// <summary>Whether both are the same text, number, or other value.</summary>
    public bool Equals(StateKey other) => Number == other.Number && Name == other.Name && (ReferenceEquals(extra, other.extra) || (extra, other.extra) switch
    {
        (Tuple a, Tuple b) => a.Hash == b.Hash && a.Parts.AsSpan().SequenceEqual(b.Parts),
        (ReadOnlyMemory<byte> a, ReadOnlyMemory<byte> b) => a.Span.SequenceEqual(b.Span),
        (null, _) or (_, null) => false,
        _ => extra.Equals(other.extra), // by value where they are values, else by reference
    });

    /// <summary>Such that a file can't be made to have many keys with one hash: those of numbers are not seeded by themselves.</summary>
    public override int GetHashCode()
    {
        if (extra is null)
            return HashCode.Combine(Name, (int)Number, (int)(Number >> 32));
        var hash = new HashCode();
        switch (extra)
        {
            case double number:
                AddWhole(ref hash, BitsOf(number));
                break;
            case Complex number:
                AddWhole(ref hash, BitsOf(number.Real));
                AddWhole(ref hash, BitsOf(number.Imaginary));
                break;
            case BigInteger number:
                hash.AddBytes(number.ToByteArray());
                break;
            case ReadOnlyMemory<byte> bytes:
                hash.AddBytes(bytes.Span);
                break;
            case Tuple tuple:
                return tuple.Hash;
            case bool or ElementType or StateDevice:
                hash.Add(extra);
                break;
            default:
                hash.Add(RuntimeHelpers.GetHashCode(extra));
                break;
        }
        return hash.ToHashCode();

        static void AddWhole(ref HashCode hash, long number)
        {
            hash.Add((int)number);
            hash.Add((int)(number >> 32));
        }

        static long BitsOf(double number) => number == 0 ? 0 : double.IsNaN(number) ? -1 : BitConverter.DoubleToInt64Bits(number); // as Equals has it
    }

    /// <summary>The text, the number's digits, or the value as Python writes it; of an object only its class.</summary>
    public override string ToString() => extra switch
    {
        null => Name ?? Number.ToString(CultureInfo.InvariantCulture),
        Tuple { Parts: var parts } => $"({string.Join(", ", parts)}{(parts.Length == 1 ? ",)" : ")")}",
        PythonObject thing => thing.Kind == PythonObjectKind.Reference ? thing.Type : $"{thing.Type}(…)", // which may have this key itself
        _ => StateDict.Text(Value, most: 200),
    };

    /// <summary>Several keys as one, which know their hash: a file may name them many times.</summary>
    sealed class Tuple
    {
        public Tuple(StateKey[] parts)
        {
            Parts = parts;
            var hash = new HashCode();
            foreach (var part in parts)
                hash.Add(part);
            Hash = hash.ToHashCode();
        }

        public StateKey[] Parts { get; }

        public int Hash { get; }
    }
}
