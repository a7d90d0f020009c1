using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Engine;

namespace OptimSharp.Rules;

/// <summary>
/// Rounds a number in the middle of a step to the precision it is stored with. PyTorch writes a half parameter after its weight
/// decay and again after its update, and a gradient after the decay is added; a few steps show it, and where gradient and decay
/// cancel, the first. We do so where state is kept as PyTorch keeps it
/// (<see cref="StatePrecision.Parameter"/>). Otherwise, and for other types, this changes nothing.
/// </summary>
/// <remarks>
/// Veltkamp's splitting, which needs no more than + − ×: with c = (2ˢ + 1)x, c − (c − x) is x without its s lowest bits,
/// rounded to nearest. Float16 has fewer bits below 2⁻¹⁴, where its numbers are multiples of 2⁻²⁴; second moments are soon there. These are
/// the last bits of a float near ¾, so adding it and taking it away again rounds to them.
/// </remarks>
/// <typeparam name="T">The type computed in.</typeparam>
/// <param name="storage">The type that the numbers are stored in.</param>
public readonly struct Rounding<T>(ElementType storage)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly bool rounds = storage is ElementType.BFloat16 or ElementType.Float16;
    readonly T splitter = T.CreateChecked(storage == ElementType.BFloat16 ? (1 << 16) + 1 : (1 << 13) + 1);
    readonly T subnormal = T.CreateChecked(storage == ElementType.Float16 ? 1.0 / (1 << 14) : 0), anchor = T.CreateChecked(0.75);
    readonly T limit = T.CreateChecked(1e33); // beyond it c would overflow: infinities, above all

    /// <summary>Whether anything is changed at all: known when the rule is compiled, where it is not.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsDone<L>() where L : struct, ILane<L, T> => typeof(L) != typeof(WideLane<T, Off>) && typeof(L) != typeof(ScalarLane<T, Off>) && typeof(L) != typeof(Lane512<T, Off>) && rounds;

    /// <summary>The number as it is stored. A rule whose numbers are stored as they are computed has them unchanged, at no cost.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public L Of<L>(L x) where L : struct, ILane<L, T>
    {
        // IsDone, spelled out: types are compared while the compiler reads a method, and what then can't be reached is not even read.
        if (typeof(L) == typeof(WideLane<T, Off>) || typeof(L) == typeof(ScalarLane<T, Off>) || typeof(L) == typeof(Lane512<T, Off>) || !rounds)
            return x;
        var c = L.Of(splitter) * x;
        var split = L.IfPositive(L.Of(limit) - L.Abs(x), c - (c - x), x);
        return L.IfPositive(L.Of(subnormal) - L.Abs(x), x + L.Of(anchor) - L.Of(anchor), split);
    }
}
