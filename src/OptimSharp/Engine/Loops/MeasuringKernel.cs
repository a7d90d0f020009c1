using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>
/// Takes the sums of a measuring rule over a chunk of host memory. What the rule gives for each element goes to a block in the first-level cache, and is summed
/// there in the one order of <see cref="Reductions"/>: so neither threads nor the width of vectors show in the sums.
/// </summary>
internal static unsafe class MeasuringKernel<TRule, T>
    where TRule : struct, IMeasuringRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Elements of a chunk, whose sums are added as one.</summary>
    public const int Chunk = 8 * Block;

    const int Block = 512;

    /// <summary>Adds the sums of elements <paramref name="first"/> to <paramref name="last"/> (not included) to <paramref name="sums"/>.</summary>
    [SkipLocalsInit]
    public static void Run(in TRule rule, in Work work, nint first, nint last, double* sums, bool wide)
    {
        T* memory = stackalloc T[(2 + TRule.Slots + TRule.Sums) * Block];
        double* changed = stackalloc double[Block];
        fixed (byte* p = &work.Param.Start, g = &work.Grad.Start)
        {
            while (first < last)
            {
                nint row = work.Rows is null ? 0 : first / work.RowSize, column = first - row * work.RowSize;
                nint count = Math.Min(work.Rows is null ? Block : Math.Min(Block, work.RowSize - column), last - first);
                nint from = work.Rows is { } rows ? (nint)rows[row] * work.RowSize + column : first;
                var at = HostKernel<TRule, T>.StreamsOf(work, p, g, from, first);
                if (work.Frame is { Change.IsNone: false } frame)
                {
                    frame.Change.Apply(at.Grad, (byte*)changed, work.GradType, count);
                    at.Grad = (byte*)changed;
                }
                RunBlock(rule, work, at, memory, (int)count, sums, wide);
                first += count;
            }
        }
    }

    static void RunBlock(in TRule rule, in Work work, Streams at, T* memory, int count, double* sums, bool wide)
    {
        var type = Storage.Of<T>();
        T* results = memory + (2 + TRule.Slots) * Block;
        if (work.ParamType == type && work.GradType == type && (TRule.Slots == 0 || work.StateType == type))
        {
            Measure<Off>(rule, at, results, count, wide);
        }
        else
        {
            var block = HostKernel<TRule, T>.BlockOf(memory, Block);
            HostKernel<TRule, T>.Load(work, at, block, count);
            Measure<On>(rule, block, results, count, wide);
        }
        for (int k = 0; k < TRule.Sums; k++)
            sums[k] += Reductions.Run<T, Reductions.Sum>(results + k * Block, results + k * Block, count);
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    static void Measure<TRounds>(TRule rule, in Streams at, T* results, int count, bool wide) where TRounds : struct, IChoice
    {
        int slots = TRule.Slots, summed = TRule.Sums;
        T* param = (T*)at.Param, grad = (T*)at.Grad, s0 = (T*)at.S0, s1 = (T*)at.S1, s2 = (T*)at.S2, s3 = (T*)at.S3, s4 = (T*)at.S4, s5 = (T*)at.S5;
        T* r0 = results, r1 = results + Block, r2 = results + 2 * Block, r3 = results + 3 * Block;
        nint i = 0;
        if (wide && Vector.IsHardwareAccelerated)
        {
            for (nint last = count - Vector<T>.Count; i <= last; i += Vector<T>.Count)
            {
                Cell<WideLane<T, TRounds>> x = default;
                CellSums<WideLane<T, TRounds>> sums = default;
                x.Param.Value = Vector.Load(param + i);
                x.Grad.Value = Vector.Load(grad + i);
                if (slots > 0) x.S0.Value = Vector.Load(s0 + i);
                if (slots > 1) x.S1.Value = Vector.Load(s1 + i);
                if (slots > 2) x.S2.Value = Vector.Load(s2 + i);
                if (slots > 3) x.S3.Value = Vector.Load(s3 + i);
                if (slots > 4) x.S4.Value = Vector.Load(s4 + i);
                if (slots > 5) x.S5.Value = Vector.Load(s5 + i);
                rule.Measure(ref x, ref sums);
                if (summed > 0) Vector.Store(sums.Sum0.Value, r0 + i);
                if (summed > 1) Vector.Store(sums.Sum1.Value, r1 + i);
                if (summed > 2) Vector.Store(sums.Sum2.Value, r2 + i);
                if (summed > 3) Vector.Store(sums.Sum3.Value, r3 + i);
            }
        }
        for (; i < count; i++)
        {
            Cell<ScalarLane<T, TRounds>> x = default;
            CellSums<ScalarLane<T, TRounds>> sums = default;
            x.Param.Value = param[i];
            x.Grad.Value = grad[i];
            if (slots > 0) x.S0.Value = s0[i];
            if (slots > 1) x.S1.Value = s1[i];
            if (slots > 2) x.S2.Value = s2[i];
            if (slots > 3) x.S3.Value = s3[i];
            if (slots > 4) x.S4.Value = s4[i];
            if (slots > 5) x.S5.Value = s5[i];
            rule.Measure(ref x, ref sums);
            if (summed > 0) r0[i] = sums.Sum0.Value;
            if (summed > 1) r1[i] = sums.Sum1.Value;
            if (summed > 2) r2[i] = sums.Sum2.Value;
            if (summed > 3) r3[i] = sums.Sum3.Value;
        }
    }
}
