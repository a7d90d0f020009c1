using System.Numerics;
using System.Runtime.CompilerServices;

namespace OptimSharp.Rules;

/// <summary>A measuring rule that is applied without its sums, with the coefficients that it was made with: for options with which it needs none. One pass over memory, then.</summary>
/// <typeparam name="TRule">The rule.</typeparam>
/// <typeparam name="T">The type computed in.</typeparam>
/// <param name="rule">The rule.</param>
public readonly struct WithoutSums<TRule, T>(TRule rule) : IUpdateRule<T>
    where TRule : struct, IMeasuringRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly TRule rule = rule;

    /// <inheritdoc/>
    public static int Slots => TRule.Slots;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> => rule.Update(ref x);
}
