using System.Collections;

namespace OptimSharp.Distributed;

/// <summary>The shards of a step that are this rank's: <c>foreach (int shard in distributed.Shards)</c>. Going through them begins the step.</summary>
public sealed class ShardRange : IEnumerable<int>
{
    readonly DistributedOptimizer owner;

    internal ShardRange(DistributedOptimizer owner, int first, int last) => (this.owner, First, Count) = (owner, first, last - first);

    /// <summary>The first shard.</summary>
    public int First { get; }

    /// <summary>How many there are; 0 where there are fewer shards than ranks.</summary>
    public int Count { get; }

    /// <summary>Begins a step, which drops what gradients there are, and goes through the shards. Those that a loop leaves out are none.</summary>
    /// <exception cref="InvalidOperationException">The optimizer has other parameters now than when it was distributed; or, at the next shard, gradients of the last one were not accumulated.</exception>
    public IEnumerator<int> GetEnumerator()
    {
        owner.Begin();
        try
        {
            for (int shard = First; shard < First + Count; shard++)
            {
                owner.GoTo(shard);
                yield return shard;
                owner.Leave(shard);
            }
        }
        finally
        {
            owner.GoTo(null); // also after a break
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
