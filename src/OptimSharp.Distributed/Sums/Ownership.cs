namespace OptimSharp.Distributed;

/// <summary>
/// Which rank adds up, and with sharded state steps, which chunks. Parameters that have to be whole go to one rank each, the longest first, each to the rank
/// that has the least, of equal ones to the first. The chunks of the others fill the ranks up, in order, so that all have about the same.
/// </summary>
sealed class Ownership
{
    readonly int[] wholeOwner; // by parameter; −1 where it may be cut

    public Ownership(GradientLayout layout, int ranks, Func<Parameter, bool> isWhole)
    {
        int count = layout.Parameters.Length;
        wholeOwner = new int[count];
        var loads = new long[ranks];
        Array.Fill(wholeOwner, -1);
        foreach (int i in Enumerable.Range(0, count).Where(i => isWhole(layout.Parameters[i])).OrderByDescending(i => layout.Parameters[i].Numbers))
        {
            int least = Array.IndexOf(loads, loads.Min());
            wholeOwner[i] = least;
            loads[least] += layout.Parameters[i].Numbers;
        }
        OwnedBy = [.. Enumerable.Range(0, ranks).Select(_ => new List<ChunkRange>())];
        Cut(layout, Shares(loads, Enumerable.Range(0, count).Sum(i => wholeOwner[i] < 0 ? layout.Parameters[i].Numbers : 0)));
    }

    /// <summary>The chunks of each rank, in order.</summary>
    public List<ChunkRange>[] OwnedBy { get; }

    /// <summary>The rank that has a parameter whole; −1 for one that is cut.</summary>
    public int WholeOwner(int parameter) => wholeOwner[parameter];

    /// <summary>How many of the numbers that can be cut each rank gets: so many that all loads are as equal as can be.</summary>
    internal static long[] Shares(long[] loads, long numbers)
    {
        var shares = new long[loads.Length];
        long level = 0, left = numbers;
        foreach (var (nth, load) in loads.Order().Index()) // the level up to which numbers fill the ranks that have less
        {
            long needed = nth * (load - level);
            if (needed > left)
                break;
            (left, level) = (left - needed, load);
        }
        int below = loads.Count(load => load <= level);
        int place = 0;
        for (int rank = 0; rank < loads.Length; rank++)
        {
            if (loads[rank] > level)
                continue;
            shares[rank] = level - loads[rank] + (long)((Int128)left * (place + 1) / below - (Int128)left * place / below);
            place++;
        }
        return shares;
    }

    void Cut(GradientLayout layout, long[] shares)
    {
        int rank = 0;
        for (nint chunk = 0; chunk < layout.Chunks; chunk++)
        {
            var (parameter, _, count) = layout[chunk];
            if (wholeOwner[parameter] >= 0)
            {
                Give(wholeOwner[parameter], chunk, chunk + 1);
                continue;
            }
            while (rank < shares.Length - 1 && shares[rank] <= count / 2)
            {
                shares[rank + 1] += shares[rank]; // what a chunk is more or less than the share, the next has less or more
                rank++;
            }
            Give(rank, chunk, chunk + 1);
            shares[rank] -= count;
        }
    }

    void Give(int rank, nint first, nint last)
    {
        if (first == last)
            return;
        var owned = OwnedBy[rank];
        if (owned.Count > 0 && owned[^1].Last == first)
            owned[^1] = owned[^1] with { Last = last };
        else
            owned.Add(new(first, last));
    }
}

/// <summary>Chunks from <paramref name="First"/> up to <paramref name="Last"/> (not included).</summary>
readonly record struct ChunkRange(nint First, nint Last);
