using System.Numerics;
using System.Runtime.CompilerServices;

namespace OptimSharp.Rules;

/// <summary>A rule whose step goes down the gradient in every element, as far as the rule says: step ← sign(g)·|step|.</summary>
/// <remarks>
/// Cao et al., "Grams: gradient descent with adaptive momentum scaling", 2024. For rules with a momentum that leave their step in <see cref="Cell{L}.Step"/>; with the states of the rule itself. The authors' optimizer is this
/// over Adam with ε added before the bias correction.
/// </remarks>
/// <typeparam name="TRule">The rule.</typeparam>
/// <typeparam name="T">The type computed in.</typeparam>
/// <param name="rule">The rule.</param>
/// <param name="maximize">Whether the rule goes up the gradient.</param>
public readonly struct Grams<TRule, T>(TRule rule, bool maximize = false) : IUpdateRule<T>
    where TRule : struct, IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly TRule rule = Wrapped<TRule, T>.Plain(rule);
    readonly T down = T.CreateChecked(maximize ? -1 : 1);

    /// <inheritdoc/>
    public static int Slots => TRule.Slots;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = L.Of(down) * L.Sign(x.Grad);
        rule.Update(ref x);
        x.Step = g * L.Abs(x.Step); // step ← sign(g)·|step|
    }
}
