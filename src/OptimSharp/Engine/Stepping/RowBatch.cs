using System.Numerics;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>The work of one rule that measures each row and is applied to it at once, while the row is in the cache.</summary>
internal sealed unsafe class RowBatch<TRule, T> : Batch<TRule, T>
    where TRule : struct, IMeasuringRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Does the rows that begin in this part of the plan.</summary>
    public override void Run(long from, long to)
    {
        double* sums = stackalloc double[StepPlan.MostSums];
        foreach (var (i, first, last) in Within(from, to))
        {
            ref var item = ref At(i);
            nint size = item.Work.RowSize;
            for (nint start = (first + size - 1) / size * size; start < last; start += size)
            {
                new Span<double>(sums, TRule.Sums).Clear();
                MeasuringKernel<TRule, T>.Run(item.Rule, item.Work, start, start + size, sums, Execution.UsesWideLanes);
                var rule = item.Rule;
                rule.Take(new(new(sums, TRule.Sums), default, size));
                HostKernel<TRule, T>.Run(rule, item.Work, start, start + size, Execution.UsesWideLanes);
            }
        }
    }
}
