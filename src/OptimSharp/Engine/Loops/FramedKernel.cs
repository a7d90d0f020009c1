using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>
/// Runs a rule over a range of host memory with what a training step does around it, a block at a time: the gradient's change, the rule, the
/// average, the gradient's zeros. Each of them works on memory that the one before left in the first-level cache, in the same
/// way as it would by itself: so the bits are the same.
/// </summary>
internal static unsafe class FramedKernel<TRule, T>
    where TRule : struct, IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    const int Block = MovedBlock.Size; // five streams of singles: 20 KB

    /// <summary>Elements <paramref name="first"/> to <paramref name="last"/> (not included) of dense work with a frame.</summary>
    [SkipLocalsInit]
    public static void Run(in TRule rule, in Work work, byte* p, byte* g, nint first, nint last, bool wide)
    {
        var frame = work.Frame!;
        byte* changed = stackalloc byte[Block * sizeof(double)];
        for (; first < last; first += Block)
        {
            nint count = Math.Min(Block, last - first);
            byte* stored = g + first * work.GradType.Size(), gradient = stored;
            if (!frame.Change.IsNone)
            {
                gradient = frame.After == GradientsAfter.Kept ? stored : changed;
                frame.Change.Apply(stored, gradient, work.GradType, count);
            }
            HostKernel<TRule, T>.Range(rule, work, p, gradient, first, 0, count, wide);
            if (work.Average != null)
                frame.TakeIntoAverage(work, first, first + count, wide);
            if (frame.After == GradientsAfter.Zeroed)
                NativeMemory.Clear(stored, (nuint)(count * work.GradType.Size()));
        }
    }

    /// <summary>
    /// The same, and takes the sums of <see cref="StepMeasures"/>. Their chunks are not cut: those that begin between <paramref name="first"/> and <paramref name="last"/> are done, up to
    /// their ends.
    /// </summary>
    [SkipLocalsInit]
    public static void RunMeasured(in TRule rule, in Work work, byte* p, byte* g, nint first, nint last, bool wide)
    {
        const int Chunk = StepMeasures.Chunk;
        var frame = work.Frame!;
        var unclipped = frame.Unclipped;
        bool needsGradients = frame.Measures!.NeedsGradients;
        int size = work.ParamType.Size();
        byte* before = stackalloc byte[Block * sizeof(double)];
        for (nint chunk = (first + Chunk - 1) / Chunk; chunk * Chunk < last; chunk++)
        {
            nint start = chunk * Chunk, end = Math.Min(start + Chunk, work.Count);
            double* sums = work.Moved + chunk * StepMeasures.Sums;
            if (needsGradients)
                sums[0] = GradientChunk.Gather(g + start * work.GradType.Size(), work.GradType, end - start, new(2), unclipped, !unclipped.IsNone);
            for (; start < end; start += Block)
            {
                nint count = Math.Min(Block, end - start);
                Unsafe.CopyBlockUnaligned(before, p + start * size, (uint)(count * size));
                Run(rule, work, p, g, start, start + count, wide);
                MovedBlock.Add(before, p + start * size, work.ParamType, count, sums);
            }
        }
    }
}
