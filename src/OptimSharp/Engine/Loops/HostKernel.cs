using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>
/// Runs a rule over a range of host memory, whatever it is stored as. What is stored in the compute type is updated
/// in place; anything else goes through a block that fits the first-level cache: widened, updated, rounded back.
/// </summary>
internal static unsafe class HostKernel<TRule, T>
    where TRule : struct, IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    const int Block = 512;
    const int CacheLine = 64; // a register of 512 bits that crosses two costs twice

    /// <summary>Updates elements <paramref name="first"/> to <paramref name="last"/> (not included).</summary>
    public static void Run(in TRule rule, in Work work, nint first, nint last, bool wide)
    {
        fixed (byte* p = &work.Param.Start, g = &work.Grad.Start)
        {
            if (work.Frame is not null)
            {
                if (work.Moved == null)
                    FramedKernel<TRule, T>.Run(rule, work, p, g, first, last, wide);
                else
                    FramedKernel<TRule, T>.RunMeasured(rule, work, p, g, first, last, wide);
                return;
            }
            if (work.Rows is not { } rows)
            {
                Range(rule, work, p, g, first, first, last - first, wide);
                return;
            }
            while (first < last)
            {
                nint row = first / work.RowSize, column = first - row * work.RowSize;
                nint count = Math.Min(work.RowSize - column, last - first);
                Range(rule, work, p, g, (nint)rows[row] * work.RowSize + column, first, count, wide);
                first += count;
            }
        }
    }

    /// <summary>Elements from <paramref name="from"/> on in parameter and state, with the gradient from <paramref name="gradFrom"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Range(in TRule rule, in Work work, byte* p, byte* g, nint from, nint gradFrom, nint count, bool wide)
    {
        if (work.Kept is not null)
        {
            Kept(rule, work, p, g, from, gradFrom, count, wide);
            return;
        }
        if (work.Slots is not null)
        {
            MixedKernel<TRule, T>.Run(rule, work, p + from * work.ParamType.Size(), g + gradFrom * work.GradType.Size(), from, count, wide);
            return;
        }
        var type = Storage.Of<T>();
        var at = StreamsOf(work, p, g, from, gradFrom);
        if (work.ParamType == type && work.GradType == type && (TRule.Slots == 0 || work.StateType == type))
        {
            ElementwiseKernel<TRule, T>.Run<Off>(rule, at, count, wide);
        }
        else
        {
            if (typeof(T) == typeof(float) && wide && Vector.IsHardwareAccelerated && work.ParamType == ElementType.BFloat16 && work.GradType == ElementType.BFloat16)
            {
                nint done = TRule.Slots == 0 ? BFloat16Kernel<TRule, T>.Run<On, KeptNearest>(rule, at, null, count)
                    : work.StateType == type ? BFloat16Kernel<TRule, T>.Run<Off, KeptNearest>(rule, at, null, count) // nothing is rounded but the parameter in the end
                    : BFloat16Kernel<TRule, T>.RunAll<On, KeptNearest>(rule, at, null, count);
                at = at.Behind<TRule, T>(work, done);
                count -= done;
            }
            Staged(rule, work, at, count, wide);
        }
    }

    /// <summary>The same for parameters that are kept otherwise than to nearest: in registers where gradients are bfloat16 and states all float, or all bfloat16.</summary>
    static void Kept(in TRule rule, in Work work, byte* p, byte* g, nint from, nint gradFrom, nint count, bool wide)
    {
        if (work.Kept is PairedStorage { Beside: var beside } && wide && Vector.IsHardwareAccelerated && work.GradType == ElementType.BFloat16 && TypeOfStates(work) is { } states)
        {
            var at = StreamsOf(work, p, g, from, gradFrom);
            bool splits = work.Kept.Keeping == ParameterKeeping.Split, single = states == ElementType.Float32;
            nint done = (splits, single) switch
            {
                (true, true) => BFloat16Kernel<TRule, T>.Run<Off, KeptSplit>(rule, at, beside + from, count),
                (true, false) => BFloat16Kernel<TRule, T>.RunAll<Off, KeptSplit>(rule, at, beside + from, count),
                (false, true) => BFloat16Kernel<TRule, T>.Run<Off, KeptCompensated>(rule, at, beside + from, count),
                _ => BFloat16Kernel<TRule, T>.RunAll<Off, KeptCompensated>(rule, at, beside + from, count),
            };
            from += done;
            gradFrom += done;
            count -= done;
        }
        MixedKernel<TRule, T>.Run(rule, work, p + from * work.ParamType.Size(), g + gradFrom * work.GradType.Size(), from, count, wide);

        // Single, bfloat16, or null: of several kinds.
        static ElementType? TypeOfStates(in Work work)
        {
            if (work.HasBlocks)
                return null;
            var slots = work.Slots.AsSpan(0, TRule.Slots);
            var type = slots.Length > 0 ? slots[0].Type : ElementType.Float32;
            foreach (ref var slot in slots)
            {
                if (slot.Type != type)
                    return null;
            }
            return type is ElementType.Float32 or ElementType.BFloat16 ? type : null;
        }
    }

    [SkipLocalsInit]
    static void Staged(in TRule rule, in Work work, Streams at, nint count, bool wide)
    {
        T* memory = stackalloc T[BlockLength(Block)];
        var block = BlockOf(memory, Block);
        while (count > 0)
        {
            int n = (int)Math.Min(count, Block);
            Load(work, at, block, n);
            ElementwiseKernel<TRule, T>.Run<On>(rule, block, n, wide);
            Storage.Save((T*)block.Param, at.Param, work.ParamType, n);
            if (TRule.Slots > 0) Storage.Save((T*)block.S0, at.S0, work.StateType, n);
            if (TRule.Slots > 1) Storage.Save((T*)block.S1, at.S1, work.StateType, n);
            if (TRule.Slots > 2) Storage.Save((T*)block.S2, at.S2, work.StateType, n);
            if (TRule.Slots > 3) Storage.Save((T*)block.S3, at.S3, work.StateType, n);
            if (TRule.Slots > 4) Storage.Save((T*)block.S4, at.S4, work.StateType, n);
            if (TRule.Slots > 5) Storage.Save((T*)block.S5, at.S5, work.StateType, n);
            at = at.Behind<TRule, T>(work, n);
            count -= n;
        }
    }

    /// <summary>Where a work's numbers are from an element on, with what was pinned of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Streams StreamsOf(in Work work, byte* param, byte* grad, nint from, nint gradFrom)
    {
        nint states = from * work.StateType.Size();
        Unsafe.SkipInit(out Streams at);
        at.Param = param + from * work.ParamType.Size();
        at.Grad = grad + gradFrom * work.GradType.Size();
        if (TRule.Slots > 0) at.S0 = work.S0 + states;
        if (TRule.Slots > 1) at.S1 = work.S1 + states;
        if (TRule.Slots > 2) at.S2 = work.S2 + states;
        if (TRule.Slots > 3) at.S3 = work.S3 + states;
        if (TRule.Slots > 4) at.S4 = work.S4 + states;
        if (TRule.Slots > 5) at.S5 = work.S5 + states;
        return at;
    }

    /// <summary>How many numbers of memory a block needs that holds all that a rule reads and writes.</summary>
    public static int BlockLength(int block) => (2 + TRule.Slots) * block + CacheLine / sizeof(T);

    /// <summary>Memory for what a rule reads, one block of numbers behind the other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Streams BlockOf(T* memory, int block)
    {
        memory = (T*)((nint)memory + CacheLine - 1 & ~(CacheLine - 1));
        Unsafe.SkipInit(out Streams at);
        at.Param = (byte*)memory;
        at.Grad = (byte*)(memory + block);
        if (TRule.Slots > 0) at.S0 = (byte*)(memory + 2 * block);
        if (TRule.Slots > 1) at.S1 = (byte*)(memory + 3 * block);
        if (TRule.Slots > 2) at.S2 = (byte*)(memory + 4 * block);
        if (TRule.Slots > 3) at.S3 = (byte*)(memory + 5 * block);
        if (TRule.Slots > 4) at.S4 = (byte*)(memory + 6 * block);
        if (TRule.Slots > 5) at.S5 = (byte*)(memory + 7 * block);
        return at;
    }

    /// <summary>Widens what a rule reads.</summary>
    public static void Load(in Work work, in Streams at, in Streams to, int count)
    {
        Storage.Load(at.Param, work.ParamType, (T*)to.Param, count);
        Storage.Load(at.Grad, work.GradType, (T*)to.Grad, count);
        if (TRule.Slots > 0) Storage.Load(at.S0, work.StateType, (T*)to.S0, count);
        if (TRule.Slots > 1) Storage.Load(at.S1, work.StateType, (T*)to.S1, count);
        if (TRule.Slots > 2) Storage.Load(at.S2, work.StateType, (T*)to.S2, count);
        if (TRule.Slots > 3) Storage.Load(at.S3, work.StateType, (T*)to.S3, count);
        if (TRule.Slots > 4) Storage.Load(at.S4, work.StateType, (T*)to.S4, count);
        if (TRule.Slots > 5) Storage.Load(at.S5, work.StateType, (T*)to.S5, count);
    }
}
