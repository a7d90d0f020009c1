using System.Numerics;

namespace OptimSharp.Rules;

/// <summary>
/// The numbers that a rule computes with: one, a register of them, or a whole tensor on another device. A rule written over a lane is
/// the algorithm; how many elements go at once is the engine's business.
/// </summary>
/// <remarks>
/// Only operations that IEEE 754 rounds in one way are here: no fused multiply-add, no estimates of reciprocals, no exponentials. So every lane gives
/// the same bits. Powers of a step's number are coefficients: <see cref="ParameterStep{T}.Power"/>.
/// </remarks>
/// <typeparam name="TSelf">The lane.</typeparam>
/// <typeparam name="T">The type of its numbers: float or double.</typeparam>
public interface ILane<TSelf, T> :
    IAdditionOperators<TSelf, TSelf, TSelf>,
    ISubtractionOperators<TSelf, TSelf, TSelf>,
    IMultiplyOperators<TSelf, TSelf, TSelf>,
    IDivisionOperators<TSelf, TSelf, TSelf>,
    IUnaryNegationOperators<TSelf, TSelf>
    where TSelf : struct, ILane<TSelf, T>
{
    /// <summary>The same value in every element: a coefficient.</summary>
    static abstract TSelf Of(T value);

    /// <summary>√x, correctly rounded; NaN below zero.</summary>
    static abstract TSelf Sqrt(TSelf x);

    /// <summary>|x|.</summary>
    static abstract TSelf Abs(TSelf x);

    /// <summary>The larger of the two; NaN when either is NaN; of zeros with two signs +0 in host memory, either one in libtorch's tensors.</summary>
    static abstract TSelf Max(TSelf x, TSelf y);

    /// <summary>The smaller of the two; NaN when either is NaN; of zeros with two signs −0 in host memory, either one in libtorch's tensors.</summary>
    static abstract TSelf Min(TSelf x, TSelf y);

    /// <summary><paramref name="then"/> where <paramref name="x"/> &gt; <paramref name="y"/>, else <paramref name="otherwise"/> (also where one is NaN). Both are computed.</summary>
    static abstract TSelf IfGreater(TSelf x, TSelf y, TSelf then, TSelf otherwise);

    /// <summary><paramref name="then"/> where <paramref name="x"/> &gt; 0, else <paramref name="otherwise"/> (also where it is NaN). Both are computed.</summary>
    static abstract TSelf IfPositive(TSelf x, TSelf then, TSelf otherwise);

    /// <summary>1 where x &gt; 0, −1 where x &lt; 0, else 0: of ±0, and of NaN as PyTorch's <c>sign</c>.</summary>
    static abstract TSelf Sign(TSelf x);
}
