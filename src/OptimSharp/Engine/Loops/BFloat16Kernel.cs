using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>
/// Runs a rule over bfloat16 parameters and gradients with float state, the usual mixture, or with bfloat16 state: converted in registers, two at a time, since
/// one register of bfloat16 numbers is two of floats; or in registers of 512 bits, where there are some. So half the bytes are half the time; going through a block in the cache costs more
/// than the bytes saved.
/// </summary>
/// <typeparam name="TRule">The rule.</typeparam>
/// <typeparam name="T">float: generic only because the rules are.</typeparam>
internal static unsafe class BFloat16Kernel<TRule, T>
    where TRule : struct, IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Updates elements in place, as many of the <paramref name="count"/> as fill registers; returns how many.</summary>
    /// <typeparam name="TRounds">Whether the rule may have to round in the middle.</typeparam>
    /// <typeparam name="TKept">How the parameter is kept.</typeparam>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nint Run<TRounds, TKept>(in TRule rule, in Streams at, ushort* beside, nint count)
        where TRounds : struct, IChoice
        where TKept : struct, IKeeping =>
        Vector512.IsHardwareAccelerated ? Wide<TRounds, TKept, Off>(rule, at, beside, count) : Pairs<TRounds, TKept>(rule, at, beside, count);

    /// <summary>The same with states in bfloat16: none, where there are no registers of 512 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nint RunAll<TRounds, TKept>(in TRule rule, in Streams at, ushort* beside, nint count)
        where TRounds : struct, IChoice
        where TKept : struct, IKeeping =>
        Vector512.IsHardwareAccelerated ? Wide<TRounds, TKept, On>(rule, at, beside, count) : 0;

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    static nint Wide<TRounds, TKept, THalves>(TRule rule, in Streams at, ushort* beside, nint count)
        where TRounds : struct, IChoice
        where TKept : struct, IKeeping
        where THalves : struct, IChoice
    {
        int slots = TRule.Slots;
        BFloat16* param = (BFloat16*)at.Param, grad = (BFloat16*)at.Grad;
        byte* s0 = at.S0, s1 = at.S1, s2 = at.S2, s3 = at.S3, s4 = at.S4, s5 = at.S5;
        Cell<Lane512<T, TRounds>> x;
        Unsafe.SkipInit(out x);
        nint i = 0;
        for (nint last = count - Vector512<float>.Count; i <= last; i += Vector512<float>.Count)
        {
            x.Param.Value = TKept.Load512(param + i, beside + i).As<float, T>();
            x.Grad.Value = KeptNearest.Load512(grad + i, beside).As<float, T>();
            x.Step.Value = Vector512<T>.Zero;
            if (slots > 0) x.S0.Value = State<THalves>(s0, i);
            if (slots > 1) x.S1.Value = State<THalves>(s1, i);
            if (slots > 2) x.S2.Value = State<THalves>(s2, i);
            if (slots > 3) x.S3.Value = State<THalves>(s3, i);
            if (slots > 4) x.S4.Value = State<THalves>(s4, i);
            if (slots > 5) x.S5.Value = State<THalves>(s5, i);
            rule.Update(ref x);
            if (slots > 0) Store<THalves>(x.S0.Value, s0, i);
            if (slots > 1) Store<THalves>(x.S1.Value, s1, i);
            if (slots > 2) Store<THalves>(x.S2.Value, s2, i);
            if (slots > 3) Store<THalves>(x.S3.Value, s3, i);
            if (slots > 4) Store<THalves>(x.S4.Value, s4, i);
            if (slots > 5) Store<THalves>(x.S5.Value, s5, i);
            TKept.Store512((x.Param.Value - x.Step.Value).As<T, float>(), param + i, beside + i);
        }
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector512<T> State<THalves>(byte* state, nint i) where THalves : struct, IChoice =>
        typeof(THalves) == typeof(On) ? KeptNearest.Load512((BFloat16*)state + i, null).As<float, T>() : Vector512.Load((T*)state + i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Store<THalves>(Vector512<T> value, byte* state, nint i) where THalves : struct, IChoice
    {
        if (typeof(THalves) == typeof(On))
            KeptNearest.Store512(value.As<T, float>(), (BFloat16*)state + i, null);
        else
            Vector512.Store(value, (T*)state + i);
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    static nint Pairs<TRounds, TKept>(TRule rule, in Streams at, ushort* beside, nint count)
        where TRounds : struct, IChoice
        where TKept : struct, IKeeping
    {
        // The rule stays in memory, since its address is given away: there a load spreads a coefficient over a register, elsewhere that is an instruction more.
        Unsafe.SkipInit(out nint where);
        Volatile.Write(ref where, (nint)Unsafe.AsPointer(ref rule));
        int slots = TRule.Slots;
        BFloat16* param = (BFloat16*)at.Param, grad = (BFloat16*)at.Grad;
        T* s0 = (T*)at.S0, s1 = (T*)at.S1, s2 = (T*)at.S2, s3 = (T*)at.S3, s4 = (T*)at.S4, s5 = (T*)at.S5;
        Cell<WideLane<T, TRounds>> x, y;
        Unsafe.SkipInit(out x);
        Unsafe.SkipInit(out y);
        nint i = 0;
        for (nint last = count - Vector<ushort>.Count; i <= last; i += Vector<ushort>.Count)
        {
            var (p, q) = TKept.Load(param + i, beside + i);
            var (g, h) = BFloat16.Load(grad + i);
            (x.Param.Value, y.Param.Value) = (Vector.As<float, T>(p), Vector.As<float, T>(q));
            (x.Grad.Value, y.Grad.Value) = (Vector.As<float, T>(g), Vector.As<float, T>(h));
            (x.Step.Value, y.Step.Value) = (Vector<T>.Zero, Vector<T>.Zero);
            if (slots > 0) x.S0.Value = Vector.Load(s0 + i);
            if (slots > 1) x.S1.Value = Vector.Load(s1 + i);
            if (slots > 2) x.S2.Value = Vector.Load(s2 + i);
            if (slots > 3) x.S3.Value = Vector.Load(s3 + i);
            if (slots > 4) x.S4.Value = Vector.Load(s4 + i);
            if (slots > 5) x.S5.Value = Vector.Load(s5 + i);
            rule.Update(ref x);
            if (slots > 0) Vector.Store(x.S0.Value, s0 + i);
            if (slots > 1) Vector.Store(x.S1.Value, s1 + i);
            if (slots > 2) Vector.Store(x.S2.Value, s2 + i);
            if (slots > 3) Vector.Store(x.S3.Value, s3 + i);
            if (slots > 4) Vector.Store(x.S4.Value, s4 + i);
            if (slots > 5) Vector.Store(x.S5.Value, s5 + i);
            nint j = i + Vector<float>.Count;
            if (slots > 0) y.S0.Value = Vector.Load(s0 + j);
            if (slots > 1) y.S1.Value = Vector.Load(s1 + j);
            if (slots > 2) y.S2.Value = Vector.Load(s2 + j);
            if (slots > 3) y.S3.Value = Vector.Load(s3 + j);
            if (slots > 4) y.S4.Value = Vector.Load(s4 + j);
            if (slots > 5) y.S5.Value = Vector.Load(s5 + j);
            rule.Update(ref y);
            if (slots > 0) Vector.Store(y.S0.Value, s0 + j);
            if (slots > 1) Vector.Store(y.S1.Value, s1 + j);
            if (slots > 2) Vector.Store(y.S2.Value, s2 + j);
            if (slots > 3) Vector.Store(y.S3.Value, s3 + j);
            if (slots > 4) Vector.Store(y.S4.Value, s4 + j);
            if (slots > 5) Vector.Store(y.S5.Value, s5 + j);
            TKept.Store(Vector.As<T, float>(x.Param.Value - x.Step.Value), Vector.As<T, float>(y.Param.Value - y.Step.Value), param + i, beside + i);
        }
        return i;
    }
}
