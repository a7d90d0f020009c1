using OptimSharp;
using OptimSharp.Distributed;

namespace Snippets; // as in a program of one's own, not below OptimSharp

/// <summary>The code of docs/distributed.md.</summary>
public sealed class PageSnippets
{
    readonly float[] values = [1, 2, 3];
    readonly OptimSharp.Parameter<float> weight;
    readonly int[] batches = [0, 1];

    public PageSnippets() => weight = OptimSharp.Parameter.Of("weight", values);

    IReadOnlyList<OptimSharp.Parameter> Parameters => [weight];

    double Backward(int batch, int shard)
    {
        weight.Gradient = new float[] { shard, batch, 1 };
        return shard;
    }

    [Fact]
    public void A_program()
    {
        using var ranks = Communicator.Default();
        using var optimizer = new AdamW(Parameters, new() { LearningRate = 1e-3 });
        using var distributed = new DistributedOptimizer(optimizer, ranks, new() { Shards = 8 });
        foreach (int batch in batches)
        {
            foreach (int shard in distributed.Shards)
            {
                double loss = Backward(batch, shard); // of this shard's part of the batch
                distributed.Accumulate(loss);
            }
            distributed.Step();
        }
        Assert.Equal(3.5, distributed.Loss);
        Assert.Equal(2, distributed.Steps);
    }

    [Fact]
    public void Around_it()
    {
        using var ranks = Communicator.Default();
        using var optimizer = new AdamW(Parameters, new() { LearningRate = 1e-3 });
        using var distributed = new DistributedOptimizer(optimizer, ranks, new() { Shards = 8, Sharding = StateSharding.Sharded });
        var step = new TrainingStep(optimizer, new() { MaxNorm = 1 });
        foreach (int shard in distributed.Shards)
        {
            Backward(0, shard);
            distributed.Accumulate();
        }
        step.Step(); // synchronizes first
        Assert.Equal(1, distributed.Steps);

        distributed.Save(state => Checkpoint.Save(Path, state)); // on all ranks
        optimizer.LoadStateDict(Checkpoint.Load(Path));          // on all ranks, of whatever number
        File.Delete(Path);
    }

    static string Path { get; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"{Guid.NewGuid():N}.pt");

    [Fact]
    public void Threads_as_ranks()
    {
        float[][] results = LocalRanks.Run(4, ranks => Train(ranks));
        Assert.All(results, r => Assert.Equal(results[0], r));
    }

    static float[] Train(Communicator ranks) => new float[ranks.Size];

    [Fact]
    public void Local_steps()
    {
        using var ranks = Communicator.Default();
        using var optimizer = new AdamW(Parameters, new() { LearningRate = 1e-3 });
        using var diloco = new DiLoCo(optimizer, ranks, new() { Steps = 2 });
        foreach (int batch in batches)
        {
            Backward(batch, ranks.Rank);
            optimizer.Step();
        }
        Assert.Equal(0, diloco.StepsAhead);
    }
}
