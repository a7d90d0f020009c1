using System.Numerics;
using System.Runtime.CompilerServices;

namespace OptimSharp.Kernels;

/// <summary>Runs a rule over contiguous memory: wide lanes for the bulk, scalar ones for the tail.</summary>
/// <remarks>
/// Two registers at a time: the one's arithmetic fills the waits of the other's. Each loop is a method of its own, never inlined: a rule is some hundred small
/// methods that the compiler has to inline into the loop, and its budget for that is the whole method's; where it ends within the rule, a step takes two to six times as long.
/// </remarks>
internal static unsafe class ElementwiseKernel<TRule, T>
    where TRule : struct, IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Updates <paramref name="count"/> elements in place. Pointers of slots beyond the rule's are not read.</summary>
    /// <typeparam name="TRounds">Whether the rule may have to round in the middle (<see cref="Rounding{T}"/>): only where half types are stored.</typeparam>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run<TRounds>(in TRule rule, T* param, T* grad, T* s0, T* s1, T* s2, nint count, bool wide) where TRounds : struct, IFlag
    {
        nint done = wide && Vector.IsHardwareAccelerated ? Pairs<TRounds>(rule, param, grad, s0, s1, s2, count) : 0;
        if (done < count)
            Rest<TRounds>(rule, param + done, grad + done, s0 + done, s1 + done, s2 + done, count - done, wide);
    }

    /// <summary>As many elements as fill pairs of registers; returns how many.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    static nint Pairs<TRounds>(TRule rule, T* param, T* grad, T* s0, T* s1, T* s2, nint count) where TRounds : struct, IFlag
    {
        nint i = 0;
        for (nint last = count - 2 * Vector<T>.Count; i <= last; i += 2 * Vector<T>.Count)
        {
            nint j = i + Vector<T>.Count;
            Wide<TRounds>(ref rule, param + i, grad + i, s0 + i, s1 + i, s2 + i);
            Wide<TRounds>(ref rule, param + j, grad + j, s0 + j, s1 + j, s2 + j);
        }
        return i;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static void Rest<TRounds>(TRule rule, T* param, T* grad, T* s0, T* s1, T* s2, nint count, bool wide) where TRounds : struct, IFlag
    {
        nint i = 0;
        if (wide && Vector.IsHardwareAccelerated && count >= Vector<T>.Count)
        {
            Wide<TRounds>(ref rule, param, grad, s0, s1, s2);
            i = Vector<T>.Count;
        }
        for (; i < count; i++)
            Scalar<TRounds>(ref rule, param + i, grad + i, s0 + i, s1 + i, s2 + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Wide<TRounds>(ref TRule rule, T* param, T* grad, T* s0, T* s1, T* s2) where TRounds : struct, IFlag
    {
        Cell<WideLane<T, TRounds>> x;
        Unsafe.SkipInit(out x);
        x.Param.Value = Vector.Load(param);
        x.Grad.Value = Vector.Load(grad);
        if (TRule.Slots > 0) x.S0.Value = Vector.Load(s0);
        if (TRule.Slots > 1) x.S1.Value = Vector.Load(s1);
        if (TRule.Slots > 2) x.S2.Value = Vector.Load(s2);
        rule.Update(ref x);
        Vector.Store(x.Param.Value, param);
        if (TRule.Slots > 0) Vector.Store(x.S0.Value, s0);
        if (TRule.Slots > 1) Vector.Store(x.S1.Value, s1);
        if (TRule.Slots > 2) Vector.Store(x.S2.Value, s2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Scalar<TRounds>(ref TRule rule, T* param, T* grad, T* s0, T* s1, T* s2) where TRounds : struct, IFlag
    {
        Cell<ScalarLane<T, TRounds>> x;
        Unsafe.SkipInit(out x);
        x.Param.Value = *param;
        x.Grad.Value = *grad;
        if (TRule.Slots > 0) x.S0.Value = *s0;
        if (TRule.Slots > 1) x.S1.Value = *s1;
        if (TRule.Slots > 2) x.S2.Value = *s2;
        rule.Update(ref x);
        *param = x.Param.Value;
        if (TRule.Slots > 0) *s0 = x.S0.Value;
        if (TRule.Slots > 1) *s1 = x.S1.Value;
        if (TRule.Slots > 2) *s2 = x.S2.Value;
    }
}
