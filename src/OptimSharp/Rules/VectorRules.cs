using System.Numerics;
using System.Runtime.CompilerServices;

namespace OptimSharp.Rules;

/// <summary>x ← x + w(y − x).</summary>
readonly struct LerpRule<T>(double weight) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly Lerp<T> average = new(weight);

    public static int Slots => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> => x.Param = average.Between(x.Param, x.Grad);
}

/// <summary>x ← keep·x − step·y.</summary>
readonly struct ShrinkAndStepRule<T>(double keep, double step, Rounding<T> rounding) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T keep = T.CreateChecked(keep);
    readonly T step = T.CreateChecked(step);
    readonly Rounding<T> rounding = rounding;

    public static int Slots => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> => x.Param = rounding.Of(x.Param * L.Of(keep)) - L.Of(step) * x.Grad;
}

/// <summary>x ← x + a·y.</summary>
readonly struct AddScaledRule<T>(double a) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T a = T.CreateChecked(a);

    public static int Slots => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> => x.Param += L.Of(a) * x.Grad;
}

/// <summary>x ← a·y.</summary>
readonly struct ScaleRule<T>(double a) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T a = T.CreateChecked(a);

    public static int Slots => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> => x.Param = L.Of(a) * x.Grad;
}
