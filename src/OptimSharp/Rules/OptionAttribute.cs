using System.Globalization;

namespace OptimSharp.Rules;

/// <summary>
/// Marks a property of an options record as an option, under PyTorch's name, with the range it may have. Everything
/// else that knows of options (validation, groups, state dicts, <c>ToString</c>) reads it here. The property has an <c>init</c>, and is of type double, float, int, long, bool, string, an
/// enumeration with <see cref="Choices"/>, any of these or null, or a tuple of two or three doubles.
/// </summary>
/// <param name="key">PyTorch's name, as in its <c>param_groups</c>.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class OptionAttribute(string key) : Attribute
{
    /// <summary>PyTorch's name.</summary>
    public string Key { get; } = key;

    /// <summary>The smallest value allowed.</summary>
    public double AtLeast { get; init; } = double.NaN;

    /// <summary>What the value must exceed.</summary>
    public double Above { get; init; } = double.NaN;

    /// <summary>The largest value allowed.</summary>
    public double AtMost { get; init; } = double.NaN;

    /// <summary>What the value must stay below.</summary>
    public double Below { get; init; } = double.NaN;

    /// <summary>Whether it may be infinite, where its range has no end: infinity stands for no limit, say. Default false: as <see cref="OptimizerOptions.AllowsInfinity"/> says for the record.</summary>
    public bool AllowsInfinity { get; init; }

    /// <summary>Whether older checkpoints lack it. Those of all yes-or-no options may.</summary>
    public bool AddedLater { get; init; }

    /// <summary>
    /// Whether it is saved only where it is not what the record has by default. For options that the reference implementation does not have: as long as none of them is used,
    /// states have that one's keys alone, and it can read them. A state without it stands for the default.
    /// </summary>
    public bool OnlyIfSet { get; init; }

    /// <summary>PyTorch's values for the members of an enumeration, in their order: strings, or true and false. The first one is also read for <c>None</c>.</summary>
    public object?[] Choices { get; init; } = [];

    /// <summary>Whether a value is in range. NaN never is; infinity is when nothing bounds it, though it may be refused all the same.</summary>
    internal bool Allows(double value) =>
        !double.IsNaN(value) && !(value < AtLeast) && !(value <= Above) && !(value > AtMost) && !(value >= Below);

    /// <summary>The number in range that is nearest to one that is not NaN.</summary>
    internal double Nearest(double value)
    {
        double least = double.IsNaN(Above) ? AtLeast : Math.BitIncrement(Above), most = double.IsNaN(Below) ? AtMost : Math.BitDecrement(Below);
        return Math.Clamp(value, double.IsNaN(least) ? double.MinValue : least, double.IsNaN(most) ? double.MaxValue : most);
    }

    /// <summary>The range in words: "≥ 0", "in [0, 1)", "a number".</summary>
    internal string Range
    {
        get
        {
            bool low = !double.IsNaN(AtLeast) || !double.IsNaN(Above), high = !double.IsNaN(AtMost) || !double.IsNaN(Below);
            string from = double.IsNaN(Above) ? Text(AtLeast) : Text(Above), to = double.IsNaN(Below) ? Text(AtMost) : Text(Below);
            return (low, high) switch
            {
                (true, true) => $"in {(double.IsNaN(Above) ? '[' : '(')}{from}, {to}{(double.IsNaN(Below) ? ']' : ')')}",
                (true, false) => $"{(double.IsNaN(Above) ? '≥' : '>')} {from}",
                (false, true) => $"{(double.IsNaN(Below) ? '≤' : '<')} {to}",
                _ => "a number",
            };

            static string Text(double x) => x.ToString(CultureInfo.InvariantCulture);
        }
    }
}
