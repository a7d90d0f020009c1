using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>Runs a rule over contiguous memory: wide lanes for the bulk, scalar ones for the tail.</summary>
/// <remarks>
/// Two registers at a time: the one's arithmetic fills the waits of the other's. A rule is some hundred small methods that the compiler has to inline into the loop, and what
/// it may inline is measured by the size of the method that the loop is in: where that ends within the rule, a step takes two to six times as long. So each loop is a method of its
/// own that leaves no loads and stores to others; compiled in full at once, it does not depend on what the compiler happened to see before.
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
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    static nint Pairs<TRounds>(TRule rule, T* param, T* grad, T* s0, T* s1, T* s2, nint count) where TRounds : struct, IFlag
    {
        int slots = TRule.Slots;
        Cell<WideLane<T, TRounds>> x, y;
        Unsafe.SkipInit(out x);
        Unsafe.SkipInit(out y);
        nint i = 0;
        for (nint last = count - 2 * Vector<T>.Count; i <= last; i += 2 * Vector<T>.Count)
        {
            x.Param.Value = Vector.Load(param + i);
            x.Grad.Value = Vector.Load(grad + i);
            if (slots > 0) x.S0.Value = Vector.Load(s0 + i);
            if (slots > 1) x.S1.Value = Vector.Load(s1 + i);
            if (slots > 2) x.S2.Value = Vector.Load(s2 + i);
            rule.Update(ref x);
            Vector.Store(x.Param.Value, param + i);
            if (slots > 0) Vector.Store(x.S0.Value, s0 + i);
            if (slots > 1) Vector.Store(x.S1.Value, s1 + i);
            if (slots > 2) Vector.Store(x.S2.Value, s2 + i);
            nint j = i + Vector<T>.Count;
            y.Param.Value = Vector.Load(param + j);
            y.Grad.Value = Vector.Load(grad + j);
            if (slots > 0) y.S0.Value = Vector.Load(s0 + j);
            if (slots > 1) y.S1.Value = Vector.Load(s1 + j);
            if (slots > 2) y.S2.Value = Vector.Load(s2 + j);
            rule.Update(ref y);
            Vector.Store(y.Param.Value, param + j);
            if (slots > 0) Vector.Store(y.S0.Value, s0 + j);
            if (slots > 1) Vector.Store(y.S1.Value, s1 + j);
            if (slots > 2) Vector.Store(y.S2.Value, s2 + j);
        }
        return i;
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    static void Rest<TRounds>(TRule rule, T* param, T* grad, T* s0, T* s1, T* s2, nint count, bool wide) where TRounds : struct, IFlag
    {
        int slots = TRule.Slots;
        nint i = 0;
        if (wide && Vector.IsHardwareAccelerated && count >= Vector<T>.Count)
        {
            Cell<WideLane<T, TRounds>> x;
            Unsafe.SkipInit(out x);
            x.Param.Value = Vector.Load(param);
            x.Grad.Value = Vector.Load(grad);
            if (slots > 0) x.S0.Value = Vector.Load(s0);
            if (slots > 1) x.S1.Value = Vector.Load(s1);
            if (slots > 2) x.S2.Value = Vector.Load(s2);
            rule.Update(ref x);
            Vector.Store(x.Param.Value, param);
            if (slots > 0) Vector.Store(x.S0.Value, s0);
            if (slots > 1) Vector.Store(x.S1.Value, s1);
            if (slots > 2) Vector.Store(x.S2.Value, s2);
            i = Vector<T>.Count;
        }
        for (; i < count; i++)
        {
            Cell<ScalarLane<T, TRounds>> x;
            Unsafe.SkipInit(out x);
            x.Param.Value = param[i];
            x.Grad.Value = grad[i];
            if (slots > 0) x.S0.Value = s0[i];
            if (slots > 1) x.S1.Value = s1[i];
            if (slots > 2) x.S2.Value = s2[i];
            rule.Update(ref x);
            param[i] = x.Param.Value;
            if (slots > 0) s0[i] = x.S0.Value;
            if (slots > 1) s1[i] = x.S1.Value;
            if (slots > 2) s2[i] = x.S2.Value;
        }
    }
}
