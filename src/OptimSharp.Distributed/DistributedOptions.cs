namespace OptimSharp.Distributed;

/// <summary>Options of a <see cref="DistributedOptimizer"/>: the same on all ranks.</summary>
public sealed record DistributedOptions
{
    /// <summary>
    /// S, in [1, 2²⁰]: into how many shards the batch of a step is cut. It decides the bits, and the number of ranks does not: choose it once for a model, at least as large as the most ranks that will ever train
    /// it; a power of two is best. Default 8.
    /// </summary>
    public int Shards { get; init; } = 8;

    /// <summary>Whether every rank keeps all of the optimizer's state, or a part of it. Bits are the same. Default <see cref="StateSharding.Replicated"/>.</summary>
    public StateSharding Sharding { get; init; } = StateSharding.Replicated;

    /// <summary>Whether the parameters of rank 0 are given to all at first, as PyTorch's DistributedDataParallel does. If not, they must be equal: make them with the same seed, or load them from one file. Default false.</summary>
    public bool BroadcastParameters { get; init; }

    /// <summary>How many bytes of single-precision numbers are exchanged at once, &gt; 0: while they are on their way, the next are packed. Default 16 MiB.</summary>
    public long BucketBytes { get; init; } = 16 << 20;
}

/// <summary>What of an optimizer's state a rank keeps.</summary>
public enum StateSharding
{
    /// <summary>All of it: every rank steps all parameters. As PyTorch's DistributedDataParallel.</summary>
    Replicated,

    /// <summary>
    /// A part: each rank keeps the state of a part of the numbers, steps these, and gives them to the others. As ZeRO-1, of DeepSpeed, and PyTorch's ZeroRedundancyOptimizer. Parameters are to be in this process's memory.
    /// </summary>
    Sharded,
}
