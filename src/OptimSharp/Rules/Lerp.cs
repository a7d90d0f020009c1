using System.Numerics;
using System.Runtime.CompilerServices;

namespace OptimSharp.Rules;

/// <summary>
/// A weighted mean of two numbers, x + w(y − x). For w ≥ ½ it is taken from the other end, y − (1 − w)(y − x), as PyTorch does: so that
/// w = 1 gives y exactly, however large x was.
/// </summary>
/// <typeparam name="T">The type computed in.</typeparam>
/// <param name="weight">The weight w, in [0, 1].</param>
public readonly struct Lerp<T>(double weight)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly bool nearer = weight >= 0.5;
    readonly T w = T.CreateChecked(weight >= 0.5 ? weight - 1 : weight);

    /// <summary>x + w(y − x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public L Between<L>(L x, L y) where L : struct, ILane<L, T> => (nearer ? y : x) + L.Of(w) * (y - x);
}
