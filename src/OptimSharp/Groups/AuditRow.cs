using System.Globalization;

namespace OptimSharp;

/// <summary>A parameter in an audit.</summary>
public sealed class AuditRow
{
    internal AuditRow(string name, long[] shape, long count, string algorithm, int? group, IReadOnlyList<AuditOption> options, string? frozenBy)
    {
        Name = name;
        Shape = shape;
        Count = count;
        Algorithm = algorithm;
        Group = group;
        Options = options;
        FrozenBy = frozenBy;
    }

    /// <summary>The parameter's name; empty when it has none.</summary>
    public string Name { get; }

    /// <summary>The sizes of its dimensions.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>The number of its elements.</summary>
    public long Count { get; }

    /// <summary>The class of the optimizer that steps it, or that has the rule which freezes it.</summary>
    public string Algorithm { get; }

    /// <summary>The number of its group; null when it is frozen.</summary>
    public int? Group { get; }

    /// <summary>Its options, where they are not the algorithm's defaults, in the order of their keys.</summary>
    public IReadOnlyList<AuditOption> Options { get; }

    /// <summary>The rule that freezes it; null when none does.</summary>
    public string? FrozenBy { get; }

    /// <summary>Name, shape, group, options and where they come from, in a line.</summary>
    public override string ToString() => $"'{ShownText.InLine(Name)}' {ShapeText}: {Placed}{string.Concat(Options.Select(option => $", {option}"))}";

    internal string ShapeText => $"[{string.Join(", ", Shape)}]";

    internal string GroupText => Group?.ToString(CultureInfo.InvariantCulture) ?? "frozen";

    internal string Placed => FrozenBy is null ? $"{Algorithm}, group {GroupText}" : $"frozen ({FrozenBy})";
}

/// <summary>An option of a parameter in an audit.</summary>
/// <param name="Key">PyTorch's name of it, <c>"lr"</c>; those that have none there, as <c>"StatePrecision"</c>, by ours.</param>
/// <param name="Value">The value in plain terms: a number, bool, string, null, or a list of these.</param>
/// <param name="Source">
/// Where it comes from: a rule, as its pattern or source text; "the optimizer's options"; "its parameter group"; "set later", by hand, by a scheduler or by a state that was loaded. A rate that a scheduler made of a rule's has the
/// rule and ", scheduled", until it is set by hand.
/// </param>
public sealed record AuditOption(string Key, object? Value, string Source)
{
    /// <summary>Key, value and source.</summary>
    public override string ToString() => $"{Key} {Text} ({Source})";

    internal string Text => OptionDescriptor.Text(Value);

    /// <summary>With six digits.</summary>
    internal string ShortText => Short(Value);

    static string Short(object? value) => value switch
    {
        double number => number.ToString("G6", CultureInfo.InvariantCulture),
        object?[] parts => $"({string.Join(", ", parts.Select(Short))})",
        _ => OptionDescriptor.Text(value),
    };
}

/// <summary>A sum over rows of an audit.</summary>
/// <param name="Group">The group; null: frozen ones, or all.</param>
/// <param name="Algorithm">The algorithm that steps the group; empty for frozen ones and for all.</param>
/// <param name="Parameters">How many parameters.</param>
/// <param name="Count">How many elements they have.</param>
public sealed record AuditTotal(int? Group, string Algorithm, int Parameters, long Count);
