namespace OptimSharp;

/// <summary>
/// The memory that an optimizer holds: parameters, gradients, state, by group, name and precision. Exact in bytes, as tensors have them. <see cref="ToString"/> prints it as a table.
/// </summary>
/// <remarks>
/// Not counted: memory that a step works with, what allocators add, and the objects themselves. A gradient that several parameters share counts for each.
/// </remarks>
public sealed class MemoryReport
{
    internal MemoryReport(IReadOnlyList<MemoryEntry> entries, bool isPlan = false, bool isUpperBound = false) => (Entries, IsPlan, IsUpperBound) = (entries, isPlan, isUpperBound);

    /// <summary>The lines, in the order of groups.</summary>
    public IReadOnlyList<MemoryEntry> Entries { get; }

    /// <summary>Whether parameters are <see cref="Parameter.Meta"/>: then this is what they, a dense gradient of each, and their state would take.</summary>
    public bool IsPlan { get; }

    /// <summary>Whether a plan has lists that grow from step to step (the history of <see cref="LBFGS"/>): they are counted at their longest.</summary>
    public bool IsUpperBound { get; }

    /// <summary>The bytes of the parameters.</summary>
    public long ParameterBytes => Sum(MemoryUse.Parameters);

    /// <summary>The bytes of the gradients that are there; of a sparse one, its rows and their indices.</summary>
    public long GradientBytes => Sum(MemoryUse.Gradients);

    /// <summary>The bytes of the state.</summary>
    public long StateBytes => Sum(MemoryUse.State);

    /// <summary>The bytes of copies of parameters.</summary>
    public long CopyBytes => Sum(MemoryUse.Copies);

    /// <summary>All bytes.</summary>
    public long TotalBytes => Entries.Sum(e => e.Bytes);

    /// <summary>The bytes of the state by its names.</summary>
    public IReadOnlyDictionary<string, long> StateByName => StateBy(e => e.Name);

    /// <summary>The bytes of the state by how it is kept (<see cref="MemoryEntry.Precision"/>).</summary>
    public IReadOnlyDictionary<string, long> StateByPrecision => StateBy(e => e.Precision);

    /// <summary>What belongs to one parameter group.</summary>
    /// <param name="number">The number of the group, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such group.</exception>
    public MemoryReport Group(int number)
    {
        MemoryEntry[] entries = [.. Entries.Where(e => e.Group == number)];
        return entries.Length > 0 ? new(entries, IsPlan, IsUpperBound)
            : throw new ArgumentOutOfRangeException(nameof(number), number, $"The report has no parameter group {number}; it has {string.Join(", ", Entries.Select(e => e.Group).Distinct().Order())}.");
    }

    /// <summary>The two as one: an optimizer and the averages of its parameters, say.</summary>
    public MemoryReport With(MemoryReport other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return new([.. Entries, .. other.Entries], IsPlan || other.IsPlan, IsUpperBound || other.IsUpperBound);
    }

    /// <summary>A table of the lines, and one of the sums. Sizes are in units of 1,024: KiB, MiB, GiB.</summary>
    public override string ToString() => MemoryText.Of(this);

    long Sum(MemoryUse use) => Entries.Where(e => e.Use == use).Sum(e => e.Bytes);

    OrderedDictionary<string, long> StateBy(Func<MemoryEntry, string> key)
    {
        var sums = new OrderedDictionary<string, long>();
        foreach (var entry in Entries.Where(e => e.Use == MemoryUse.State))
            sums[key(entry)] = sums.GetValueOrDefault(key(entry)) + entry.Bytes;
        return sums;
    }
}
