using System.Numerics;
using OptimSharp.Engine;

namespace OptimSharp.Rules;

/// <summary>
/// The numbers a rule computes with: one (<see cref="ScalarLane{T, TRounds}"/>), a SIMD register of them
/// (<see cref="WideLane{T, TRounds}"/>), or a whole tensor on another device. A rule written over a lane is
/// the algorithm; how many elements go at once is the engine's business.
/// </summary>
/// <remarks>
/// Only operations that IEEE 754 rounds in one way are here (no fused multiply-add, no reciprocal
/// estimates), so that every lane gives the same bits.
/// </remarks>
internal interface ILane<TSelf, T> :
    IAdditionOperators<TSelf, TSelf, TSelf>,
    ISubtractionOperators<TSelf, TSelf, TSelf>,
    IMultiplyOperators<TSelf, TSelf, TSelf>,
    IDivisionOperators<TSelf, TSelf, TSelf>
    where TSelf : struct, ILane<TSelf, T>
{
    /// <summary>The same value in every element.</summary>
    static abstract TSelf Of(T value);

    static abstract TSelf Sqrt(TSelf x);

    static abstract TSelf Abs(TSelf x);

    /// <summary>The larger of the two; NaN when either is NaN.</summary>
    static abstract TSelf Max(TSelf x, TSelf y);

    /// <summary>The smaller of the two; NaN when either is NaN.</summary>
    static abstract TSelf Min(TSelf x, TSelf y);

    /// <summary><paramref name="then"/> where <paramref name="x"/> &gt; 0, else <paramref name="otherwise"/> (also for NaN).</summary>
    static abstract TSelf IfPositive(TSelf x, TSelf then, TSelf otherwise);
}
