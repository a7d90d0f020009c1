using System.Numerics;
using System.Runtime.CompilerServices;

namespace OptimSharp.Rules;

/// <summary>A rule, and a decay towards the weights that training began with: θ ← θ − a(θ − θ₀) − step.</summary>
/// <remarks>
/// Li, Grandvalet and Davoine, "Explicit inductive bias for transfer learning with convolutional networks", 2018 (L2-SP), decoupled as AdamW's decay is. For rules
/// that leave their step in <see cref="Cell{L}.Step"/>. Its state comes after those of the rule: a <see cref="StateEntry.CopyOfParameter"/>.
/// </remarks>
/// <typeparam name="TRule">The rule.</typeparam>
/// <typeparam name="T">The type computed in.</typeparam>
/// <param name="rule">The rule.</param>
/// <param name="strength">a, in [0, 1]: the rate times the decay.</param>
public readonly struct TowardsInitial<TRule, T>(TRule rule, double strength) : IUpdateRule<T>
    where TRule : struct, IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly TRule rule = Wrapped<TRule, T>.Plain(rule);
    readonly T strength = T.CreateChecked(strength);

    /// <inheritdoc/>
    public static int Slots => TRule.Slots + 1;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var towards = L.Of(strength) * (x.Param - x.State(TRule.Slots)); // a(θ − θ₀)
        rule.Update(ref x);
        x.Step += towards;
    }
}
