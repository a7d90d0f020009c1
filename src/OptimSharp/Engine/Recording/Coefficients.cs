using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>
/// The numbers that a rule gives to <c>L.Of</c>, in the order in which it gives them: the row that a kernel has for a parameter in a step. Equal ones
/// have a place each, for at another step they may differ.
/// </summary>
/// <typeparam name="T">The type computed in.</typeparam>
internal static class Coefficients<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    // What a thread fetched last.
    [ThreadStatic]
    static T[]? values;

    [ThreadStatic]
    static int count;

    /// <summary>Runs a rule for its coefficients.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="row">They, until this thread fetches others.</param>
    /// <returns>The <see cref="Recording.Fingerprint"/> of what it would compute with them.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // the rule is inlined whole, as in the loops of kernels
    public static ulong Fetch<TRule>(in TRule rule, out ReadOnlySpan<T> row) where TRule : struct, IUpdateRule<T>
    {
        var x = Begin(TRule.Slots);
        var copy = rule;
        copy.Update(ref x);
        row = values.AsSpan(0, count);
        ReadOnlySpan<ulong> states = [x.S0.Fingerprint, x.S1.Fingerprint, x.S2.Fingerprint, x.S3.Fingerprint, x.S4.Fingerprint, x.S5.Fingerprint];
        return Fingerprint.Of((x.Step.Fingerprint == 0 ? x.Param : x.Param - x.Step).Fingerprint, states[..TRule.Slots], count, rule is IGradientRule ? x.Grad.Fingerprint : null);
    }

    /// <summary>Runs what a rule measures for its coefficients.</summary>
    /// <inheritdoc cref="Fetch{TRule}(in TRule, out ReadOnlySpan{T})"/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static ulong FetchMeasure<TRule>(in TRule rule, out ReadOnlySpan<T> row) where TRule : struct, IMeasuringRule<T>
    {
        var x = Begin(Math.Min(TRule.MeasuredSlots, TRule.Slots));
        CellSums<CoefficientLane<T>> sums = default;
        var copy = rule;
        copy.Measure(ref x, ref sums);
        row = values.AsSpan(0, count);
        ReadOnlySpan<ulong> all = [sums.Sum0.Fingerprint, sums.Sum1.Fingerprint, sums.Sum2.Fingerprint, sums.Sum3.Fingerprint];
        return Fingerprint.OfSums(all[..TRule.Sums], count, TRule.Slots);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Cell<CoefficientLane<T>> Begin(int slots)
    {
        values ??= new T[16];
        count = 0;
        Cell<CoefficientLane<T>> x = default;
        x.Param = Read(Operation.Param);
        x.Grad = Read(Operation.Grad);
        if (slots > 0) x.S0 = Read(Operation.State, 0);
        if (slots > 1) x.S1 = Read(Operation.State, 1);
        if (slots > 2) x.S2 = Read(Operation.State, 2);
        if (slots > 3) x.S3 = Read(Operation.State, 3);
        if (slots > 4) x.S4 = Read(Operation.State, 4);
        if (slots > 5) x.S5 = Read(Operation.State, 5);
        return x;
    }

    /// <summary>Takes the next coefficient of the rule that is running; returns its place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Add(T value)
    {
        int place = count++;
        T[] row = values!;
        if (place < row.Length)
            row[place] = value;
        else
            AddBeyond(place, value);
        return place;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static void AddBeyond(int place, T value)
    {
        Array.Resize(ref values, 2 * place);
        values[place] = value;
    }

    static CoefficientLane<T> Read(Operation operation, int slot = 0) => new(Fingerprint.Of(operation, (ulong)slot));
}
