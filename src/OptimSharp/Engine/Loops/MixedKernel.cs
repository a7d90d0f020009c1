using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>
/// Runs a rule over parameters that are kept otherwise than to nearest, or whose states are kept in several ways or in blocks of few bits: what is not stored as it is computed goes through a block in the first-level cache. A rule never knows.
/// </summary>
internal static unsafe class MixedKernel<TRule, T>
    where TRule : struct, IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    const int Block = 2 * BlockFormats.Longest; // fits the first-level cache many times; memory's next pages are asked for often

    /// <summary>Updates <paramref name="count"/> elements. States are those from <paramref name="from"/> on, which begins a block where there are any.</summary>
    [SkipLocalsInit]
    public static void Run(in TRule rule, in Work work, byte* param, byte* grad, nint from, nint count, bool wide)
    {
        var type = Storage.Of<T>();
        bool inPlace = work.ParamType == type, gradInPlace = work.GradType == type;
        var kept = work.Kept; // then numbers are single, whatever is stored
        int paramSize = work.ParamType.Size(), gradSize = work.GradType.Size();
        T* memory = stackalloc T[HostKernel<TRule, T>.BlockLength(Block)];
        var slots = work.Slots!;
        for (; count > 0; from += Block, count -= Block, param += Block * paramSize, grad += Block * gradSize)
        {
            int n = (int)Math.Min(count, Block);
            var block = HostKernel<TRule, T>.BlockOf(memory, Block);
            if (inPlace)
                block.Param = param;
            else if (kept is not null)
                kept.Load((BFloat16*)param, from, (float*)block.Param, n);
            else
                Storage.Load(param, work.ParamType, (T*)block.Param, n);
            if (gradInPlace)
                block.Grad = grad;
            else
                Storage.Load(grad, work.GradType, (T*)block.Grad, n);
            Load(slots, from, ref block, n);
            int done = wide && Vector512.IsHardwareAccelerated && Vector<T>.Count < Vector512<T>.Count ? inPlace || kept is not null ? Wide<Off>(rule, block, n) : Wide<On>(rule, block, n) : 0;
            if (done < n)
                Rest(rule, block, done, n, wide, inPlace || kept is not null);
            if (kept is not null)
                kept.Save((float*)block.Param, (BFloat16*)param, from, n);
            else if (!inPlace)
                Storage.Save((T*)block.Param, param, work.ParamType, n);
            if (TRule.Slots > 0) Save(slots[0], from, block.S0, n);
            if (TRule.Slots > 1) Save(slots[1], from, block.S1, n);
            if (TRule.Slots > 2) Save(slots[2], from, block.S2, n);
            if (TRule.Slots > 3) Save(slots[3], from, block.S3, n);
            if (TRule.Slots > 4) Save(slots[4], from, block.S4, n);
            if (TRule.Slots > 5) Save(slots[5], from, block.S5, n);
        }
    }

    /// <summary>As many elements as fill registers of 512 bits; returns how many.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    static int Wide<TRounds>(TRule rule, in Streams at, int count) where TRounds : struct, IChoice
    {
        int slots = TRule.Slots;
        T* param = (T*)at.Param, grad = (T*)at.Grad, s0 = (T*)at.S0, s1 = (T*)at.S1, s2 = (T*)at.S2, s3 = (T*)at.S3, s4 = (T*)at.S4, s5 = (T*)at.S5;
        Cell<Lane512<T, TRounds>> x;
        Unsafe.SkipInit(out x);
        int i = 0;
        for (; i <= count - Vector512<T>.Count; i += Vector512<T>.Count)
        {
            x.Param.Value = Vector512.Load(param + i);
            x.Grad.Value = Vector512.Load(grad + i);
            x.Step.Value = Vector512<T>.Zero;
            if (slots > 0) x.S0.Value = Vector512.Load(s0 + i);
            if (slots > 1) x.S1.Value = Vector512.Load(s1 + i);
            if (slots > 2) x.S2.Value = Vector512.Load(s2 + i);
            if (slots > 3) x.S3.Value = Vector512.Load(s3 + i);
            if (slots > 4) x.S4.Value = Vector512.Load(s4 + i);
            if (slots > 5) x.S5.Value = Vector512.Load(s5 + i);
            rule.Update(ref x);
            Vector512.Store(x.Param.Value - x.Step.Value, param + i);
            if (slots > 0) Vector512.Store(x.S0.Value, s0 + i);
            if (slots > 1) Vector512.Store(x.S1.Value, s1 + i);
            if (slots > 2) Vector512.Store(x.S2.Value, s2 + i);
            if (slots > 3) Vector512.Store(x.S3.Value, s3 + i);
            if (slots > 4) Vector512.Store(x.S4.Value, s4 + i);
            if (slots > 5) Vector512.Store(x.S5.Value, s5 + i);
        }
        return i;
    }

    static void Rest(in TRule rule, in Streams block, int done, int count, bool wide, bool isExact)
    {
        var at = block.Behind((nint)done * sizeof(T));
        if (isExact)
            ElementwiseKernel<TRule, T>.Run<Off>(rule, at, count - done, wide);
        else
            ElementwiseKernel<TRule, T>.Run<On>(rule, at, count - done, wide);
    }

    /// <summary>Has the states from <paramref name="from"/> on in memory that is computed with: their own, or the block's.</summary>
    public static void Load(SlotStorage[] slots, nint from, ref Streams block, int count)
    {
        if (TRule.Slots > 0) block.S0 = Load(slots[0], from, block.S0, count);
        if (TRule.Slots > 1) block.S1 = Load(slots[1], from, block.S1, count);
        if (TRule.Slots > 2) block.S2 = Load(slots[2], from, block.S2, count);
        if (TRule.Slots > 3) block.S3 = Load(slots[3], from, block.S3, count);
        if (TRule.Slots > 4) block.S4 = Load(slots[4], from, block.S4, count);
        if (TRule.Slots > 5) block.S5 = Load(slots[5], from, block.S5, count);
    }

    static byte* Load(in SlotStorage slot, nint from, byte* to, int count)
    {
        if (slot.Format != BlockFormat.None)
            slot.Format.Decode(slot.Start, slot.Scales, from, (float*)to, count); // parameters computed in double have none
        else if (slot.Type == Storage.Of<T>())
            return slot.Start + from * sizeof(T);
        else
            Storage.Load(slot.Start + from * slot.Type.Size(), slot.Type, (T*)to, count);
        return to;
    }

    static void Save(in SlotStorage slot, nint from, byte* block, int count)
    {
        if (slot.Format != BlockFormat.None)
            slot.Format.Encode((float*)block, count, slot.Start, slot.Scales, from);
        else if (slot.Type != Storage.Of<T>())
            Storage.Save((T*)block, slot.Start + from * slot.Type.Size(), slot.Type, count);
    }
}
