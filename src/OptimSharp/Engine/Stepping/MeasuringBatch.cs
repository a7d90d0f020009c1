using System.Numerics;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>What a measuring rule has of one parameter in a plan.</summary>
interface IMeasured
{
    /// <summary>Takes its sums over the parameter, on the caller's thread; host memory's are taken before, by several threads.</summary>
    void Measure(Span<double> sums);

    /// <summary>Writes the sums of its chunks down for the other ranks, which have the parameter's other parts.</summary>
    void Share(IRanks ranks)
    {
    }

    /// <summary>Gives the rule its sums.</summary>
    void Take(ReadOnlySpan<double> own, ReadOnlySpan<double> all);
}

/// <summary>The work of one measuring rule in a plan.</summary>
internal sealed unsafe class MeasuringBatch<TRule, T> : Batch<TRule, T>
    where TRule : struct, IMeasuringRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly List<Measured> measured = []; // one an item, for reuse
    double[] partial = []; // the sums of each chunk
    int[] firstChunk = new int[8]; // of each item
    int chunks;

    /// <summary>What the item that was included last is measured as.</summary>
    public IMeasured Last()
    {
        int i = Count - 1;
        if (i == measured.Count)
            measured.Add(new(this, i));
        if (firstChunk.Length <= i + 1)
            Array.Resize(ref firstChunk, 2 * firstChunk.Length);
        firstChunk[i] = chunks;
        chunks = checked(chunks + (int)((At(i).Work.Count + MeasuringKernel<TRule, T>.Chunk - 1) / MeasuringKernel<TRule, T>.Chunk));
        firstChunk[i + 1] = chunks;
        if (partial.Length < chunks * TRule.Sums)
            Array.Resize(ref partial, Math.Max(chunks * TRule.Sums, 2 * partial.Length));
        return measured[i];
    }

    public override void Clear(bool returns)
    {
        base.Clear(returns);
        chunks = 0;
    }

    /// <summary>Takes the sums of the chunks that begin in this part of the plan.</summary>
    public override void Measure(long from, long to)
    {
        const int Chunk = MeasuringKernel<TRule, T>.Chunk;
        foreach (var (i, first, last) in Within(from, to))
        {
            ref var item = ref At(i);
            for (nint chunk = (first + Chunk - 1) / Chunk; chunk * Chunk < last; chunk++)
            {
                nint start = chunk * Chunk;
                fixed (double* sums = &partial[(firstChunk[i] + (int)chunk) * TRule.Sums])
                {
                    new Span<double>(sums, TRule.Sums).Clear();
                    MeasuringKernel<TRule, T>.Run(item.Rule, item.Work, start, Math.Min(start + Chunk, item.Work.Count), sums, Execution.UsesWideLanes);
                }
            }
        }
    }

    sealed class Measured(MeasuringBatch<TRule, T> batch, int i) : IMeasured
    {
        ParameterPart? Part => batch.At(i).Work.Parameter as ParameterPart;

        int Chunks => batch.firstChunk[i + 1] - batch.firstChunk[i];

        public void Share(IRanks ranks)
        {
            if (Part is not { } part)
                return;
            var table = ranks.Table(StepPlan.MostSums)[checked((int)part.FirstChunk * StepPlan.MostSums)..];
            for (int chunk = 0; chunk < Chunks; chunk++)
                batch.partial.AsSpan((batch.firstChunk[i] + chunk) * TRule.Sums, TRule.Sums).CopyTo(table[(chunk * StepPlan.MostSums)..]);
        }

        public void Measure(Span<double> sums)
        {
            if (Part is { } part)
            {
                var table = part.Ranks.Table(StepPlan.MostSums).Slice(checked((int)part.WholeChunk * StepPlan.MostSums), checked((int)part.WholeChunks * StepPlan.MostSums));
                for (int chunk = 0; chunk < table.Length; chunk += StepPlan.MostSums)
                {
                    for (int k = 0; k < TRule.Sums; k++)
                        sums[k] += table[chunk + k];
                }
                return;
            }
            for (int chunk = batch.firstChunk[i]; chunk < batch.firstChunk[i + 1]; chunk++)
            {
                for (int k = 0; k < TRule.Sums; k++)
                    sums[k] += batch.partial[chunk * TRule.Sums + k];
            }
        }

        public void Take(ReadOnlySpan<double> own, ReadOnlySpan<double> all) =>
            batch.At(i).Rule.Take(new(own[..TRule.Sums], all[..TRule.Sums], Part is { } part ? part.Whole.Numbers : batch.At(i).Work.Count));
    }
}
