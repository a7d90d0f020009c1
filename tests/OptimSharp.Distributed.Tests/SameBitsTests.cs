using OptimSharp.Conformance.Workloads;

namespace OptimSharp.Distributed.Tests;

/// <summary>Ranks do not show in the bits: of every optimizer, in both modes.</summary>
public sealed class SameBitsTests
{
    static readonly long[][] Shapes = [[5000], [16, 700], [], [3], [40, 30], [2, 4100]];

    /// <summary>All but LBFGS, which takes a closure, and SparseAdam, whose gradients are refused.</summary>
    public static TheoryData<string> Optimizers =>
    [
        .. typeof(Optimizer).Assembly.GetExportedTypes().Where(t => !t.IsAbstract && t.IsSubclassOf(typeof(Optimizer)) && t != typeof(CombinedOptimizer))
            .Where(t => OptimizerSamples.StepsAlone(t) && OptimizerSamples.TakesDenseGradients(t)).Select(t => t.Name).Order(),
    ];

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void Any_number_of_ranks_gives_the_bits_of_one_process(string name)
    {
        var type = typeof(Optimizer).Assembly.GetType($"OptimSharp.{name}")!;
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

    /// <summary>What is kept beside bfloat16 parameters is cut with them; random numbers go by the whole parameter.</summary>
    [Theory]
    [InlineData("Stochastic")]
    [InlineData("Compensated")]
    [InlineData("Split")]
    public void Parameters_that_lose_no_update_are_cut_too(string way)
    {
        var kept = way switch { "Split" => ParameterPrecision.Split, "Compensated" => ParameterPrecision.Compensated, _ => ParameterPrecision.Stochastic(5) };
        foreach (var create in new Func<IReadOnlyList<Parameter>, Optimizer>[]
        {
            parameters => new AdamW(parameters, new() { ParameterPrecision = kept }),
            parameters => new SGD(parameters, new() { LearningRate = 0.01, ParameterPrecision = kept }),
            parameters => new LAMB(parameters, new() { LearningRate = 0.01, ParameterPrecision = kept, StatePrecision = StatePrecision.Dynamic8 }),
            parameters => new Muon(parameters, new() { ParameterPrecision = kept }),
        })
        {
            var run = new Run(8, create, [[300, 500], [16, 70], [2, 4100]], ElementType.BFloat16);
            var alone = run.Alone();
            foreach (var sharding in Enum.GetValues<StateSharding>())
            {
                foreach (int ranks in (int[])[1, 3, 4])
                    Compare(alone, run.Ranks(ranks, sharding), $"{way}, {sharding}, {ranks} ranks");
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
