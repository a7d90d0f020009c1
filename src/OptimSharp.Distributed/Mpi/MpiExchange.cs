namespace OptimSharp.Distributed.Mpi;

/// <summary>
/// One operation: a message to and from each rank, or several where a block is long. All are given to the library at the beginning; it moves them whenever
/// it is called.
/// </summary>
sealed class MpiExchange : PendingOperation
{
    /// <summary>A longer block begins with a piece of this length. It comes as soon as its sender does, so that who has waited for long stays awake for the rest.</summary>
    public const int FirstBytes = 4096;

    /// <summary>Blocks that are longer than this go in pieces: MPI counts in <see cref="int"/>, and what comes piece by piece is seen to come.</summary>
    public static int PieceBytes { get; set; } = 64 << 20;

    readonly MpiCommunicator owner;
    readonly MpiJob job;
    readonly Message[] messages;
    int open;

    /// <summary>Gives the messages to the library. Called under <see cref="MpiJob.Calls"/>.</summary>
    public MpiExchange(MpiCommunicator owner, MpiJob job, string operation, long number, ReadOnlySpan<MemoryBlock> send, ReadOnlySpan<MemoryBlock> receive)
    {
        (this.owner, this.job, Operation, Number) = (owner, job, operation, number);
        messages = new Message[Pieces(send, job.Rank) + Pieces(receive, job.Rank)];
        var tag = Tag(operation, number);
        // Receives first, so that bytes that come find their place; each rank begins with its neighbour, so that not all send to the same.
        for (var step = 1; step < job.Size; step++)
            Begin(receive, (job.Rank - step + job.Size) % job.Size, tag, true);
        for (var step = 1; step < job.Size; step++)
            Begin(send, (job.Rank + step) % job.Size, tag, false);
    }

    public string Operation { get; }

    /// <summary>Counted from the communicator's first operation; the same on all ranks.</summary>
    public long Number { get; }

    /// <summary>Whether its wait has returned or thrown.</summary>
    public bool IsOver { get; set; }

    /// <summary>How many messages are still on their way.</summary>
    public int Open => open;

    /// <summary>The ranks whose messages, to or from here, are still on their way.</summary>
    public IReadOnlyList<int> Awaited => [.. messages.Take(open).Select(message => message.Rank).Distinct().Order()];

    public override void Wait() => owner.Complete(this);

    /// <summary>Whether all messages are through. Called under <see cref="MpiJob.Calls"/>.</summary>
    public bool Poll()
    {
        for (var i = open - 1; i >= 0; i--)
        {
            ref var message = ref messages[i];
            int received;
            try
            {
                if (!job.Library.Test(ref message.Request, message.Receives, out received))
                    continue;
            }
            catch (MpiException e)
            {
                var failed = message;
                message = messages[--open]; // the library has forgotten it
                throw new CommunicationException($"A message of {failed.Bytes} bytes {(failed.Receives ? "from" : "to")} rank {failed.Rank} failed in {Operation}: {e.Message}", e);
            }
            var done = message;
            message = messages[--open];
            if (done.Receives && received != done.Bytes)
                throw new CommunicationException($"Rank {done.Rank} sends {received} bytes to rank {job.Rank}, which expects {done.Bytes} from it, in {Operation}{(owner.Activity is { } activity ? $" ({activity})" : "")}: all ranks must call the same in the same order, such as a step, Save or StateDict().");
        }
        return open == 0;
    }

    /// <summary>Takes back what has not been received, as far as the library can. Called under <see cref="MpiJob.Calls"/>.</summary>
    public void Cancel()
    {
        for (var i = 0; i < open; i++)
            if (messages[i].Receives)
                job.Library.Cancel(ref messages[i].Request);
    }

    /// <summary>After <see cref="Cancel"/>: whether the library writes into the caller's memory no more.</summary>
    public bool IsCancelled()
    {
        var left = 0;
        for (var i = open - 1; i >= 0; i--)
        {
            if (!messages[i].Receives)
                continue;
            if (job.Library.Test(ref messages[i].Request, false, out _))
                messages[i] = messages[--open];
            else
                left++;
        }
        return left == 0;
    }

    /// <summary>Messages of different operations never meet: an operation of another name, or the one before, has another tag. All are below 32,768, which every library allows.</summary>
    static int Tag(string operation, long number)
    {
        var name = 0u;
        foreach (var letter in operation)
            name = name * 31 + letter;
        return MpiNotices.Tag + 1 + (int)(number % 512) * 61 + (int)(name % 61);
    }

    static int Pieces(ReadOnlySpan<MemoryBlock> blocks, int own)
    {
        var pieces = 0;
        for (var rank = 0; rank < blocks.Length; rank++)
            for (long done = 0; rank != own && done < blocks[rank].Bytes; pieces++)
                done += Piece(blocks[rank].Bytes, done);
        return pieces;
    }

    /// <summary>How long the piece is that comes after so many bytes of a block; the same for who sends and who receives.</summary>
    static int Piece(long block, long done) => done == 0 && block > 64 * FirstBytes ? FirstBytes : (int)Math.Min(PieceBytes, block - done);

    void Begin(ReadOnlySpan<MemoryBlock> blocks, int rank, int tag, bool receives)
    {
        int bytes;
        for (long done = 0; done < blocks[rank].Bytes; done += bytes)
        {
            bytes = Piece(blocks[rank].Bytes, done);
            var address = (nint)(blocks[rank].Address + done);
            var request = receives
                ? job.Library.Receive(address, bytes, rank, tag, job.World)
                : job.Library.Send(address, bytes, rank, tag, job.World);
            messages[open++] = new() { Request = request, Rank = rank, Bytes = bytes, Receives = receives };
        }
    }

    struct Message
    {
        public nint Request;
        public int Rank, Bytes;
        public bool Receives;
    }
}
