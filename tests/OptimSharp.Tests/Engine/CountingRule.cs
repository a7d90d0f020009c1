using System.Numerics;
using OptimSharp.Rules;

namespace OptimSharp.Tests.Engine;

/// <summary>A rule that shows what was stepped, and how often: θ ← θ + g, half of it as a step; sₖ ← sₖ + 2ᵏ.</summary>
readonly struct CountingRule<T, TSlots> : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where TSlots : ISlots
{
    public static int Slots => TSlots.Count;

    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var half = x.Grad * L.Of(T.CreateChecked(0.5));
        (x.Param, x.Step) = (x.Param + half, -half);
        if (TSlots.Count > 0) x.S0 += L.Of(T.One);
        if (TSlots.Count > 1) x.S1 += L.Of(T.CreateChecked(2));
        if (TSlots.Count > 2) x.S2 += L.Of(T.CreateChecked(4));
        if (TSlots.Count > 3) x.S3 += L.Of(T.CreateChecked(8));
        if (TSlots.Count > 4) x.S4 += L.Of(T.CreateChecked(16));
        if (TSlots.Count > 5) x.S5 += L.Of(T.CreateChecked(32));
    }
}

interface ISlots
{
    static abstract int Count { get; }
}

readonly struct Slots0 : ISlots
{
    static int ISlots.Count => 0;
}

readonly struct Slots1 : ISlots
{
    static int ISlots.Count => 1;
}

readonly struct Slots2 : ISlots
{
    static int ISlots.Count => 2;
}

readonly struct Slots3 : ISlots
{
    static int ISlots.Count => 3;
}

readonly struct Slots4 : ISlots
{
    static int ISlots.Count => 4;
}

readonly struct Slots5 : ISlots
{
    static int ISlots.Count => 5;
}

readonly struct Slots6 : ISlots
{
    static int ISlots.Count => 6;
}
