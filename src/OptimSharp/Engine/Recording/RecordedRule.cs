using System.Numerics;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>The recordings of a rule: one for each way in which it can go through its <c>if</c>s, made when it first goes there.</summary>
internal static class RecordedRule<TRule, T>
    where TRule : struct, IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    static readonly Lock Gate = new();
    static Recording[] known = [];

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
        foreach (var recording in Volatile.Read(ref known))
        {
            if (recording.Fingerprint == fingerprint)
                return recording;
        }
        var made = Recorder.Record<TRule, T>(rule);
        if (made.Fingerprint != fingerprint)
            throw new InvalidOperationException($"{typeof(TRule).Name} computes something else each time that it is run: it looks at more than its fields and its cell.");
        lock (Gate)
        {
            if (Array.Find(known, made.Equals) is { } there) // another thread was faster
                return there;
            Volatile.Write(ref known, [.. known, made]);
            return made;
        }
    }
}
