using OptimSharp.Conformance;

namespace OptimSharp.Distributed.Tests;

/// <summary>What is calculated of a step's cost is what is counted; and the page's tables are what is calculated.</summary>
public sealed class StepCostTests
{
    const int Numbers = 4096 * 64, Steps = 3;

    [Theory]
    [InlineData(1, StateSharding.Replicated)]
    [InlineData(2, StateSharding.Replicated)]
    [InlineData(4, StateSharding.Replicated)]
    [InlineData(2, StateSharding.Sharded)]
    [InlineData(8, StateSharding.Sharded)]
    public void It_is_what_is_counted(int ranks, StateSharding sharding)
    {
        var cost = StepCost.Of(Numbers, ranks, 8, sharding, bucketBytes: 1 << 18);
        LocalRanks.Run(ranks, communicator =>
        {
            var parameter = Parameter.Of("x", new float[Numbers]);
            using var optimizer = new AdamW([parameter]);
            using var distributed = new DistributedOptimizer(optimizer, communicator, new() { Shards = 8, Sharding = sharding, BucketBytes = 1 << 18 });
            var before = communicator.Sent;
            for (int step = 0; step < Steps; step++)
            {
                foreach (int shard in distributed.Shards)
                {
                    parameter.UseGradient().Fill(1);
                    distributed.Accumulate();
                }
                distributed.Step();
            }
            var sent = communicator.Sent - before;
            Assert.Equal(cost.StateBytes, distributed.StateBytes);
            Assert.Equal(Steps * (cost.Messages + ranks - 1), sent.Messages); // and one to each: which gradients there are
            long told = (8 / ranks * 17 + 1 + StepIdentity.Bytes) * (ranks - 1); // a shard's loss and count, a parameter's presence, which step it is
            Assert.Equal(Steps * (cost.SentBytes + told), sent.Bytes);
        });
    }

    [Fact]
    public void Norms_send_eight_bytes_a_chunk() => LocalRanks.Run(4, communicator =>
    {
        var parameter = Parameter.Of("x", new float[Numbers]);
        using var optimizer = new SGD([parameter]);
        using var distributed = new DistributedOptimizer(optimizer, communicator, new() { Shards = 4, Sharding = StateSharding.Sharded });
        foreach (int shard in distributed.Shards)
        {
            parameter.UseGradient().Fill(1);
            distributed.Accumulate();
        }
        distributed.Synchronize();
        var before = communicator.Sent;
        double norm = Gradients.Norm(optimizer.ParameterGroups[0].Parameters);
        Assert.Equal(Math.Sqrt(Numbers), norm);
        Assert.Equal(new Traffic(Numbers / 4096 / 4 * sizeof(double) * 3, 3), communicator.Sent - before);
    });

    [Fact]
    public void The_page_has_its_tables()
    {
        var page = File.ReadAllText(Path.Combine(GoldenFiles.RepositoryRoot(), "docs", "distributed.md"));
        foreach (long numbers in (long[])[1_000_000_000, 70_000_000_000])
        {
            string table = StepCost.Table(numbers, bytesPerSecond: 25e9, secondsPerMessage: 2e-6);
            Assert.True(page.Contains(table, StringComparison.Ordinal), $"docs/distributed.md lacks this table:\n{table}");
        }
    }
}
