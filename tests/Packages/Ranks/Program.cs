// A program that has the package OptimSharp.Distributed and nothing else: one training alone, and on ranks with their state sharded, ends with the same bits.
using OptimSharp;
using OptimSharp.Distributed;

float[] alone = Train(Communicator.Default());
bool same = true;
foreach (int ranks in (int[])[2, 4])
{
    foreach (float[] values in LocalRanks.Run(ranks, Train))
        same &= values.AsSpan().SequenceEqual(alone);
}
Console.WriteLine($"{alone[0]:R} {alone[^1]:R}: {(same ? "the same" : "other bits")} on 1, 2 and 4 ranks");
return same && alone[0] != 0 ? 0 : 1;

static float[] Train(Communicator ranks)
{
    var weight = Parameter.Of("weight", new float[10_000]);
    using var optimizer = new AdamW([weight], new() { LearningRate = 0.01 });
    using var distributed = new DistributedOptimizer(optimizer, ranks, new() { Shards = 8, Sharding = StateSharding.Sharded });
    for (int step = 0; step < 5; step++)
    {
        foreach (int shard in distributed.Shards)
        {
            var random = new Random(100 * step + shard);
            foreach (ref float gradient in weight.UseGradient())
                gradient = random.NextSingle() - 0.4f;
            distributed.Accumulate();
        }
        distributed.Step();
    }
    return weight.Values.ToArray();
}
