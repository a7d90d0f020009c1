using System.Collections;
using System.Runtime.CompilerServices;

namespace OptimSharp;

/// <summary>A list of whole numbers as the value of an option: <c>Splits = [64, 16, 16]</c>. It never changes, and is equal to another one with the same numbers.</summary>
[CollectionBuilder(typeof(WholeNumbers), nameof(Of))]
public sealed class WholeNumbers : IReadOnlyList<long>, IEquatable<WholeNumbers>
{
    readonly long[] numbers;

    WholeNumbers(long[] numbers) => this.numbers = numbers;

    /// <summary>A list without numbers.</summary>
    public static WholeNumbers None { get; } = new([]);

    /// <summary>A list of these numbers.</summary>
    public static WholeNumbers Of(ReadOnlySpan<long> numbers) => numbers.IsEmpty ? None : new(numbers.ToArray());

    /// <summary>How many there are.</summary>
    public int Count => numbers.Length;

    /// <summary>One of them.</summary>
    public long this[int index] => numbers[index];

    /// <inheritdoc/>
    public bool Equals(WholeNumbers? other) => other is not null && numbers.AsSpan().SequenceEqual(other.numbers);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as WholeNumbers);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (long number in numbers)
            hash.Add(number);
        return hash.ToHashCode();
    }

    /// <summary>The numbers, from the first to the last.</summary>
    public IEnumerator<long> GetEnumerator() => numbers.AsEnumerable().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The numbers as they are written: <c>[64, 16, 16]</c>.</summary>
    public override string ToString() => $"[{string.Join(", ", numbers)}]";
}
