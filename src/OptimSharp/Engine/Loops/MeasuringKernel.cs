using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>
/// Takes the sums of a measuring rule over a chunk of host memory. What the rule gives for each element is summed in
/// the one order of <see cref="Reductions"/>: so neither threads nor the width of vectors show in the sums.
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
        T* memory = stackalloc T[HostKernel<TRule, T>.BlockLength(Block) + TRule.Sums * Reductions.Lanes];
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
                RunBlock(rule, work, at, from, memory, (int)count, sums, wide);
                first += count;
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    static void RunBlock(in TRule rule, in Work work, Streams at, nint from, T* memory, int count, double* sums, bool wide)
    {
        var type = Storage.Of<T>();
        T* sixteen = memory + HostKernel<TRule, T>.BlockLength(Block);
        if (work.Slots is { } slots)
        {
            var block = HostKernel<TRule, T>.BlockOf(memory, Block);
            if (work.Kept is { } kept)
                kept.Load((BFloat16*)at.Param, from, (float*)block.Param, count);
            else
                Storage.Load(at.Param, work.ParamType, (T*)block.Param, count);
            Storage.Load(at.Grad, work.GradType, (T*)block.Grad, count);
            MixedKernel<TRule, T>.Load(slots, from, ref block, count);
            if (work.ParamType == type || work.Kept is not null)
                Measure<Off>(rule, block, sixteen, count, sums, wide);
            else
                Measure<On>(rule, block, sixteen, count, sums, wide);
        }
        else if (work.ParamType == type && work.GradType == type && (TRule.Slots == 0 || work.StateType == type))
        {
            Measure<Off>(rule, at, sixteen, count, sums, wide);
        }
        else
        {
            var block = HostKernel<TRule, T>.BlockOf(memory, Block);
            HostKernel<TRule, T>.Load(work, at, block, count);
            Measure<On>(rule, block, sixteen, count, sums, wide);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Measure<TRounds>(in TRule rule, in Streams at, T* sixteen, int count, double* sums, bool wide) where TRounds : struct, IChoice
    {
        Totals totals = default;
        nint done = wide && Reductions.Running.Takes<T>() ? Vectors<TRounds>(rule, at, count, ref totals) : 0;
        if (done < count)
            Rest<TRounds>(rule, at, sixteen, done, count, ref totals);
        if (TRule.Sums > 0) sums[0] += totals.T0.Total();
        if (TRule.Sums > 1) sums[1] += totals.T1.Total();
        if (TRule.Sums > 2) sums[2] += totals.T2.Total();
        if (TRule.Sums > 3) sums[3] += totals.T3.Total();
    }

    /// <summary>Goes over as many whole sixteens as there are.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    static nint Vectors<TRounds>(TRule rule, in Streams at, int count, ref Totals totals) where TRounds : struct, IChoice
    {
        int slots = Math.Min(TRule.MeasuredSlots, TRule.Slots), summed = TRule.Sums;
        T* param = (T*)at.Param, grad = (T*)at.Grad, s0 = (T*)at.S0, s1 = (T*)at.S1, s2 = (T*)at.S2, s3 = (T*)at.S3, s4 = (T*)at.S4, s5 = (T*)at.S5;
        Reductions.Running t0 = default, t1 = default, t2 = default, t3 = default;
        nint i = 0, last = count & -Reductions.Lanes;
        for (; i < last; i += Vector<T>.Count)
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
            if (summed > 0) t0.Add(sums.Sum0.Value);
            if (summed > 1) t1.Add(sums.Sum1.Value);
            if (summed > 2) t2.Add(sums.Sum2.Value);
            if (summed > 3) t3.Add(sums.Sum3.Value);
        }
        (totals.T0, totals.T1, totals.T2, totals.T3) = (t0, t1, t2, t3);
        return i;
    }

    /// <summary>Goes over elements one by one.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    static void Rest<TRounds>(TRule rule, in Streams at, T* sixteen, nint first, int count, ref Totals totals) where TRounds : struct, IChoice
    {
        int slots = Math.Min(TRule.MeasuredSlots, TRule.Slots), summed = TRule.Sums;
        T* param = (T*)at.Param, grad = (T*)at.Grad, s0 = (T*)at.S0, s1 = (T*)at.S1, s2 = (T*)at.S2, s3 = (T*)at.S3, s4 = (T*)at.S4, s5 = (T*)at.S5;
        T* r0 = sixteen, r1 = r0 + Reductions.Lanes, r2 = r1 + Reductions.Lanes, r3 = r2 + Reductions.Lanes;
        while (first < count)
        {
            int n = (int)nint.Min(Reductions.Lanes, count - first);
            for (int k = 0; k < n; k++)
            {
                nint i = first + k;
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
                if (summed > 0) r0[k] = sums.Sum0.Value;
                if (summed > 1) r1[k] = sums.Sum1.Value;
                if (summed > 2) r2[k] = sums.Sum2.Value;
                if (summed > 3) r3[k] = sums.Sum3.Value;
            }
            if (summed > 0) totals.T0.Add(r0, n);
            if (summed > 1) totals.T1.Add(r1, n);
            if (summed > 2) totals.T2.Add(r2, n);
            if (summed > 3) totals.T3.Add(r3, n);
            first += n;
        }
    }

    struct Totals
    {
        public Reductions.Running T0, T1, T2, T3;
    }
}
