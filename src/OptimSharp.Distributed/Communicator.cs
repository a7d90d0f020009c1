namespace OptimSharp.Distributed;

/// <summary>
/// Ranks that move bytes among each other: processes of one MPI job, or threads of one process. It never adds: sums are made by who asks, in an order
/// that does not depend on the ranks.
/// </summary>
/// <remarks>
/// Every operation is collective: all ranks call the same operations in the same order. One thread of a rank calls at a time.
/// An implementation has <see cref="BeginExchange"/>; the operations are made of it, and can be overridden where a transport has a better way.
/// </remarks>
public abstract class Communicator : IDisposable
{
    Traffic sent, received;
    TimeSpan timeLimit = TimeSpan.FromMinutes(10);

    /// <summary>Who this is: 0 to <see cref="Size"/> − 1.</summary>
    public abstract int Rank { get; }

    /// <summary>How many ranks there are; at least 1.</summary>
    public abstract int Size { get; }

    /// <summary>How long an operation waits for the others before it gives up and names who is missing. 10 minutes if not set; <see cref="Timeout.InfiniteTimeSpan"/>: for ever.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Zero or less.</exception>
    public TimeSpan TimeLimit
    {
        get => timeLimit;
        set
        {
            if (value != Timeout.InfiniteTimeSpan)
                ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(value, TimeSpan.Zero);
            timeLimit = value;
        }
    }

    /// <summary>What the program does now, such as "step 12", for messages; null: nothing is said.</summary>
    public string? Activity { get; set; }

    /// <summary>How many optimizers were distributed over it: the same on all ranks, if they do the same.</summary>
    internal int Distributed { get; set; }

    /// <summary>What this rank has sent to other ranks so far.</summary>
    public Traffic Sent => sent;

    /// <summary>What this rank has received from other ranks so far.</summary>
    public Traffic Received => received;

    /// <summary>The communicator of this process: MPI's where mpirun, mpiexec or srun started it, else one rank alone.</summary>
    /// <returns>The communicator; the caller disposes it.</returns>
    /// <exception cref="CommunicationException">Started as one of several ranks, but MPI's library is not found or not the one that started it.</exception>
    public static Communicator Default() => Mpi.MpiProcess.Communicator() ?? LocalRanks.Create(1)[0];

    /// <summary>Waits until every rank is here.</summary>
    /// <exception cref="CommunicationException">A rank is missing, or calls something else.</exception>
    public virtual unsafe void Barrier()
    {
        byte own = 0;
        var all = stackalloc byte[Size];
        Span<MemoryBlock> send = stackalloc MemoryBlock[Size], receive = stackalloc MemoryBlock[Size];
        for (var rank = 0; rank < Size; rank++)
        {
            send[rank] = new((nint)(&own), 1);
            receive[rank] = new((nint)(all + rank), 1);
        }
        Run(nameof(Barrier), send, receive);
    }

