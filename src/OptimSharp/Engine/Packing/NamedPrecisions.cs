using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>The precisions of a parameter's states.</summary>
/// <param name="All">Of those that are not named.</param>
/// <param name="ByName">Of those that are.</param>
internal readonly record struct NamedPrecisions(StatePrecision All, StatePrecisions ByName)
{
    public static NamedPrecisions Compute { get; } = new(StatePrecision.Compute, StatePrecisions.None);

    public StatePrecision Of(string name) => ByName.Find(name) ?? All;

    /// <summary>Why states can't have the precisions that their names are given, whatever parameters there are; null when they can.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="parameters">Its parameters: each has states that some have.</param>
    public string? WrongNames(Optimizer optimizer, IEnumerable<Parameter> parameters)
    {
        StateEntry[] known = optimizer.NeedsClosure ? [] : [.. parameters.SelectMany(optimizer.EntriesOf).Where(entry => entry.Kind == StateKind.Tensor).DistinctBy(entry => entry.Key)];
        foreach (var (name, precision) in ByName)
        {
            if (Array.Find(known, entry => entry.Key == name) is not { } entry)
                return $"{optimizer.GetType().Name} has no state '{name}' whose precision can be chosen; it has: {(known.Length > 0 ? string.Join(", ", known.Select(e => e.Key)) : "none")}.";
            if (entry.Range == StateRange.Exact && precision > StatePrecision.Parameter)
                return $"The precision of {optimizer.GetType().Name}'s state '{name}' must be {nameof(StatePrecision.Compute)} or {nameof(StatePrecision.Parameter)}, because its last bits count, but is {precision}.";
            if (precision.IsInBlocks() && entry.Shape is not (StateShape.Parameter or StateShape.Flat))
                return $"The precision of {optimizer.GetType().Name}'s state '{name}' can't be {precision}: it has a number for many of the parameter's, and is not kept in blocks.";
        }
        return null;
    }

    /// <summary>Why a parameter's states can't be kept so where it is; null when they can.</summary>
    public string? Refusal(Optimizer optimizer, Parameter parameter)
    {
        if ((BlockFormats.Refusal(parameter, All) ?? (ByName.Count == 0 ? BlockFormats.RefusalOfPlace(parameter, All) : null)) is { } refusal)
            return refusal;
        if (ByName.Count == 0 || optimizer.NeedsClosure) // which has no names
            return null;
        foreach (var entry in optimizer.EntriesOf(parameter).Where(entry => entry.Kind == StateKind.Tensor))
        {
            if ((BlockFormats.Refusal(parameter, Of(entry.Key)) ?? BlockFormats.RefusalOfPlace(parameter, Of(entry.Key))) is { } named)
                return named;
        }
        return null;
    }
}
