using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using OptimSharp.Engine;

namespace OptimSharp.Distributed;

/// <summary>
/// Adds up the ranks' sums: each rank gets all ranks' sums of its own chunks, as bytes, and adds them in the tree's order. While one bucket is on its way, the
/// next is packed and the last one added.
/// </summary>
sealed unsafe class SumExchange(GradientLayout layout, RankPieces pieces, Communicator communicator, StepShards shards)
{
    readonly NativeBuffer[] sends = [new(), new()], receives = [new(), new()];
    readonly long[][] sendCounts = [new long[pieces.Ranks], new long[pieces.Ranks]], receiveCounts = [new long[pieces.Ranks], new long[pieces.Ranks]];
    readonly bool[][] isThere = [.. shards.Nodes.Select(nodes => new bool[nodes.Count])]; // a rank's sums with any gradient
    readonly TensorOps ops = new();

    /// <summary>Leaves the means of this rank's chunks.</summary>
    /// <param name="local">The rank's sums. They are used up.</param>
    /// <param name="to">Where the mean of each of the rank's chunks goes, in the parameter's type.</param>
    public void Run(LocalSums local, Func<int, nint> to)
    {
        for (int rank = 0; rank < pieces.Ranks; rank++)
        {
            for (int node = 0; node < isThere[rank].Length; node++)
                isThere[rank][node] = shards.HasAny(rank, node);
        }
        if (pieces.Ranks == 1)
        {
            for (int bucket = 0; bucket < pieces.Buckets; bucket++)
                Add(bucket, local, to);
            return;
        }
        PendingOperation? before = null;
        for (int bucket = 0; bucket <= pieces.Buckets; bucket++)
        {
            var begun = bucket < pieces.Buckets ? Begin(bucket, local) : null;
            if (before is not null)
            {
                before.Wait();
                Add(bucket - 1, local, to);
            }
            before = begun;
        }
    }

    PendingOperation Begin(int bucket, LocalSums local)
    {
        int side = bucket % 2, me = communicator.Rank, sending = isThere[me].Count(there => there);
        for (int rank = 0; rank < pieces.Ranks; rank++)
        {
            sendCounts[side][rank] = rank == me ? 0 : sending * pieces.SumBytes(rank, bucket);
            receiveCounts[side][rank] = rank == me ? 0 : isThere[rank].Count(there => there) * pieces.SumBytes(me, bucket);
        }
        byte* send = (byte*)sends[side].Ensure((nint)sendCounts[side].Sum()), receive = (byte*)receives[side].Ensure((nint)receiveCounts[side].Sum()), at = send;
        for (int rank = 0; rank < pieces.Ranks; rank++)
        {
            for (int node = 0; node < isThere[me].Length && rank != me; node++)
            {
                if (!isThere[me][node])
                    continue;
                byte* from = local.Sums[node].Start(layout);
                foreach (nint chunk in pieces[rank, bucket])
                {
                    var place = layout[chunk];
                    int bytes = place.Count * layout.SumSize(place.Parameter);
                    if (shards.Has(me, node, place.Parameter))
                        NativeMemory.Copy(from + layout.SumOffsets[place.Parameter] + (nint)place.First * layout.SumSize(place.Parameter), at, (nuint)bytes);
                    else
                        NativeMemory.Clear(at, (nuint)bytes); // nobody reads it; but what was in memory is not to travel
                    at += bytes;
                }
            }
        }
        return communicator.BeginAllToAll((nint)send, sendCounts[side], (nint)receive, receiveCounts[side]);
    }

    void Add(int bucket, LocalSums local, Func<int, nint> to)
    {
        var own = pieces[communicator.Rank, bucket];
        if (own.Length == 0)
            return;
        var offsets = new nint[own.Length]; // of chunks in what comes of a sum
        nint bytes = 0;
        for (int i = 0; i < own.Length; i++)
        {
            offsets[i] = bytes;
            bytes += layout[own[i]] is var place ? place.Count * layout.SumSize(place.Parameter) : 0;
        }
        int before = bucket * pieces.PerBucket;
        ops.For(new AddLoop { Owner = this, Local = local, Receive = (byte*)receives[bucket % 2].Ensure(0), Bucket = bucket, Offsets = offsets, SumBytes = bytes, To = i => to(before + i) }, own.Length, GradientChunk.Size);
    }

    struct AddLoop : ILoopBody
    {
        public SumExchange Owner;
        public LocalSums Local;
        public byte* Receive;
        public int Bucket;
        public nint[] Offsets;
        public nint SumBytes;
        public Func<int, nint> To;

        public readonly void Run(nint first, nint last)
        {
            for (nint i = first; i < last; i++)
                Owner.AddChunk((int)i, this);
        }
    }

    void AddChunk(int i, in AddLoop loop)
    {
        const int Deepest = 128; // two a level, and levels are bits of a number
        TreeNode* nodes = stackalloc TreeNode[Deepest];
        byte** sums = stackalloc byte*[Deepest];
        int depth = 0, me = communicator.Rank;
        var place = layout[pieces[me, loop.Bucket][i]];
        var type = layout.SumType(place.Parameter);
        byte* received = loop.Receive;
        for (int rank = 0; rank < pieces.Ranks; rank++)
        {
            for (int node = 0; node < isThere[rank].Length; node++)
            {
                byte* sum = null;
                if (shards.Has(rank, node, place.Parameter))
                    sum = rank != me ? received + loop.Offsets[i] : loop.Local.Sums[node].Start(layout) + layout.SumOffsets[place.Parameter] + (nint)place.First * layout.SumSize(place.Parameter);
                if (rank != me && isThere[rank][node])
                    received += loop.SumBytes;
                nodes[depth] = shards.Nodes[rank][node];
                sums[depth++] = sum;
                while (depth > 1 && nodes[depth - 2].IsLeftOf(nodes[depth - 1]))
                {
                    Merge(sums, --depth, type, place.Count);
                    nodes[depth - 1] = nodes[depth - 1].Parent;
                }
            }
        }
        while (depth > 1)
            Merge(sums, --depth, type, place.Count);
        if (depth > 0 && sums[0] != null)
            Save(sums[0], type, (byte*)loop.To(i), layout.Parameters[place.Parameter].ElementType.Real(), place.Count);
    }

    /// <summary>Adds the last sum to the one before it.</summary>
    static void Merge(byte** sums, int last, ElementType type, int count)
    {
        if (sums[last] == null)
            return;
        if (sums[last - 1] == null)
            sums[last - 1] = sums[last];
        else
            LocalSums.Add(sums[last - 1], sums[last], type, count);
    }

    void Save(byte* sum, ElementType type, byte* to, ElementType stored, int count)
    {
        if (type == ElementType.Float64)
        {
            TensorPrimitives.Divide(new ReadOnlySpan<double>(sum, count), shards.Divisor, new Span<double>(sum, count));
            Storage.Save((double*)sum, to, stored, count);
        }
        else
        {
            TensorPrimitives.Divide(new ReadOnlySpan<float>(sum, count), (float)shards.Divisor, new Span<float>(sum, count));
            Storage.Save((float*)sum, to, stored, count);
        }
    }
}
