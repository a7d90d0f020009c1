using System.Numerics;
using System.Runtime.CompilerServices;

namespace OptimSharp.Rules;

/// <summary>
/// A rule whose step is taken only where it goes down the gradient, and is made larger there for what is left out elsewhere: step ← step · m / max(mean(m), 0.001),
/// where m is 1 if step · g &gt; 0, else 0. Decay that is not in the step stays.
/// </summary>
/// <remarks>
/// Liang et al., "Cautious optimizers: improving training with one line of code", 2024. For rules with a momentum that leave their step in
/// <see cref="Cell{L}.Step"/>; given with <see cref="ParameterStep{T}.ApplyMeasured"/> and the states of the rule itself.
/// </remarks>
/// <typeparam name="TRule">The rule.</typeparam>
/// <typeparam name="T">The type computed in.</typeparam>
/// <param name="rule">The rule.</param>
/// <param name="maximize">Whether the rule goes up the gradient.</param>
public struct Cautious<TRule, T>(TRule rule, bool maximize = false) : IMeasuringRule<T>
    where TRule : struct, IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly TRule rule = Wrapped<TRule, T>.Plain(rule);
    readonly T down = T.CreateChecked(maximize ? -1 : 1);
    T scale = T.One;

    /// <inheritdoc/>
    public static int Slots => TRule.Slots;

    /// <inheritdoc/>
    public static int Sums => 1;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Measure<L>(ref Cell<L> x, ref CellSums<L> sums) where L : struct, ILane<L, T>
    {
        var g = L.Sign(x.Grad);
        rule.Update(ref x);
        sums.Sum0 = L.IfPositive(L.Of(down) * L.Sign(x.Step) * g, L.Of(T.One), L.Of(T.Zero)); // m
    }

    /// <inheritdoc/>
    public void Take(in MeasuredSums sums) => scale = T.CreateChecked(sums.Count / Math.Max(sums[0], sums.Count * 0.001));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = L.Sign(x.Grad);
        rule.Update(ref x);
        x.Step *= L.IfPositive(L.Of(down) * L.Sign(x.Step) * g, L.Of(scale), L.Of(T.Zero)); // step ← step · m / max(mean(m), 0.001); what is no number stays
    }
}
