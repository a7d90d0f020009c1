namespace OptimSharp.Distributed.Tests;

/// <summary>What moves parameters besides the optimizer's steps, where each rank has a part of them.</summary>
public sealed class WrapperTests
{
    static readonly long[][] Shapes = [[5000], [16, 700], [3]];

    [Fact]
    public void Schedule_free_averages_are_seen_whole_and_go_again()
    {
        var run = new Run(4, p => new AdamWScheduleFree(p, new() { LearningRate = 0.01 }), Shapes);
        var results = new[] { (1, StateSharding.Replicated), (2, StateSharding.Sharded), (3, StateSharding.Sharded) }.SelectMany(how => LocalRanks.Run(how.Item1, communicator =>
        {
            communicator.TimeLimit = TimeSpan.FromSeconds(30);
            var parameters = run.Parameters();
            using var optimizer = new AdamWScheduleFree(parameters, new() { LearningRate = 0.01 });
            using var distributed = new DistributedOptimizer(optimizer, communicator, new() { Shards = 4, Sharding = how.Item2 });
            for (int t = 0; t < Run.Steps; t++)
            {
                run.Accumulate(distributed, parameters, t);
                distributed.Step();
            }
            string y = Hash(parameters), x;
            using (optimizer.EvalView())
                x = Hash(parameters);
            Assert.NotEqual(x, y);
            Assert.Equal(y, Hash(parameters));
            return (x, y);
        })).ToList();
        Assert.Single(results.Distinct());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void SAM_climbs_and_comes_back_on_all_ranks(bool adaptive)
    {
        var run = new Run(4, p => new SGD(p, new() { LearningRate = 0.1, Momentum = 0.9 }), Shapes);
        var results = new[] { (1, StateSharding.Replicated), (2, StateSharding.Replicated), (2, StateSharding.Sharded), (4, StateSharding.Sharded) }.SelectMany(how => LocalRanks.Run(how.Item1, communicator =>
        {
            communicator.TimeLimit = TimeSpan.FromSeconds(30);
            var parameters = run.Parameters();
            using var optimizer = new SGD(parameters, new() { LearningRate = 0.1, Momentum = 0.9 });
            using var distributed = new DistributedOptimizer(optimizer, communicator, new() { Shards = 4, Sharding = how.Item2 });
            using var sam = new SAM(optimizer, new() { Rho = 0.5, Adaptive = adaptive });
            int climbs = 0;
            for (int t = 0; t < Run.Steps; t++)
            {
                string before = Hash(parameters);
                sam.Step(() =>
                {
                    climbs += Hash(parameters) != before ? 1 : 0;
                    run.Accumulate(distributed, parameters, t);
                    return distributed.Loss;
                });
            }
            Assert.Equal(Run.Steps, climbs); // the second gradient of each step is taken elsewhere
            return Hash(parameters);
        })).ToList();
        Assert.Single(results.Distinct());
    }

    [Fact]
    public void What_does_not_go_with_sharded_state_says_so() => LocalRanks.Run(2, communicator =>
    {
        var parameter = Parameter.Of("x", new float[5000]);
        using var optimizer = new SGD([parameter]);
        using var distributed = new DistributedOptimizer(optimizer, communicator, new() { Sharding = StateSharding.Sharded });
        Assert.Contains("Lookahead", Assert.Throws<ArgumentException>(() => new Lookahead(optimizer).Dispose()).Message);
        Assert.Contains("sharded", Assert.Throws<ArgumentException>(() => new DiLoCo(optimizer, communicator).Dispose()).Message);
        foreach (int shard in distributed.Shards)
        {
            parameter.UseGradient();
            distributed.Accumulate();
        }
        var step = new TrainingStep(optimizer, new() { Statistics = true });
        Assert.Contains("Statistics", Assert.Throws<InvalidOperationException>(() => step.Step()).Message);
        distributed.Dispose();
        Assert.Same(parameter, optimizer.ParameterGroups[0].Parameters[0]); // alone again
    });

    static string Hash(IReadOnlyList<Parameter> parameters) => Result.Of(parameters, [], 0).Parameters;
}
