namespace OptimSharp.Distributed.Mpi;

/// <summary>
/// MPI in this process, from its beginning to its end. Both happen on one thread of its own, as MPI asks for, and so that neither can hold the program for
/// ever. Everything in between is called by whoever needs it, under <see cref="Calls"/>.
/// </summary>
sealed class MpiJob
{
    static readonly Lock creation = new();
    static bool began;

    readonly TaskCompletionSource begun = new(), wantedEnd = new(), ended = new();
    Exception? error;

    MpiJob(MpiLibrary library)
    {
        Library = library;
        new Thread(Live) { IsBackground = true, Name = "MPI" }.Start();
    }

    public MpiLibrary Library { get; }

    /// <summary>Held by whoever calls the library: one thread at a time.</summary>
    public Lock Calls { get; } = new();

    /// <summary>All ranks, for our messages alone.</summary>
    public nint World { get; private set; }

    public int Rank { get; private set; }

    public int Size { get; private set; }

    /// <summary>Begins MPI, which waits for all ranks to do so.</summary>
    /// <exception cref="InvalidOperationException">It was begun before: MPI allows that once in a process.</exception>
    /// <exception cref="CommunicationException">It failed, or not all ranks came within the limit.</exception>
    public static MpiJob Begin(MpiLibrary library, TimeSpan limit)
    {
        lock (creation)
        {
            if (began)
                throw new InvalidOperationException("MPI can be begun once in a process: keep its communicator for as long as the program talks to others.");
            began = true;
        }
        var job = new MpiJob(library);
        if (!Within(limit, job.begun.Task))
            throw new CommunicationException($"Not all ranks began MPI within {limit.TotalSeconds:0.###} s: each process that the launcher starts must create its communicator.");
        return job.error is null ? job : throw new CommunicationException($"MPI did not begin: {job.error.Message}", job.error);
    }

    /// <summary>Ends MPI, which waits for all ranks to do so.</summary>
    /// <returns>False: they did not within the limit, or the library failed.</returns>
    public bool End(TimeSpan limit)
    {
        wantedEnd.TrySetResult();
        return Within(limit, ended.Task) && error is null;
    }

    /// <summary>Ends all processes of the job, also when a thread is within a call that does not return.</summary>
    public void Abort(int code)
    {
        var entered = Calls.TryEnter(TimeSpan.FromSeconds(1));
        try
        {
            Library.Abort(code);
        }
        finally
        {
            if (entered)
                Calls.Exit();
        }
    }

    static bool Within(TimeSpan limit, Task task) => task.Wait((int)Math.Min(limit.TotalMilliseconds, int.MaxValue)); // −1: for ever

    void Live()
    {
        try
        {
            Library.Init();
            World = Library.OwnWorld();
            Rank = Library.Rank(World);
            Size = Library.Size(World);
        }
        catch (Exception e)
        {
            error = e;
        }
        begun.SetResult();
        if (error is not null)
            return;
        wantedEnd.Task.Wait();
        try
        {
            lock (Calls)
            {
                Library.Free(World);
                Library.Finish();
            }
        }
        catch (CommunicationException e)
        {
            error = e;
        }
        ended.SetResult();
    }
}
