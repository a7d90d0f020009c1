using System.Numerics;
using System.Runtime.CompilerServices;

namespace OptimSharp.Kernels;

/// <summary>
/// Runs a rule over bfloat16 parameters and gradients with float state, the usual mixture: converted in registers, two at a time, since
/// one register of bfloat16 numbers is two of floats. So half the bytes are half the time; going through a block in the cache costs more
/// than the bytes saved.
/// </summary>
/// <typeparam name="TRule">The rule.</typeparam>
/// <typeparam name="T">float: generic only because the rules are.</typeparam>
internal static unsafe class BFloat16Kernel<TRule, T>
    where TRule : struct, IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Updates elements in place, as many of the <paramref name="count"/> as fill registers; returns how many.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static nint Run<TRounds>(TRule rule, BFloat16* param, BFloat16* grad, T* s0, T* s1, T* s2, nint count) where TRounds : struct, IFlag
    {
        // Coefficients stay in memory, since it is told where they are: there a load spreads one over a register, elsewhere an instruction more.
        Unsafe.SkipInit(out nint where);
        Volatile.Write(ref where, (nint)Unsafe.AsPointer(ref rule));
        nint i = 0;
        for (nint last = count - Vector<ushort>.Count; i <= last; i += Vector<ushort>.Count)
        {
            var (p, q) = BFloat16.Load(param + i);
            var (g, h) = BFloat16.Load(grad + i);
            Update<TRounds>(ref rule, ref p, g, s0 + i, s1 + i, s2 + i);
            nint j = i + Vector<float>.Count;
            Update<TRounds>(ref rule, ref q, h, s0 + j, s1 + j, s2 + j);
            BFloat16.Store(p, q, param + i);
        }
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Update<TRounds>(ref TRule rule, ref Vector<float> param, Vector<float> grad, T* s0, T* s1, T* s2) where TRounds : struct, IFlag
    {
        Cell<WideLane<T, TRounds>> x;
        Unsafe.SkipInit(out x);
        x.Param.Value = Vector.As<float, T>(param);
        x.Grad.Value = Vector.As<float, T>(grad);
        if (TRule.Slots > 0) x.S0.Value = Vector.Load(s0);
        if (TRule.Slots > 1) x.S1.Value = Vector.Load(s1);
        if (TRule.Slots > 2) x.S2.Value = Vector.Load(s2);
        rule.Update(ref x);
        param = Vector.As<T, float>(x.Param.Value);
        if (TRule.Slots > 0) Vector.Store(x.S0.Value, s0);
        if (TRule.Slots > 1) Vector.Store(x.S1.Value, s1);
        if (TRule.Slots > 2) Vector.Store(x.S2.Value, s2);
    }
}
