using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace OptimSharp.Schedulers;

/// <summary>
/// A number for all parameter groups, or a list with one for each: <c>maxLr: 0.1</c> or <c>maxLr: [0.1, 0.5]</c>.
/// </summary>
/// <remarks>One number also holds for groups that are added later; a list has none for them.</remarks>
[CollectionBuilder(typeof(PerGroup), nameof(Of))]
[SuppressMessage("Naming", "CA1710", Justification = "It stands for a number as often as for a list.")]
public readonly struct PerGroup : IEquatable<PerGroup>
{
    readonly double same;
    readonly double[]? list;

    PerGroup(double same, double[]? list) => (this.same, this.list) = (same, list);

    /// <summary>Whether there is one number for all groups.</summary>
    public bool IsSame => list is null;

    /// <summary>The number for a group.</summary>
    /// <exception cref="InvalidOperationException">The list has none for it.</exception>
    public double this[int group] => list is null ? same : group < list.Length ? list[group] : throw new InvalidOperationException(
        $"A scheduler has a list of {list.Length} values, one a parameter group, and none for one that was added later. Give it one number for all groups, or make a new scheduler.");

    /// <summary>The same number for all groups.</summary>
    public static implicit operator PerGroup(double value) => new(value, null);

    /// <summary>A number for each group.</summary>
    public static implicit operator PerGroup(double[] values) => Of(values);

    /// <summary>The same number for all groups.</summary>
    public static PerGroup FromDouble(double value) => value;

    /// <summary>A number for each group.</summary>
    public static PerGroup Of(params ReadOnlySpan<double> values) => new(0, values.ToArray());

    /// <summary>The numbers of a list; one for what holds for all groups.</summary>
    public IEnumerator<double> GetEnumerator() => ((IEnumerable<double>)Distinct).GetEnumerator();

    /// <inheritdoc/>
    public bool Equals(PerGroup other) => IsSame == other.IsSame && Distinct.SequenceEqual(other.Distinct);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is PerGroup other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => Distinct.Aggregate(IsSame.GetHashCode(), HashCode.Combine);

    /// <summary>Whether two are the same.</summary>
    public static bool operator ==(PerGroup left, PerGroup right) => left.Equals(right);

    /// <summary>Whether two differ.</summary>
    public static bool operator !=(PerGroup left, PerGroup right) => !left.Equals(right);

    /// <summary>The number, or the list: <c>0.1</c>, <c>[0.1, 0.5]</c>.</summary>
    public override string ToString() => list is null ? Text(same) : $"[{string.Join(", ", list.Select(Text))}]";

    static string Text(double number) => number.ToString(CultureInfo.InvariantCulture);

    internal double[] Distinct => list ?? [same];

    internal double[] Expand(int groups) => list is null ? [.. Enumerable.Repeat(same, groups)] : [.. list];

    internal PerGroup Select(Func<double, double> function) => new(function(same), list?.Select(function).ToArray());

    internal void CheckCount(int groups, string name)
    {
        if (list is not null && list.Length != groups)
            throw new ArgumentException($"{name} must have a value for each of the optimizer's {groups} parameter groups, but has {list.Length}.", name);
    }

    /// <summary>What the groups keep under a key, or this where they keep nothing.</summary>
    internal PerGroup ReadFrom(IReadOnlyList<ParameterGroup> groups, string key)
    {
        return groups.All(g => g.Extras.ContainsKey(key)) ? Loaded([.. groups.Select(g => g.Extras.GetDouble(key))], groups.Count, IsSame) ?? this : this;
    }

    /// <summary>What a saved list means; null when it fits neither the groups nor a number for all.</summary>
    internal static PerGroup? Loaded(double[] numbers, int groups, bool wasSame) =>
        wasSame && numbers.Length > 0 && numbers.All(n => n == numbers[0]) ? new PerGroup(numbers[0], null)
        : numbers.Length == groups ? new PerGroup(0, numbers)
        : (PerGroup?)null;
}
