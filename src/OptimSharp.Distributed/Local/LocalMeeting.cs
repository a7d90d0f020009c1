namespace OptimSharp.Distributed;

/// <summary>
/// One operation of a <see cref="LocalGroup"/>. Of two ranks, the one that comes later copies for both: so an operation goes on while others do something
/// else, and nobody waits for another's wait.
/// </summary>
sealed class LocalMeeting(LocalGroup group, long number)
{
    readonly MemoryBlock[]?[] sends = new MemoryBlock[]?[group.Size], receives = new MemoryBlock[]?[group.Size];
    readonly int[] partners = new int[group.Size];
    string? operation;
    int first, ended;

    public void Come(int rank, string wanted, MemoryBlock[] send, MemoryBlock[] receive)
    {
        List<int> here = [];
        lock (group)
        {
            if (group.Broken is { } broken)
                throw Again(broken);
            if (operation is null)
                (operation, first) = (wanted, rank);
            else if (operation != wanted)
                throw Again(group.Break(new CommunicationException($"Rank {rank} calls {wanted} where rank {first} calls {operation}: all ranks must call the same operations in the same order.")));
            for (var other = 0; other < group.Size; other++)
            {
                if (sends[other] is null)
                    continue;
                Check(rank, send, other, receives[other]!);
                Check(other, sends[other]!, rank, receive);
                here.Add(other);
            }
            Check(rank, send, rank, receive);
            (sends[rank], receives[rank]) = (send, receive);
        }
        Copy(send[rank], receive[rank]);
        foreach (var other in here)
        {
            Copy(send[other], receives[other]![rank]);
            Copy(sends[other]![rank], receive[other]);
        }
        lock (group)
        {
            partners[rank] += 1 + here.Count;
            foreach (var other in here)
                partners[other]++;
            Monitor.PulseAll(group);
        }
    }

    public void Wait(int rank, TimeSpan limit, string? activity)
    {
        lock (group)
        {
            if (partners[rank] < 0)
                return;
            var until = limit == Timeout.InfiniteTimeSpan ? long.MaxValue : Environment.TickCount64 + (long)limit.TotalMilliseconds;
            while (partners[rank] < group.Size)
            {
                if (group.Broken is { } broken)
                    throw Again(broken);
                var missing = Enumerable.Range(0, group.Size).Where(other => sends[other] is null).ToList();
                var gone = missing.Where(group.HasLeft).ToList();
                if (gone.Count > 0)
                    throw Again(group.Break(new MissingRankException(gone, operation!, activity, gone.Count == 1 ? "has ended" : "have ended", group.ErrorOf(gone))));
                var left = until - Environment.TickCount64;
                if (left <= 0 && missing.Count > 0)
                    throw Again(group.Break(new MissingRankException(missing, operation!, activity, $"did not come within {limit.TotalSeconds:0.###} s")));
                Monitor.Wait(group, (int)Math.Clamp(left, 1, 60_000));
            }
            partners[rank] = -1;
            if (++ended == group.Size)
                group.Forget(number);
        }
    }

    void Check(int from, MemoryBlock[] send, int to, MemoryBlock[] receive)
    {
        if (send[to].Bytes != receive[from].Bytes)
            throw Again(group.Break(new CommunicationException($"Rank {from} sends {send[to].Bytes} bytes to rank {to}, which expects {receive[from].Bytes} from it, in {operation}: all ranks must call the same in the same order, such as a step, Save or StateDict().")));
    }

    /// <summary>The same error, thrown by another thread: with a stack of its own.</summary>
    static CommunicationException Again(CommunicationException error) => error is MissingRankException missing
        ? new MissingRankException(missing, missing.InnerException)
        : new CommunicationException(error.Message, error.InnerException);

    static unsafe void Copy(MemoryBlock from, MemoryBlock to)
    {
        if (from.Address != to.Address)
            Buffer.MemoryCopy((void*)from.Address, (void*)to.Address, to.Bytes, from.Bytes);
    }
}