    /// <summary>Gives every rank the bytes that <paramref name="root"/> has.</summary>
    /// <param name="data">The bytes, of the same length on all ranks; written on all but the root.</param>
    /// <param name="root">Whose bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such rank.</exception>
    /// <exception cref="CommunicationException">A rank is missing, or calls something else.</exception>
    public virtual unsafe void Broadcast(Span<byte> data, int root)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(root);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(root, Size);
        fixed (byte* start = data)
        {
            Span<MemoryBlock> send = stackalloc MemoryBlock[Size], receive = stackalloc MemoryBlock[Size];
            send.Clear();
            receive.Clear();
            if (Rank == root)
                send.Fill(new((nint)start, data.Length));
            receive[root] = new((nint)start, data.Length);
            Run(nameof(Broadcast), send, receive);
        }
    }

    /// <summary>Gives every rank a state dict that <paramref name="root"/> has, such as a checkpoint that was loaded there.</summary>
    /// <param name="state">The state dict; null: there is none. Of other ranks than the root it is not looked at.</param>
    /// <param name="root">Whose state dict.</param>
    /// <returns>The state dict: on the root what was given.</returns>
    /// <exception cref="ArgumentOutOfRangeException">No such rank.</exception>
    /// <exception cref="CommunicationException">A rank is missing, or calls something else; or, on other ranks, the root's can't be sent.</exception>
    public StateDict? Broadcast(StateDict? state, int root)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(root);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(root, Size);
        if (Size == 1)
            return state;
        if (Rank != root)
            return StateBroadcast.Receive(this, root);
        StateBroadcast.Send(this, state);
        return state;
    }

    /// <summary>Gives every rank the bytes of all ranks.</summary>
    /// <param name="own">What this rank gives: counts[Rank] bytes.</param>
    /// <param name="all">What all give, one after the other in the order of ranks.</param>
    /// <param name="counts">How many bytes each rank gives; the same on all ranks.</param>
    /// <exception cref="ArgumentException">Lengths that do not match the counts.</exception>
    /// <exception cref="CommunicationException">A rank is missing, or calls something else.</exception>
    public unsafe void AllGather(ReadOnlySpan<byte> own, Span<byte> all, ReadOnlySpan<long> counts)
    {
        if (counts.Length != Size || own.Length != counts[Rank] || all.Length != Sum(counts))
            throw new ArgumentException($"{own.Length} bytes for {all.Length} in all do not match the counts {Shown(counts)} of {Size} ranks.");
        fixed (byte* from = own)
        fixed (byte* to = all)
            BeginAllGather((nint)from, (nint)to, counts).Wait();
    }

    /// <summary>Sends each rank a block of its own, and receives one from each.</summary>
    /// <param name="send">The blocks for rank 0, 1, …, one after the other.</param>
    /// <param name="sendCounts">How many bytes go to each rank.</param>
    /// <param name="receive">The blocks from rank 0, 1, …, one after the other.</param>
    /// <param name="receiveCounts">How many bytes come from each rank.</param>
    /// <exception cref="ArgumentException">Lengths that do not match the counts.</exception>
    /// <exception cref="CommunicationException">A rank is missing, calls something else, or sends another count.</exception>
    public unsafe void AllToAll(ReadOnlySpan<byte> send, ReadOnlySpan<long> sendCounts, Span<byte> receive, ReadOnlySpan<long> receiveCounts)
    {
        if (sendCounts.Length != Size || receiveCounts.Length != Size || send.Length != Sum(sendCounts) || receive.Length != Sum(receiveCounts))
            throw new ArgumentException($"{send.Length} bytes to send and {receive.Length} to receive do not match the counts {Shown(sendCounts)} and {Shown(receiveCounts)} of {Size} ranks.");
        fixed (byte* from = send)
        fixed (byte* to = receive)
            BeginAllToAll((nint)from, sendCounts, (nint)to, receiveCounts).Wait();
    }

    /// <summary>As <see cref="AllToAll"/>, but returns at once; the memory stays where it is, and unread and unwritten, until <see cref="PendingOperation.Wait"/> is back.</summary>
    /// <param name="send">The blocks for rank 0, 1, …, one after the other.</param>
    /// <param name="sendCounts">How many bytes go to each rank.</param>
    /// <param name="receive">The blocks from rank 0, 1, …, one after the other.</param>
    /// <param name="receiveCounts">How many bytes come from each rank.</param>
    /// <returns>What is to be waited for.</returns>
    /// <exception cref="CommunicationException">A rank is missing, calls something else, or sends another count.</exception>
    public virtual PendingOperation BeginAllToAll(nint send, ReadOnlySpan<long> sendCounts, nint receive, ReadOnlySpan<long> receiveCounts)
    {
        Span<MemoryBlock> from = stackalloc MemoryBlock[Size], to = stackalloc MemoryBlock[Size];
        Cut(send, sendCounts, from);
        Cut(receive, receiveCounts, to);
        return Begin("AllToAll", from, to);
    }

    /// <summary>As <see cref="AllGather"/>, but returns at once; the memory stays where it is, and unwritten, until <see cref="PendingOperation.Wait"/> is back.</summary>
    /// <param name="own">What this rank gives: counts[Rank] bytes; may be its block of <paramref name="all"/>.</param>
    /// <param name="all">What all give, one after the other in the order of ranks.</param>
    /// <param name="counts">How many bytes each rank gives; the same on all ranks.</param>
    /// <returns>What is to be waited for.</returns>
    /// <exception cref="CommunicationException">A rank is missing, or calls something else.</exception>
    public virtual PendingOperation BeginAllGather(nint own, nint all, ReadOnlySpan<long> counts)
    {
        Span<MemoryBlock> from = stackalloc MemoryBlock[Size], to = stackalloc MemoryBlock[Size];
        from.Fill(new(own, counts[Rank]));
        Cut(all, counts, to);
        return Begin("AllGather", from, to);
    }

    /// <summary>Ends this rank's part. The others are not waited for.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>
    /// The one thing that a transport must do: sends <paramref name="send"/>[r] to rank r and receives <paramref name="receive"/>[r] from it, this rank itself
    /// included. Returns at once. A block without bytes needs no message.
    /// </summary>
    /// <param name="operation">The operation's name, for messages and to see that all ranks are in the same.</param>
    /// <param name="send">A block for each rank.</param>
    /// <param name="receive">A block from each rank.</param>
    /// <returns>What is to be waited for; its wait throws <see cref="MissingRankException"/> after <see cref="TimeLimit"/>.</returns>
    protected abstract PendingOperation BeginExchange(string operation, ReadOnlySpan<MemoryBlock> send, ReadOnlySpan<MemoryBlock> receive);

    /// <summary>Ends this rank's part.</summary>
    /// <param name="disposing">False from a finalizer.</param>
    protected virtual void Dispose(bool disposing)
    {
    }

    /// <summary>Counts what goes to and comes from other ranks.</summary>
    /// <param name="send">A block for each rank.</param>
    /// <param name="receive">A block from each rank.</param>
    protected void Count(ReadOnlySpan<MemoryBlock> send, ReadOnlySpan<MemoryBlock> receive)
    {
        for (var rank = 0; rank < Size; rank++)
        {
            if (rank == Rank)
                continue;
            sent = sent.And(send[rank].Bytes);
            received = received.And(receive[rank].Bytes);
        }
    }

    void Run(string operation, ReadOnlySpan<MemoryBlock> send, ReadOnlySpan<MemoryBlock> receive) => Begin(operation, send, receive).Wait();

    PendingOperation Begin(string operation, ReadOnlySpan<MemoryBlock> send, ReadOnlySpan<MemoryBlock> receive)
    {
        Count(send, receive);
        return BeginExchange(operation, send, receive);
    }

    static void Cut(nint start, ReadOnlySpan<long> counts, Span<MemoryBlock> blocks)
    {
        for (var rank = 0; rank < blocks.Length; rank++)
        {
            blocks[rank] = new(start, counts[rank]);
            start += (nint)counts[rank];
        }
    }

    static long Sum(ReadOnlySpan<long> counts)
    {
        var sum = 0L;
        foreach (var count in counts)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(count, nameof(counts));
            sum += count;
        }
        return sum;
    }

    static string Shown(ReadOnlySpan<long> counts) => $"[{string.Join(", ", counts.ToArray())}]";
}
