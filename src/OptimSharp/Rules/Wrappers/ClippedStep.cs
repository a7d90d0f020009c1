using System.Numerics;
using System.Runtime.CompilerServices;

namespace OptimSharp.Rules;

/// <summary>A rule whose step is made smaller where its root mean square over the tensor exceeds a limit d: step ← step / max(1, rms(step)/d).</summary>
/// <remarks>
/// Shazeer and Stern, "Adafactor: adaptive learning rates with sublinear memory cost", 2018, section 6. For rules that leave their step in <see cref="Cell{L}.Step"/>, rate included: the limit is of
/// that size, so give η·d. With <see cref="ParameterStep{T}.ApplyMeasured"/> and the states of the rule itself.
/// </remarks>
/// <typeparam name="TRule">The rule.</typeparam>
/// <typeparam name="T">The type computed in.</typeparam>
/// <param name="rule">The rule.</param>
/// <param name="limit">The largest root mean square of the step, &gt; 0.</param>
public struct ClippedStep<TRule, T>(TRule rule, double limit) : IMeasuringRule<T>
    where TRule : struct, IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly TRule rule = Wrapped<TRule, T>.Plain(rule);
    readonly T limit = T.CreateChecked(limit);
    T scale = T.One;

    /// <inheritdoc/>
    public static int Slots => TRule.Slots;

    /// <inheritdoc/>
    public static int Sums => 1;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Measure<L>(ref Cell<L> x, ref CellSums<L> sums) where L : struct, ILane<L, T>
    {
        rule.Update(ref x);
        var relative = x.Step / L.Of(limit); // of the size of 1, so that its square can be a float
        sums.Sum0 = relative * relative;
    }

    /// <inheritdoc/>
    public void Take(in MeasuredSums sums)
    {
        double ratio = Math.Sqrt(sums[0] / sums.Count);
        scale = T.CreateChecked(ratio > 1 ? 1 / ratio : 1);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        rule.Update(ref x);
        x.Step *= L.Of(scale);
    }
}
