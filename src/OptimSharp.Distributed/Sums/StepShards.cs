using System.Buffers.Binary;

namespace OptimSharp.Distributed;

/// <summary>What ranks tell each other of a step's shards before they exchange sums: which there are, and which parameters have a gradient in which sum.</summary>
sealed class StepShards
{
    const int ShardBytes = 1 + sizeof(long) + sizeof(double);

    readonly int shards, ranks, parameters;
    readonly byte[] own, all;
    readonly long[] counts;
    readonly bool[] done; // of this rank's shards
    readonly double?[] losses;
    readonly int first;
    readonly int[] starts; // where each rank's part begins in all

    public StepShards(Communicator communicator, int shards, int parameters)
    {
        (this.shards, ranks, this.parameters) = (shards, communicator.Size, parameters);
        Nodes = [.. Enumerable.Range(0, ranks).Select(rank => ShardTree.ShardsOf(rank, ranks, shards) is var (from, to) ? ShardTree.NodesOf(from, to) : [])];
        counts = [.. Enumerable.Range(0, ranks).Select(rank => (long)BytesOf(rank))];
        starts = [.. Enumerable.Range(0, ranks).Select(rank => (int)counts.Take(rank).Sum())];
        own = new byte[counts[communicator.Rank]];
        all = new byte[counts.Sum()];
        losses = new double?[shards];
        (first, int last) = ShardTree.ShardsOf(communicator.Rank, ranks, shards);
        done = new bool[last - first];
    }

    /// <summary>The sums that each rank has in the end.</summary>
    public List<TreeNode>[] Nodes { get; }

    /// <summary>How many shards this rank has.</summary>
    public int OwnShards => done.Length;

    /// <summary>How many shards had gradients.</summary>
    public int Taken { get; private set; }

    /// <summary>How many examples they had together; 0 when nobody said.</summary>
    public long Examples { get; private set; }

    /// <summary>What the sum of gradients is divided by.</summary>
    public double Divisor => Examples > 0 ? Examples : Taken;

    /// <summary>The sum of losses, divided as gradients are.</summary>
    public double Loss { get; private set; }

    /// <summary>Whether a shard of this rank has not been taken.</summary>
    public bool IsAnyLeftOut => Array.IndexOf(done, false) >= 0;

    public bool IsDone(int shard) => done[shard - first];

    /// <summary>Begins a step.</summary>
    public void Clear()
    {
        Array.Clear(own);
        Array.Clear(done);
    }

    /// <summary>Notes a shard of this rank.</summary>
    public void Take(int shard, double loss, long examples)
    {
        done[shard - first] = true;
        var place = own.AsSpan((shard - first) * ShardBytes);
        place[0] = 1;
        BinaryPrimitives.WriteInt64LittleEndian(place[1..], examples);
        BinaryPrimitives.WriteDoubleLittleEndian(place[9..], loss);
    }

    /// <summary>Tells and hears.</summary>
    /// <exception cref="CommunicationException">Ranks are in different steps; or some shards say how many examples they had, and some do not.</exception>
    public void Exchange(Communicator communicator, LocalSums local, StepIdentity identity)
    {
        identity.Write(own.AsSpan(^StepIdentity.Bytes..));
        for (int node = 0; node < local.Sums.Count; node++)
        {
            for (int i = 0; i < parameters; i++)
                own[done.Length * ShardBytes + node * parameters + i] = local.Sums[node].Present[i] ? (byte)1 : (byte)0;
        }
        communicator.AllGather(own, all, counts);
        for (int rank = 0; rank < ranks; rank++)
            identity.Check(all.AsSpan(starts[rank] + (int)counts[rank] - StepIdentity.Bytes, StepIdentity.Bytes), rank, communicator.Rank);
        (Taken, Examples) = (0, 0);
        int counted = 0;
        for (int rank = 0; rank < ranks; rank++)
        {
            var (from, to) = ShardTree.ShardsOf(rank, ranks, shards);
            for (int shard = from; shard < to; shard++)
            {
                var place = all.AsSpan(starts[rank] + (shard - from) * ShardBytes);
                losses[shard] = place[0] == 0 ? null : BinaryPrimitives.ReadDoubleLittleEndian(place[9..]);
                if (place[0] == 0)
                    continue;
                long examples = BinaryPrimitives.ReadInt64LittleEndian(place[1..]);
                Taken++;
                counted += examples > 0 ? 1 : 0;
                Examples += examples;
            }
        }
        if (counted != 0 && counted != Taken)
            throw new CommunicationException($"{counted} of {Taken} shards said how many examples they had: say it for all, or for none.");
        Loss = Taken == 0 ? double.NaN : ShardTree.Sum(losses) / Divisor;
    }

    /// <summary>Whether a rank's sum has a gradient of a parameter.</summary>
    public bool Has(int rank, int node, int parameter)
    {
        var (from, to) = ShardTree.ShardsOf(rank, ranks, shards);
        return all[starts[rank] + (to - from) * ShardBytes + node * parameters + parameter] != 0;
    }

    /// <summary>Whether a rank's sum has any gradient.</summary>
    public bool HasAny(int rank, int node)
    {
        for (int i = 0; i < parameters; i++)
        {
            if (Has(rank, node, i))
                return true;
        }
        return false;
    }

    /// <summary>Whether any shard had a gradient of a parameter.</summary>
    public bool HasAnywhere(int parameter)
    {
        for (int rank = 0; rank < ranks; rank++)
        {
            for (int node = 0; node < Nodes[rank].Count; node++)
            {
                if (Has(rank, node, parameter))
                    return true;
            }
        }
        return false;
    }

    int BytesOf(int rank) => ShardTree.ShardsOf(rank, ranks, shards) is var (from, to) ? checked((to - from) * ShardBytes + Nodes[rank].Count * parameters + StepIdentity.Bytes) : 0;
}
