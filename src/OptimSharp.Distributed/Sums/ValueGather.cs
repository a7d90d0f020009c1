using System.Runtime.InteropServices;
using OptimSharp.Engine;

namespace OptimSharp.Distributed;

/// <summary>Gives all ranks what each has of values: gradients, or parameters. Bucket by bucket, the next packed while one is on its way.</summary>
sealed unsafe class ValueGather(GradientLayout layout, RankPieces pieces, Communicator communicator)
{
    /// <summary>Where the values of a chunk are.</summary>
    public delegate Address Locate(in ChunkPlace place);

    readonly NativeBuffer[] buffers = [new(), new()];
    readonly long[][] counts = [new long[pieces.Ranks], new long[pieces.Ranks]];

    /// <param name="from">Where this rank's chunks are.</param>
    /// <param name="to">Where those of the others go.</param>
    public void Run(Locate from, Locate to)
    {
        if (pieces.Ranks == 1)
            return;
        PendingOperation? before = null;
        for (int bucket = 0; bucket <= pieces.Buckets; bucket++)
        {
            var begun = bucket < pieces.Buckets ? Begin(bucket, from) : null;
            if (before is not null)
            {
                before.Wait();
                Unpack(bucket - 1, to);
            }
            before = begun;
        }
    }

    PendingOperation Begin(int bucket, Locate from)
    {
        int side = bucket % 2, me = communicator.Rank;
        for (int rank = 0; rank < pieces.Ranks; rank++)
            counts[side][rank] = pieces.ValueBytes(rank, bucket);
        byte* all = (byte*)buffers[side].Ensure((nint)counts[side].Sum()), own = all + (nint)counts[side].Take(me).Sum(), at = own;
        foreach (nint chunk in pieces[me, bucket])
        {
            var place = layout[chunk];
            int bytes = place.Count * layout.ValueSize(place.Parameter);
            fixed (byte* source = &from(place).Start)
                NativeMemory.Copy(source, at, (nuint)bytes);
            at += bytes;
        }
        return communicator.BeginAllGather((nint)own, (nint)all, counts[side]);
    }

    void Unpack(int bucket, Locate to)
    {
        byte* at = (byte*)buffers[bucket % 2].Ensure(0);
        for (int rank = 0; rank < pieces.Ranks; rank++)
        {
            foreach (nint chunk in pieces[rank, bucket])
            {
                var place = layout[chunk];
                int bytes = place.Count * layout.ValueSize(place.Parameter);
                if (rank != communicator.Rank)
                {
                    fixed (byte* target = &to(place).Start)
                        NativeMemory.Copy(at, target, (nuint)bytes);
                }
                at += bytes;
            }
        }
    }
}
