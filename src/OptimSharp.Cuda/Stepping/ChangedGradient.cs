using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp.Cuda;

/// <summary>A gradient, in the parameter's place, after a change: what <see cref="GradientChange"/> does on the host.</summary>
/// <remarks>For half types it may hold one factor or one limit only: between several, numbers are rounded by storing them.</remarks>
readonly struct ChangedGradient<T>(GradientChange change) : IMeasuringRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly bool unscales = change.Unscale != 1, averages = change.Mean != 1, clips = change.Clip != 1, limits = !double.IsPositiveInfinity(change.Limit);
    readonly T unscale = T.CreateChecked(change.Unscale), mean = T.CreateChecked(change.Mean), clip = T.CreateChecked(change.Clip), limit = T.CreateTruncating(change.Limit);

    public static int Slots => 0;

    public static int Sums => 1;

    public void Take(in MeasuredSums sums)
    {
    }

    public void Measure<L>(ref Cell<L> x, ref CellSums<L> sums) where L : struct, ILane<L, T> => sums.Sum0 = Of(x.Param);

    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> => x.Param = Of(x.Param);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    L Of<L>(L g) where L : struct, ILane<L, T>
    {
        if (unscales)
            g = L.Of(unscale) * g;
        if (averages)
            g = L.Of(mean) * g;
        if (clips)
            g = L.Of(clip) * g;
        return limits ? L.Min(L.Max(g, L.Of(-limit)), L.Of(limit)) : g;
    }

    /// <summary>A change as several ones, each of which may be done by itself: one at a time for half types.</summary>
    public static GradientChange[] Parts(in GradientChange change, ElementType type)
    {
        if (type is not (ElementType.Float16 or ElementType.BFloat16))
            return [change];
        GradientChange[] each = [new() { Unscale = change.Unscale }, new() { Mean = change.Mean }, new() { Clip = change.Clip }, new() { Limit = change.Limit }];
        return [.. each.Where(part => !part.IsNone)];
    }
}
