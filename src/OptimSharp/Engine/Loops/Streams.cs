using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>Where the numbers of a rule begin: the parameter's, the gradient's, each state's. States beyond the rule's are not looked at.</summary>
unsafe struct Streams
{
    public byte* Param, Grad, S0, S1, S2, S3, S4, S5;

    /// <summary>The same some bytes further on, where all are of one type. States that there are not stay something that is not looked at.</summary>
    public readonly Streams Behind(nint bytes)
    {
        var there = this;
        there.Param += bytes;
        there.Grad += bytes;
        there.S0 += bytes;
        there.S1 += bytes;
        there.S2 += bytes;
        there.S3 += bytes;
        there.S4 += bytes;
        there.S5 += bytes;
        return there;
    }

    /// <summary>The same, some elements further on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Streams Behind<TRule, T>(in Work work, nint count)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        nint states = count * work.StateType.Size();
        Unsafe.SkipInit(out Streams there);
        there.Param = Param + count * work.ParamType.Size();
        there.Grad = Grad + count * work.GradType.Size();
        if (TRule.Slots > 0) there.S0 = S0 + states;
        if (TRule.Slots > 1) there.S1 = S1 + states;
        if (TRule.Slots > 2) there.S2 = S2 + states;
        if (TRule.Slots > 3) there.S3 = S3 + states;
        if (TRule.Slots > 4) there.S4 = S4 + states;
        if (TRule.Slots > 5) there.S5 = S5 + states;
        return there;
    }
}
