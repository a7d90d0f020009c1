using OptimSharp.Conformance.Workloads;

namespace OptimSharp.Distributed.Tests;

/// <summary>Ranks do not show in the bits: of every optimizer, in both modes.</summary>
public sealed class SameBitsTests
{
    static readonly long[][] Shapes = [[5000], [16, 700], [], [3], [40, 30], [2, 4100]];

    public static TheoryData<string> Optimizers =>
        [.. typeof(Optimizer).Assembly.GetExportedTypes().Where(t => !t.IsAbstract && t.IsSubclassOf(typeof(Optimizer)) && t != typeof(CombinedOptimizer)).Select(t => t.Name).Order()];

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void Any_number_of_ranks_gives_the_bits_of_one_process(string name)
    {
        var type = typeof(Optimizer).Assembly.GetType($"OptimSharp.{name}")!;
        if (!OptimizerSamples.StepsAlone(type) || !OptimizerSamples.TakesDenseGradients(type))
            return; // LBFGS and SparseAdam have tests of their own
        long[][] shapes = OptimizerSamples.TakesVectors(type) ? Shapes : [.. Shapes.Where(s => s.Length > 1)];
        var sets = OptimizerSamples.OptionSets(type);
        foreach (var options in sets.Where((_, i) => i % Math.Max(1, (sets.Count + 1) / 2) == 0))
        {
            var run = new Run(8, OptimizerSamples.Create(type, options), shapes);
            var alone = run.Alone();
            foreach (var sharding in Enum.GetValues<StateSharding>())
            {
                foreach (int ranks in (int[])[1, 2, 4])
                    Compare(alone, run.Ranks(ranks, sharding), $"{name} with {string.Join(", ", options.Select(o => $"{o.Key}={o.Value}"))}, {sharding}, {ranks} ranks");
            }
        }
    }

    internal static void Compare(Result alone, Result[] ranks, string what)
    {
        foreach (var (i, result) in ranks.Index())
        {
            Assert.True(alone.Parameters == result.Parameters, $"{what}: parameters differ on rank {i}");
            if (alone.State != result.State)
                Assert.Fail($"{what}: state differs on rank {i}:\n{alone.Saved}\n{result.Saved}");
        }
    }
}
