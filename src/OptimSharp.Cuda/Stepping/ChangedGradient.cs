using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp.Cuda;

/// <summary>A gradient after a change: what <see cref="GradientChange"/> does on the host, and so rounded to the type that it is stored in after each part.</summary>
/// <param name="change">The change.</param>
/// <param name="alwaysClips">Whether the factor of clipping is there also where it is 1.</param>
readonly struct ChangedGradient<T>(GradientChange change, bool alwaysClips = false)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly bool unscales = change.Unscale != 1, averages = change.Mean != 1, clips = alwaysClips || change.Clip != 1, limits = !double.IsPositiveInfinity(change.Limit);
    readonly T unscale = T.CreateChecked(change.Unscale), mean = T.CreateChecked(change.Mean), clip = T.CreateChecked(change.Clip), limit = T.CreateTruncating(change.Limit);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public L Of<L>(L g) where L : struct, ILane<L, T>
    {
        if (unscales)
            g = Stored.AsGrad<L, T>(L.Of(unscale) * g);
        if (averages)
            g = Stored.AsGrad<L, T>(L.Of(mean) * g);
        if (clips)
            g = Stored.AsGrad<L, T>(L.Of(clip) * g);
        return limits ? Stored.AsGrad<L, T>(L.Min(L.Max(g, L.Of(-limit)), L.Of(limit))) : g;
    }
}

/// <summary>Changes a gradient, in the parameter's place, or measures it as it is after a change.</summary>
readonly struct GradientChangeRule<T>(GradientChange change) : IMeasuringRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly ChangedGradient<T> changed = new(change);

    public static int Slots => 0;

    public static int Sums => 1;

    public void Take(in MeasuredSums sums)
    {
    }

    public void Measure<L>(ref Cell<L> x, ref CellSums<L> sums) where L : struct, ILane<L, T> => sums.Sum0 = changed.Of(x.Param);

    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> => x.Param = changed.Of(x.Param);
}
