using OptimSharp.Engine;

namespace OptimSharp.Distributed;

/// <summary>
/// The chunks of each rank, cut into buckets: bucket b of a rank has its next so many chunks. All ranks go through the buckets together, so that messages
/// are of one size and there is work to be done while they are on their way.
/// </summary>
sealed class RankPieces
{
    readonly GradientLayout layout;
    readonly nint[][] chunks; // of each rank, in order

    public RankPieces(GradientLayout layout, Ownership ownership, long bucketBytes)
    {
        this.layout = layout;
        chunks = [.. ownership.OwnedBy.Select(owned => owned.SelectMany(range => Enumerable.Range(0, (int)(range.Last - range.First)).Select(i => range.First + i)).ToArray())];
        int most = chunks.Max(own => own.Length);
        PerBucket = (int)Math.Clamp(bucketBytes / (GradientChunk.Size * sizeof(float) * chunks.Length), 1, Math.Max(most, 1));
        Buckets = chunks.Max(own => (own.Length + PerBucket - 1) / PerBucket);
    }

    /// <summary>How many buckets the rank with the most chunks has.</summary>
    public int Buckets { get; }

    /// <summary>How many chunks of a rank are in a bucket, if there are as many left.</summary>
    public int PerBucket { get; }

    public int Ranks => chunks.Length;

    /// <summary>The chunks of a rank in a bucket.</summary>
    public ReadOnlySpan<nint> this[int rank, int bucket]
    {
        get
        {
            int first = Math.Min(bucket * PerBucket, chunks[rank].Length);
            return chunks[rank].AsSpan(first, Math.Min(PerBucket, chunks[rank].Length - first));
        }
    }

    /// <summary>All chunks of a rank.</summary>
    public ReadOnlySpan<nint> this[int rank] => chunks[rank];

    /// <summary>The bytes of a bucket's chunks as sums.</summary>
    public long SumBytes(int rank, int bucket)
    {
        long bytes = 0;
        foreach (nint chunk in this[rank, bucket])
            bytes += layout[chunk] is var place ? (long)place.Count * layout.SumSize(place.Parameter) : 0;
        return bytes;
    }

    /// <summary>The bytes of a bucket's chunks as values.</summary>
    public long ValueBytes(int rank, int bucket)
    {
        long bytes = 0;
        foreach (nint chunk in this[rank, bucket])
            bytes += layout[chunk] is var place ? (long)place.Count * layout.ValueSize(place.Parameter) : 0;
        return bytes;
    }
}
