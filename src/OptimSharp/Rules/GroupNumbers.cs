namespace OptimSharp.Rules;

/// <summary>
/// The numbers that an optimizer keeps for a group of parameters (<see cref="Optimizer{TOptions}.GroupEntries"/>): a count, an estimate. They are in <c>param_groups</c> under their names, as in PyTorch.
/// What is set is theirs once the step has succeeded. So an optimizer may set them when it gives its rules, or in <see cref="IMeasuringRule{T}.Take"/>.
/// </summary>
public sealed class GroupNumbers
{
    readonly IReadOnlyList<StateEntry> entries;
    readonly double?[] values, next;

    internal GroupNumbers(IReadOnlyList<StateEntry> entries)
    {
        foreach (var entry in entries)
        {
            if (entry.Kind is not (StateKind.Number or StateKind.Whole or StateKind.Flag))
                throw new ArgumentException($"What is kept of a group is a number, but '{entry}' is declared as {entry.Kind}.");
        }
        if (entries.GroupBy(entry => entry.Key).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new ArgumentException($"Two numbers of a group are named '{twice.Key}'.");
        this.entries = entries;
        (values, next) = (new double?[entries.Count], new double?[entries.Count]);
    }

    /// <summary>A number. It is read as it was before this step, or as it starts with; what is set is there from the next step on.</summary>
    /// <exception cref="InvalidOperationException">The optimizer's <see cref="Optimizer{TOptions}.GroupEntries"/> do not list it.</exception>
    public double this[StateEntry entry]
    {
        get => values[IndexOf(entry)] ?? entry.Initial;
        set => next[IndexOf(entry)] = value;
    }

    /// <summary>A number as it was before this step, or what it starts with, when that depends on options.</summary>
    /// <exception cref="InvalidOperationException">The optimizer's <see cref="Optimizer{TOptions}.GroupEntries"/> do not list it.</exception>
    public double Get(StateEntry entry, double initial) => values[IndexOf(entry)] ?? initial;

    /// <summary>All that were set, as state dicts have them.</summary>
    internal IEnumerable<(string Key, object Value)> All
    {
        get
        {
            for (int i = 0; i < values.Length; i++)
            {
                if (values[i] is { } value)
                    yield return (entries[i].Key, OptimizerState.Saved(entries[i].Kind, value));
            }
        }
    }

    /// <summary>Sets a number at once, outside of a step.</summary>
    internal void Change(StateEntry entry, double value) => values[IndexOf(entry)] = value;

    internal bool Has(string key) => entries.Any(entry => entry.Key == key);

    /// <summary>Ends a step: what was set holds, or, after one that failed, does not.</summary>
    internal void End(bool succeeded)
    {
        for (int i = 0; i < next.Length; i++)
        {
            if (succeeded && next[i] is { } value)
                values[i] = value;
            next[i] = null;
        }
    }

    /// <summary>The numbers of a saved group. One that is missing is not there yet.</summary>
    internal GroupNumbers Read(StateDict from, IReadOnlyCollection<string> keep)
    {
        var read = new GroupNumbers(entries);
        foreach (var (i, entry) in entries.Index())
        {
            bool has = from.TryGetValue(entry.Key, out object? value) && value is not null;
            read.values[i] = keep.Contains(entry.Key) ? values[i]
                : !has ? null
                : OptimizerState.Read(entry.Kind, from, entry.Key) is var number && double.IsFinite(number) ? number
                : throw from.Wrong(entry.Key, value, "a finite number");
        }
        return read;
    }

    internal GroupNumbers Copy()
    {
        var copy = new GroupNumbers(entries);
        copy.CopyFrom(this);
        return copy;
    }

    internal void CopyFrom(GroupNumbers other) => other.values.CopyTo(values, 0);

    internal bool IsLike(GroupNumbers other) => values.AsSpan().SequenceEqual(other.values);

    int IndexOf(StateEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        for (int i = 0; i < entries.Count; i++)
        {
            if (ReferenceEquals(entries[i], entry) || entries[i].Key == entry.Key && entries[i].IsLike(entry))
                return i;
        }
        throw new InvalidOperationException($"'{entry}' is not among the optimizer's GroupEntries: it would not be saved.");
    }
}
