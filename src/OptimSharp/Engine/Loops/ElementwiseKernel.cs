using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>Runs a rule over contiguous memory: wide lanes for the bulk, scalar ones for the tail.</summary>
/// <remarks>
/// Two registers at a time: the one's arithmetic fills the waits of the other's. A rule is some hundred small methods that the compiler has to inline into the loop, and what
/// it may inline is measured by the size of the method that the loop is in: where that ends within the rule, a step takes two to six times as long. So each loop is a method of its
/// own that leaves no loads and stores to others; compiled in full at once, it does not depend on what the compiler happened to see before.
/// What a rule leaves in <see cref="Cell{L}.Step"/> is taken off here: a rule that does not leave any takes off +0, which changes no number.
/// </remarks>
internal static unsafe class ElementwiseKernel<TRule, T>
    where TRule : struct, IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Updates <paramref name="count"/> elements in place.</summary>
    /// <typeparam name="TRounds">Whether the rule may have to round in the middle (<see cref="Rounding{T}"/>): only where half types are stored.</typeparam>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run<TRounds>(in TRule rule, in Streams at, nint count, bool wide) where TRounds : struct, IChoice
    {
        nint done = wide && Vector.IsHardwareAccelerated ? Pairs<TRounds>(rule, at, count) : 0;
        if (done < count)
            Rest<TRounds>(rule, at, done, count, wide);
    }

    /// <summary>Over a parameter and a gradient alone.</summary>
    public static void Run<TRounds>(in TRule rule, T* param, T* grad, nint count, bool wide) where TRounds : struct, IChoice =>
        Run<TRounds>(rule, new Streams { Param = (byte*)param, Grad = (byte*)grad }, count, wide);

    /// <summary>As many elements as fill pairs of registers; returns how many.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    static nint Pairs<TRounds>(TRule rule, in Streams at, nint count) where TRounds : struct, IChoice
    {
        int slots = TRule.Slots;
        T* param = (T*)at.Param, grad = (T*)at.Grad, s0 = (T*)at.S0, s1 = (T*)at.S1, s2 = (T*)at.S2, s3 = (T*)at.S3, s4 = (T*)at.S4, s5 = (T*)at.S5;
        Cell<WideLane<T, TRounds>> x, y;
        Unsafe.SkipInit(out x);
        Unsafe.SkipInit(out y);
        nint i = 0;
        for (nint last = count - 2 * Vector<T>.Count; i <= last; i += 2 * Vector<T>.Count)
        {
            x.Param.Value = Vector.Load(param + i);
            x.Grad.Value = Vector.Load(grad + i);
            x.Step.Value = Vector<T>.Zero;
            if (slots > 0) x.S0.Value = Vector.Load(s0 + i);
            if (slots > 1) x.S1.Value = Vector.Load(s1 + i);
            if (slots > 2) x.S2.Value = Vector.Load(s2 + i);
            if (slots > 3) x.S3.Value = Vector.Load(s3 + i);
            if (slots > 4) x.S4.Value = Vector.Load(s4 + i);
            if (slots > 5) x.S5.Value = Vector.Load(s5 + i);
            rule.Update(ref x);
            Vector.Store(x.Param.Value - x.Step.Value, param + i);
            if (slots > 0) Vector.Store(x.S0.Value, s0 + i);
            if (slots > 1) Vector.Store(x.S1.Value, s1 + i);
            if (slots > 2) Vector.Store(x.S2.Value, s2 + i);
            if (slots > 3) Vector.Store(x.S3.Value, s3 + i);
            if (slots > 4) Vector.Store(x.S4.Value, s4 + i);
            if (slots > 5) Vector.Store(x.S5.Value, s5 + i);
            nint j = i + Vector<T>.Count;
            y.Param.Value = Vector.Load(param + j);
            y.Grad.Value = Vector.Load(grad + j);
            y.Step.Value = Vector<T>.Zero;
            if (slots > 0) y.S0.Value = Vector.Load(s0 + j);
            if (slots > 1) y.S1.Value = Vector.Load(s1 + j);
            if (slots > 2) y.S2.Value = Vector.Load(s2 + j);
            if (slots > 3) y.S3.Value = Vector.Load(s3 + j);
            if (slots > 4) y.S4.Value = Vector.Load(s4 + j);
            if (slots > 5) y.S5.Value = Vector.Load(s5 + j);
            rule.Update(ref y);
            Vector.Store(y.Param.Value - y.Step.Value, param + j);
            if (slots > 0) Vector.Store(y.S0.Value, s0 + j);
            if (slots > 1) Vector.Store(y.S1.Value, s1 + j);
            if (slots > 2) Vector.Store(y.S2.Value, s2 + j);
            if (slots > 3) Vector.Store(y.S3.Value, s3 + j);
            if (slots > 4) Vector.Store(y.S4.Value, s4 + j);
            if (slots > 5) Vector.Store(y.S5.Value, s5 + j);
        }
        return i;
    }

    /// <summary>The elements from <paramref name="i"/> up to <paramref name="count"/> (not included).</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    static void Rest<TRounds>(TRule rule, in Streams at, nint i, nint count, bool wide) where TRounds : struct, IChoice
    {
        int slots = TRule.Slots;
        T* param = (T*)at.Param, grad = (T*)at.Grad, s0 = (T*)at.S0, s1 = (T*)at.S1, s2 = (T*)at.S2, s3 = (T*)at.S3, s4 = (T*)at.S4, s5 = (T*)at.S5;
        if (wide && Vector.IsHardwareAccelerated && count - i >= Vector<T>.Count)
        {
            Cell<WideLane<T, TRounds>> x;
            Unsafe.SkipInit(out x);
            x.Param.Value = Vector.Load(param + i);
            x.Grad.Value = Vector.Load(grad + i);
            x.Step.Value = Vector<T>.Zero;
            if (slots > 0) x.S0.Value = Vector.Load(s0 + i);
            if (slots > 1) x.S1.Value = Vector.Load(s1 + i);
            if (slots > 2) x.S2.Value = Vector.Load(s2 + i);
            if (slots > 3) x.S3.Value = Vector.Load(s3 + i);
            if (slots > 4) x.S4.Value = Vector.Load(s4 + i);
            if (slots > 5) x.S5.Value = Vector.Load(s5 + i);
            rule.Update(ref x);
            Vector.Store(x.Param.Value - x.Step.Value, param + i);
            if (slots > 0) Vector.Store(x.S0.Value, s0 + i);
            if (slots > 1) Vector.Store(x.S1.Value, s1 + i);
            if (slots > 2) Vector.Store(x.S2.Value, s2 + i);
            if (slots > 3) Vector.Store(x.S3.Value, s3 + i);
            if (slots > 4) Vector.Store(x.S4.Value, s4 + i);
            if (slots > 5) Vector.Store(x.S5.Value, s5 + i);
            i += Vector<T>.Count;
        }
        for (; i < count; i++)
        {
            Cell<ScalarLane<T, TRounds>> x;
            Unsafe.SkipInit(out x);
            x.Param.Value = param[i];
            x.Grad.Value = grad[i];
            x.Step.Value = T.Zero;
            if (slots > 0) x.S0.Value = s0[i];
            if (slots > 1) x.S1.Value = s1[i];
            if (slots > 2) x.S2.Value = s2[i];
            if (slots > 3) x.S3.Value = s3[i];
            if (slots > 4) x.S4.Value = s4[i];
            if (slots > 5) x.S5.Value = s5[i];
            rule.Update(ref x);
            param[i] = x.Param.Value - x.Step.Value;
            if (slots > 0) s0[i] = x.S0.Value;
            if (slots > 1) s1[i] = x.S1.Value;
            if (slots > 2) s2[i] = x.S2.Value;
            if (slots > 3) s3[i] = x.S3.Value;
            if (slots > 4) s4[i] = x.S4.Value;
            if (slots > 5) s5[i] = x.S5.Value;
        }
    }
}
