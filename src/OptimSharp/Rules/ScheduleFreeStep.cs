using System.Numerics;
using System.Runtime.CompilerServices;

namespace OptimSharp.Rules;

/// <summary>How a Schedule-Free optimizer moves: y ← (1 − c)y + cz − η(1 − β(1 − c))n;  z ← z − ηn, where n is the direction of its step.</summary>
/// <typeparam name="T">The type computed in.</typeparam>
/// <param name="rate">The rate η.</param>
/// <param name="interpolation">β: how far y is from z towards the average x.</param>
/// <param name="weight">c: the weight of z in the average (<see cref="ScheduleFreeOptimizer{TOptions}.Average"/>).</param>
/// <param name="rounding">The parameter's rounding.</param>
public readonly struct ScheduleFreeStep<T>(double rate, double interpolation, double weight, Rounding<T> rounding)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly Rounding<T> rounding = rounding;
    readonly Lerp<T> average = new(weight);
    readonly T ofY = T.CreateChecked(rate * (1 - interpolation * (1 - weight))), ofZ = T.CreateChecked(rate);

    /// <summary>Moves both points.</summary>
    /// <param name="x">The place: its parameter is y.</param>
    /// <param name="z">z.</param>
    /// <param name="n">The direction.</param>
    /// <returns>The new z.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public L Take<L>(ref Cell<L> x, L z, L n) where L : struct, ILane<L, T>
    {
        x.Param = rounding.Of(average.Between(x.Param, z)); // y ← (1 − c)y + cz
        x.Step = L.Of(ofY) * n;                             // y ← y − η(1 − β(1 − c))n
        return z - L.Of(ofZ) * n;                           // z ← z − ηn
    }
}
