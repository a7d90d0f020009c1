using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

// The elementwise parts of Shampoo.

/// <summary>G, with the sign that goes down, or G + λθ.</summary>
readonly struct ShampooGradientRule<T>(ShampooOptions o) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T decay = T.CreateChecked(o.WeightDecayType == ShampooWeightDecay.L2 ? o.WeightDecay : 0);
    readonly bool decays = o.WeightDecayType == ShampooWeightDecay.L2 && o.WeightDecay != 0;

    public static int Slots => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        x.Param = x.Grad * L.Of(sign);
        if (decays)
            x.Param += L.Of(decay) * x.S0;
    }
}

/// <summary>V ← βV + (1 − β)G·H; with β = 1 a sum.</summary>
readonly struct AccumulateRule<T>(double beta) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T keep = T.CreateChecked(beta), weight = T.CreateChecked(beta == 1 ? 1 : 1 - beta);

    public static int Slots => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> => x.Param = L.Of(keep) * x.Param + L.Of(weight) * (x.Grad * x.S0);
}

/// <summary>L ← βL + (1 − β)GGᵀ; with β = 1 a sum.</summary>
readonly struct AccumulateOuterRule<T>(double beta) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T keep = T.CreateChecked(beta), weight = T.CreateChecked(beta == 1 ? 1 : 1 - beta);

    public static int Slots => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> => x.Param = L.Of(keep) * x.Param + L.Of(weight) * x.Grad;
}

/// <summary>F = (β₃M + (1 − β₃)G)/correction;  M ← β₁M + (1 − β₁)G. With β₃ = β₁, F is M/correction.</summary>
readonly struct ShampooFilterRule<T>(double beta1, double beta3, double correction) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly Lerp<T> average = new(1 - beta1), look = new(1 - beta3);
    readonly T scale = T.CreateChecked(1 / correction);

    public static int Slots => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        x.Param = L.Of(scale) * look.Between(x.S0, x.Grad);
        x.S0 = average.Between(x.S0, x.Grad);
    }
}

/// <summary>D = F/(√(V/correction) + ε).</summary>
readonly struct ShampooGraftRule<T>(double correction, double epsilon) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T scale = T.CreateChecked(1 / Math.Sqrt(correction)), eps = T.CreateChecked(epsilon);

    public static int Slots => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> => x.Param = x.Grad / (L.Of(scale) * L.Sqrt(x.S0) + L.Of(eps));
}

/// <summary>P = U + αθ;  B ← μB + (1 − τ)P;  U ← B, or (1 − τ)P + μB.</summary>
readonly struct ShampooMomentumRule<T>(ShampooOptions o, double decay) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T decay = T.CreateChecked(decay), momentum = T.CreateChecked(o.Momentum), weight = T.CreateChecked(1 - o.Dampening);
    readonly bool nesterov = o.Nesterov;

    public static int Slots => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var p = L.Of(weight) * (x.Param + L.Of(decay) * x.Grad);
        x.S0 = L.Of(momentum) * x.S0 + p;
        x.Param = nesterov ? p + L.Of(momentum) * x.S0 : x.S0;
    }
}

/// <summary>θ ← θ − η(U + αθ).</summary>
readonly struct ShampooStepRule<T>(double learningRate, double decay) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T lr = T.CreateChecked(learningRate), decay = T.CreateChecked(decay);

    public static int Slots => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> => x.Param -= L.Of(lr) * (x.Grad + L.Of(decay) * x.Param);
}
