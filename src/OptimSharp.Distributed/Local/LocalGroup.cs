namespace OptimSharp.Distributed;

/// <summary>Threads that meet at each operation, counted from the group's first. Its lock guards its meetings, too.</summary>
sealed class LocalGroup(int size)
{
    readonly Dictionary<long, LocalMeeting> meetings = [];
    readonly Exception?[] errors = new Exception?[size];
    readonly bool[] left = new bool[size];
    CommunicationException? broken;

    public int Size => size;

    /// <summary>What every rank gets from now on, since the ranks no longer fit together; null: they do.</summary>
    public CommunicationException? Broken => broken;

    /// <summary>Where the ranks meet for an operation. The last to end forgets it.</summary>
    public LocalMeeting Meeting(long number)
    {
        lock (this)
        {
            if (!meetings.TryGetValue(number, out var meeting))
                meetings.Add(number, meeting = new(this, number));
            return meeting;
        }
    }

    public void Forget(long number) => meetings.Remove(number);

    public void Leave(int rank, Exception? error)
    {
        lock (this)
        {
            left[rank] = true;
            errors[rank] = error;
            Monitor.PulseAll(this);
        }
    }

    public bool HasLeft(int rank) => left[rank];

    /// <summary>The error that ended one of the ranks; null: none did.</summary>
    public Exception? ErrorOf(IEnumerable<int> ranks) => ranks.Select(rank => errors[rank]).FirstOrDefault(error => error is not null);

    /// <summary>Nothing works from now on; all who wait are told why.</summary>
    public CommunicationException Break(CommunicationException why)
    {
        broken ??= why;
        Monitor.PulseAll(this);
        return broken;
    }
}
