using System.Diagnostics;
using OptimSharp.Distributed.Mpi;

namespace OptimSharp.Distributed;

/// <summary>
/// The processes that an MPI launcher (mpirun, mpiexec, srun) started. The library is found at run time: Open MPI, MPICH and its relatives (Intel, Cray,
/// MVAPICH, MS-MPI), or MPI 5's common one.
/// </summary>
/// <remarks>
/// <para>MPI begins once in a process, and all its processes begin and end together: create one communicator, and dispose it when the program has no more to
/// say to the others. A process that fails with an exception that nobody catches ends the whole job, so that nobody waits for it.</para>
/// <para>Operations that have begun go on whenever any method of the communicator is called, and within waits; how far they get in between is the library's
/// matter. On one machine, short messages pass at once; of long ones most libraries copy only when they are called.</para>
/// <para>The environment variable OPTIMSHARP_MPI_LIBRARY names the library to load (a name or a path), instead of the usual names.</para>
/// </remarks>
public sealed class MpiCommunicator : Communicator
{
    readonly MpiJob job;
    readonly MpiNotices notices;
    readonly MpiExit exit;
    readonly bool[] ended;
    readonly List<MpiExchange> exchanges = [];
    readonly MpiRecent recent = new();
    long operations;
    CommunicationException? broken;
    volatile MpiExchange? waiting;
    bool disposed;

    /// <summary>Begins MPI. Waits for all ranks to do so.</summary>
    /// <param name="library">The MPI library, by name or path; null: what OPTIMSHARP_MPI_LIBRARY names, else the first that is found.</param>
    /// <param name="timeLimit">How long to wait for the other ranks; also the first <see cref="Communicator.TimeLimit"/>. null: 10 minutes.</param>
    /// <exception cref="InvalidOperationException">MPI was begun before in this process.</exception>
    /// <exception cref="CommunicationException">There is no library, not all ranks came, or the library is not of the MPI that started this process.</exception>
    public MpiCommunicator(string? library = null, TimeSpan? timeLimit = null)
    {
        TimeLimit = timeLimit ?? TimeLimit;
        var launch = MpiLaunch.OfThisProcess();
        var named = library ?? Environment.GetEnvironmentVariable(MpiNames.Variable);
        job = MpiJob.Begin(MpiLibrary.Load(string.IsNullOrEmpty(named) ? null : named, launch is null || launch.OpenMpi), TimeLimit);
        notices = new(job);
        ended = new bool[job.Size];
        exit = new(this, job);
        if (launch is not null && launch.Size > 1 && job.Size == 1)
        {
            Dispose();
            throw new CommunicationException($"{launch.Launcher} started this process as rank {launch.Rank} of {launch.Size}, but the library '{job.Library.Name}' ({job.Library.Version}) "
                + $"knows of one rank only: it belongs to another MPI. Start the program with that one's launcher, or name the launcher's library in {MpiNames.Variable}.");
        }
    }

    /// <inheritdoc/>
    public override int Rank => job.Rank;

    /// <inheritdoc/>
    public override int Size => job.Size;

    /// <summary>The MPI library's name and version, as it says them.</summary>
    public string Library => job.Library.Version;

    /// <summary>Whether ranks have given up: then the job cannot end in order.</summary>
    internal bool IsBroken => broken is not null;

    /// <summary>Where this rank waits just now, in words; null: it does not.</summary>
    internal string? Waiting => waiting is { } exchange ? MpiRecent.Text(exchange.Operation, Activity) : null;

    internal MpiJob Job => job;

    /// <summary>Waits for an operation.</summary>
    internal void Complete(MpiExchange exchange)
    {
        if (exchange.IsOver)
            return;
        ThrowIfUnusable();
        waiting = exchange;
        try
        {
            Await(exchange);
        }
        catch (CommunicationException e)
        {
            throw GiveUp(e, exchange);
        }
        finally
        {
            waiting = null;
        }
        exchange.IsOver = true;
        exchanges.Remove(exchange);
    }

    /// <inheritdoc/>
    protected override unsafe PendingOperation BeginExchange(string operation, ReadOnlySpan<MemoryBlock> send, ReadOnlySpan<MemoryBlock> receive)
    {
        ThrowIfUnusable();
        var (from, to) = (send[Rank], receive[Rank]);
        if (from.Bytes != to.Bytes)
            throw GiveUp(new CommunicationException($"Rank {Rank} sends {from.Bytes} bytes to itself, and expects {to.Bytes}, in {operation}."), null);
        MpiExchange exchange;
        try
        {
            lock (job.Calls)
            {
                foreach (var open in exchanges)
                    open.Poll();
                recent.Add(operations, operation, Activity);
                exchange = new(this, job, operation, operations++, send, receive);
            }
        }
        catch (CommunicationException e)
        {
            throw GiveUp(e, null);
        }
        exchanges.Add(exchange);
        if (from.Address != to.Address)
            Buffer.MemoryCopy((void*)from.Address, (void*)to.Address, to.Bytes, from.Bytes);
        return exchange;
    }

    /// <summary>Waits until all ranks do this, within <see cref="Communicator.TimeLimit"/>, and ends MPI. After a failure it does not wait, and the job is ended when this process exits.</summary>
    /// <param name="disposing">Always true.</param>
    protected override void Dispose(bool disposing)
    {
        if (disposed)
            return;
        disposed = true;
        var others = new MpiEnd(job, notices, ended);
        if (broken is null && exchanges.Count == 0 && others.Await(TimeLimit) && job.End(TimeLimit))
            exit.Forget();
        else
            broken ??= new CommunicationException("The ranks did not end together.");
        base.Dispose(disposing);
    }

    void Await(MpiExchange exchange)
    {
        var patience = new MpiPatience(Stopwatch.GetTimestamp());
        MpiWait? wait = null;
        var open = exchange.Open;
        while (true)
        {
            lock (job.Calls)
            {
                if (exchange.Poll())
                    return;
                var now = Stopwatch.GetTimestamp();
                if (exchange.Open != open)
                {
                    open = exchange.Open;
                    patience.Restart(now);
                    wait?.Restart();
                }
            }
            var late = Stopwatch.GetTimestamp();
            if (patience.Pause(late))
                continue;
            wait ??= new(job, notices, recent, exchange, ended, TimeLimit, Activity);
            lock (job.Calls)
                wait.Listen(patience.Idle(late));
        }
    }

    /// <summary>Tells the others, so that they need not wait for the limit; takes the memory of operations back from the library; from now on nothing works.</summary>
    CommunicationException GiveUp(CommunicationException why, MpiExchange? exchange)
    {
        broken = why;
        try
        {
            lock (job.Calls)
            {
                var missing = why as MissingRankException;
                notices.SendAll(new(MpiNoticeKind.GaveUp, Rank, operations, missing?.Operation ?? exchange?.Operation ?? "", Activity, [.. missing?.Ranks ?? []], missing?.Reason ?? why.Message));
                exchanges.ForEach(open => open.Cancel());
                var start = Stopwatch.GetTimestamp();
                while (exchanges.Any(open => !open.IsCancelled()) && Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(0.2))
                    Thread.Yield();
            }
        }
        catch (MpiException)
        {
            // The reason is thrown; that the library cannot even do this adds nothing.
        }
        exchanges.Clear();
        return why;
    }

    void ThrowIfUnusable()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (broken is not null)
            throw broken is MissingRankException missing ? new MissingRankException(missing, missing.InnerException ?? missing) : new CommunicationException(broken.Message, broken);
    }
}
