using System.Numerics;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>The recordings of a rule: one for each way in which it can go through its <c>if</c>s, made when it first goes there.</summary>
internal static class RecordedRule<TRule, T>
    where TRule : struct, IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    static readonly KnownRecordings Known = new();

    /// <summary>What a rule computes in this step, and with which coefficients.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="coefficients">They, until this thread fetches others.</param>
    /// <remarks>
    /// Whether it is still one of those that are known is found at each fetch, by the number of coefficients and by all that is done with them. So a rule that
    /// does something else with other coefficients has another recording for them, and never another's.
    /// </remarks>
    /// <exception cref="InvalidOperationException">The rule looks at more than its fields and its cell: what it does is another thing each time, so nothing can be recorded.</exception>
    public static Recording Fetch(in TRule rule, out ReadOnlySpan<T> coefficients)
    {
        ulong fingerprint = Coefficients<T>.Fetch(rule, out coefficients);
        return Known.Find(fingerprint) ?? Known.Add(Recorder.Record<TRule, T>(rule), Recorder.Record<TRule, T>(rule), fingerprint, typeof(TRule));
    }
}

/// <summary>The recordings of what a rule measures, in the same way.</summary>
internal static class RecordedMeasure<TRule, T>
    where TRule : struct, IMeasuringRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    static readonly KnownRecordings Known = new();

    /// <summary>What a rule sums up in this step, and with which coefficients.</summary>
    /// <inheritdoc cref="RecordedRule{TRule, T}.Fetch"/>
    public static Recording Fetch(in TRule rule, out ReadOnlySpan<T> coefficients)
    {
        ulong fingerprint = Coefficients<T>.FetchMeasure(rule, out coefficients);
        return Known.Find(fingerprint) ?? Known.Add(Recorder.RecordMeasure<TRule, T>(rule), Recorder.RecordMeasure<TRule, T>(rule), fingerprint, typeof(TRule));
    }
}

/// <summary>A few recordings, to be found by their fingerprints. For several threads.</summary>
sealed class KnownRecordings
{
    readonly Lock gate = new();
    Recording[] known = [];

    public Recording? Find(ulong fingerprint)
    {
        foreach (var recording in Volatile.Read(ref known))
        {
            if (recording.Fingerprint == fingerprint)
                return recording;
        }
        return null;
    }

    /// <param name="made">What the rule did while it was recorded.</param>
    /// <param name="again">What it did while it was recorded once more: one that looks at more than it may often shows it only then.</param>
    /// <param name="fingerprint">What it did while its coefficients were fetched.</param>
    /// <param name="rule">The rule.</param>
    public Recording Add(Recording made, Recording again, ulong fingerprint, Type rule)
    {
        if (made.Fingerprint != fingerprint || again.Fingerprint != fingerprint)
            throw new InvalidOperationException($"{rule.Name} computes something else each time that it is run: it looks at more than its fields and its cell.");
        lock (gate)
        {
            if (Array.Find(known, made.Equals) is { } there) // another thread was faster
                return there;
            Volatile.Write(ref known, [.. known, made]);
            return made;
        }
    }
}
