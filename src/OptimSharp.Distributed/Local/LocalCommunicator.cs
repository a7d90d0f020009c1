namespace OptimSharp.Distributed;

/// <summary>One thread's end of a <see cref="LocalGroup"/>.</summary>
sealed class LocalCommunicator(LocalGroup group, int rank) : Communicator
{
    long operations;
    bool disposed;

    public override int Rank => rank;

    public override int Size => group.Size;

    /// <summary>This rank's program has ended with an error: the others need not wait.</summary>
    public void Fail(Exception error)
    {
        disposed = true;
        group.Leave(rank, error);
    }

    protected override PendingOperation BeginExchange(string operation, ReadOnlySpan<MemoryBlock> send, ReadOnlySpan<MemoryBlock> receive)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        var meeting = group.Meeting(operations++);
        meeting.Come(rank, operation, send.ToArray(), receive.ToArray());
        return new Pending(this, meeting);
    }

    protected override void Dispose(bool disposing)
    {
        if (!disposed)
            group.Leave(rank, null);
        disposed = true;
        base.Dispose(disposing);
    }

    sealed class Pending(LocalCommunicator owner, LocalMeeting meeting) : PendingOperation
    {
        public override void Wait() => meeting.Wait(owner.Rank, owner.TimeLimit, owner.Activity);
    }
}
