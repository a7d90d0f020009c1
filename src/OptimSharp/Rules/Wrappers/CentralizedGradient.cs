using System.Numerics;
using System.Runtime.CompilerServices;

namespace OptimSharp.Rules;

/// <summary>A rule whose gradient has a mean of zero over each row: the mean of what one index of the first dimension has (an output's weights, a filter) is taken off.</summary>
/// <remarks>
/// Yong et al., "Gradient centralization: a new optimization technique for deep neural networks", 2020. With <see cref="ParameterStep{T}.ApplyByRow"/> and the states of the rule itself, for parameters of two and more
/// dimensions, which are real: in a bias each element is a row, and nothing would be left. The mean is of the gradient as it comes, before the rule adds decay to it.
/// </remarks>
/// <typeparam name="TRule">The rule.</typeparam>
/// <typeparam name="T">The type computed in.</typeparam>
/// <param name="rule">The rule.</param>
public struct CentralizedGradient<TRule, T>(TRule rule) : IMeasuringRule<T>
    where TRule : struct, IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly TRule rule = Wrapped<TRule, T>.Plain(rule);
    T mean = T.Zero;

    /// <inheritdoc/>
    public static int Slots => TRule.Slots;

    /// <inheritdoc/>
    public static int Sums => 1;

    /// <inheritdoc/>
    public static int MeasuredSlots => 0;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Measure<L>(ref Cell<L> x, ref CellSums<L> sums) where L : struct, ILane<L, T> => sums.Sum0 = x.Grad;

    /// <inheritdoc/>
    public void Take(in MeasuredSums sums) => mean = T.CreateChecked(sums[0] / sums.Count);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        x.Grad -= L.Of(mean);
        rule.Update(ref x);
    }
}
