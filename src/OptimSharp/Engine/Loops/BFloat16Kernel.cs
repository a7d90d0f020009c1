using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

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
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static nint Run<TRounds>(TRule rule, BFloat16* param, BFloat16* grad, T* s0, T* s1, T* s2, nint count) where TRounds : struct, IFlag
    {
        // The rule stays in memory, since its address is given away: there a load spreads a coefficient over a register, elsewhere that is an instruction more.
        Unsafe.SkipInit(out nint where);
        Volatile.Write(ref where, (nint)Unsafe.AsPointer(ref rule));
        int slots = TRule.Slots;
        Cell<WideLane<T, TRounds>> x, y;
        Unsafe.SkipInit(out x);
        Unsafe.SkipInit(out y);
        nint i = 0;
        for (nint last = count - Vector<ushort>.Count; i <= last; i += Vector<ushort>.Count)
        {
            var (p, q) = BFloat16.Load(param + i);
            var (g, h) = BFloat16.Load(grad + i);
            (x.Param.Value, y.Param.Value) = (Vector.As<float, T>(p), Vector.As<float, T>(q));
            (x.Grad.Value, y.Grad.Value) = (Vector.As<float, T>(g), Vector.As<float, T>(h));
            if (slots > 0) x.S0.Value = Vector.Load(s0 + i);
            if (slots > 1) x.S1.Value = Vector.Load(s1 + i);
            if (slots > 2) x.S2.Value = Vector.Load(s2 + i);
            rule.Update(ref x);
            if (slots > 0) Vector.Store(x.S0.Value, s0 + i);
            if (slots > 1) Vector.Store(x.S1.Value, s1 + i);
            if (slots > 2) Vector.Store(x.S2.Value, s2 + i);
            nint j = i + Vector<float>.Count;
            if (slots > 0) y.S0.Value = Vector.Load(s0 + j);
            if (slots > 1) y.S1.Value = Vector.Load(s1 + j);
            if (slots > 2) y.S2.Value = Vector.Load(s2 + j);
            rule.Update(ref y);
            if (slots > 0) Vector.Store(y.S0.Value, s0 + j);
            if (slots > 1) Vector.Store(y.S1.Value, s1 + j);
            if (slots > 2) Vector.Store(y.S2.Value, s2 + j);
            BFloat16.Store(Vector.As<T, float>(x.Param.Value), Vector.As<T, float>(y.Param.Value), param + i);
        }
        return i;
    }
}
