using System.Globalization;

namespace OptimSharp;

/// <summary>What loading a state dict did with each thing that either side has.</summary>
public sealed class LoadReport
{
    internal LoadReport(IEnumerable<LoadedEntry> entries) => Entries = [.. entries];

    /// <summary>What became of each: those of the optimizer, module or average in its order, then those that only the state dict has.</summary>
    public IReadOnlyList<LoadedEntry> Entries { get; }

    /// <summary>The names of what was loaded.</summary>
    public IEnumerable<string> Loaded => Entries.Where(e => e.Outcome == LoadOutcome.Loaded).Select(e => e.Name);

    /// <summary>The names of what the state dict lacks, or has in a shape that does not fit: started fresh, or kept.</summary>
    public IEnumerable<string> Missing => Entries.Where(e => e.Outcome is LoadOutcome.Fresh or LoadOutcome.Kept).Select(e => e.Name);

    /// <summary>The names of what only the state dict has.</summary>
    public IEnumerable<string> Unexpected => Entries.Where(e => e.Outcome == LoadOutcome.Dropped).Select(e => e.Name);

    /// <summary>Whether all was loaded: nothing is missing, and nothing was left out.</summary>
    public bool IsComplete => Entries.All(e => e.Outcome == LoadOutcome.Loaded);

    /// <summary>How many of each there are, then a line for each.</summary>
    public override string ToString() => string.Join('\n', Entries.Select(e => $"  {e}").Prepend(
        string.Create(CultureInfo.InvariantCulture, $"{Loaded.Count()} loaded, {Missing.Count()} missing, {Unexpected.Count()} unexpected")));
}

/// <summary>What loading did with one thing.</summary>
/// <param name="Name">Its name; the position of a parameter that has none; the path of an option.</param>
/// <param name="Outcome">What became of it.</param>
/// <param name="From">Its name in the state dict, if it is there.</param>
/// <param name="Group">The optimizer's group that it is in; null outside optimizers, and for what only the state dict has.</param>
/// <param name="FromGroup">The state dict's group that it comes from, if any.</param>
/// <param name="Reason">Why it was not loaded, where it is on both sides.</param>
public sealed record LoadedEntry(string Name, LoadOutcome Outcome, string? From = null, int? Group = null, int? FromGroup = null, string? Reason = null)
{
    /// <summary>In words: <c>loaded 'head.weight' of group 1 from 'head.weight' of group 0</c>.</summary>
    public override string ToString()
    {
        return $"{Outcome.ToString().ToLowerInvariant()} '{Name}'{In(Group)}{(Outcome == LoadOutcome.Loaded && (From != Name || FromGroup != Group) ? $" from '{From}'{In(FromGroup)}" : "")}{(Reason is null ? "" : $": {Reason}")}";

        static string In(int? group) => group is { } number ? string.Create(CultureInfo.InvariantCulture, $" of group {number}") : "";
    }
}

/// <summary>What became of one thing when a state dict was loaded.</summary>
public enum LoadOutcome
{
    /// <summary>It was loaded.</summary>
    Loaded,

    /// <summary>It was not in the state dict, or did not fit: it has no state, as before its first step.</summary>
    Fresh,

    /// <summary>It was not in the state dict, or did not fit: it stays as it was.</summary>
    Kept,

    /// <summary>Only the state dict has it: it was left out.</summary>
    Dropped,
}
