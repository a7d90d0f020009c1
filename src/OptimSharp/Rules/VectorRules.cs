using System.Numerics;
using System.Runtime.CompilerServices;

namespace OptimSharp.Rules;

/// <summary>x ← x + w(y − x), of <see cref="Cell{L}.Param"/> and <see cref="Cell{L}.Grad"/>.</summary>
/// <typeparam name="T">The type computed in.</typeparam>
/// <param name="weight">The weight w, in [0, 1].</param>
public readonly struct LerpRule<T>(double weight) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly Lerp<T> average = new(weight);

    /// <inheritdoc/>
    public static int Slots => 0;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> => x.Param = average.Between(x.Param, x.Grad);
}

/// <summary>x ← keep·x − step·y, of <see cref="Cell{L}.Param"/> and <see cref="Cell{L}.Grad"/>: decoupled decay, and a step.</summary>
/// <typeparam name="T">The type computed in.</typeparam>
/// <param name="keep">What x is multiplied by.</param>
/// <param name="step">What y is multiplied by.</param>
/// <param name="rounding">Rounds what PyTorch stores between the two.</param>
public readonly struct ShrinkAndStepRule<T>(double keep, double step, Rounding<T> rounding) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T keep = T.CreateChecked(keep);
    readonly T step = T.CreateChecked(step);
    readonly Rounding<T> rounding = rounding;

    /// <inheritdoc/>
    public static int Slots => 0;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> => x.Param = rounding.Of(x.Param * L.Of(keep)) - L.Of(step) * x.Grad;
}

/// <summary>x ← x + a·y, of <see cref="Cell{L}.Param"/> and <see cref="Cell{L}.Grad"/>.</summary>
/// <typeparam name="T">The type computed in.</typeparam>
/// <param name="a">a.</param>
public readonly struct AddScaledRule<T>(double a) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T a = T.CreateChecked(a);

    /// <inheritdoc/>
    public static int Slots => 0;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> => x.Param += L.Of(a) * x.Grad;
}

/// <summary>x ← a·y, of <see cref="Cell{L}.Param"/> and <see cref="Cell{L}.Grad"/>.</summary>
/// <typeparam name="T">The type computed in.</typeparam>
/// <param name="a">a.</param>
public readonly struct ScaleRule<T>(double a) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T a = T.CreateChecked(a);

    /// <inheritdoc/>
    public static int Slots => 0;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> => x.Param = L.Of(a) * x.Grad;
}
