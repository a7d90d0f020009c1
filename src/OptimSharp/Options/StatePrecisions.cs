using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace OptimSharp;

/// <summary>Precisions of states by their names, as the value of an option: <c>StatePrecisionByName = [("exp_avg_sq", StatePrecision.Dynamic8)]</c>. It never changes, and is equal to another one with the same names and precisions, in any order.</summary>
[CollectionBuilder(typeof(StatePrecisions), nameof(Of))]
[SuppressMessage("Naming", "CA1710", Justification = "It is what it is a list of.")]
public sealed class StatePrecisions : IReadOnlyList<(string Name, StatePrecision Precision)>, IEquatable<StatePrecisions>
{
    readonly (string Name, StatePrecision Precision)[] precisions;

    StatePrecisions((string, StatePrecision)[] precisions) => this.precisions = precisions;

    /// <summary>Of no state.</summary>
    public static StatePrecisions None { get; } = new([]);

    /// <summary>Of these states.</summary>
    /// <exception cref="ArgumentException">A name is empty or there twice, or a precision is none.</exception>
    public static StatePrecisions Of(ReadOnlySpan<(string Name, StatePrecision Precision)> precisions)
    {
        (string Name, StatePrecision Precision)[] sorted = precisions.ToArray();
        Array.Sort(sorted, (x, y) => string.CompareOrdinal(x.Name, y.Name));
        for (int i = 0; i < sorted.Length; i++)
        {
            var (name, precision) = sorted[i];
            if (string.IsNullOrEmpty(name))
                throw new ArgumentException("The name of a state is empty.", nameof(precisions));
            if (i > 0 && sorted[i - 1].Name == name)
                throw new ArgumentException($"The state '{name}' has two precisions: {sorted[i - 1].Precision} and {precision}.", nameof(precisions));
            if (!Enum.IsDefined(precision))
                throw new ArgumentException($"The precision of the state '{name}' must be one of {string.Join(", ", Enum.GetNames<StatePrecision>())}, but is {precision}.", nameof(precisions));
        }
        return sorted.Length == 0 ? None : new(sorted);
    }

    /// <summary>How many there are.</summary>
    public int Count => precisions.Length;

    /// <summary>One of them, in the order of names.</summary>
    public (string Name, StatePrecision Precision) this[int index] => precisions[index];

    /// <summary>The precision of a state, if there is one.</summary>
    public StatePrecision? Find(string name)
    {
        foreach (var one in precisions)
        {
            if (one.Name == name)
                return one.Precision;
        }
        return null;
    }

    /// <inheritdoc/>
    public bool Equals(StatePrecisions? other) => other is not null && precisions.AsSpan().SequenceEqual(other.precisions);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as StatePrecisions);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var one in precisions)
            hash.Add(one);
        return hash.ToHashCode();
    }

    /// <summary>Names and precisions, in the order of names.</summary>
    public IEnumerator<(string Name, StatePrecision Precision)> GetEnumerator() => precisions.AsEnumerable().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>As they are written: <c>[exp_avg_sq: BFloat16]</c>.</summary>
    public override string ToString() => $"[{string.Join(", ", precisions.Select(one => $"{one.Name}: {one.Precision}"))}]";
}
