using System.Runtime.ExceptionServices;

namespace OptimSharp.Engine;

/// <summary>Work that any thread can take pieces of until none is left.</summary>
internal interface ISharedWork
{
    /// <summary>Takes and does pieces until there are none. Called once by each thread that takes part.</summary>
    void TakePart();
}

/// <summary>
/// Does a piece of shared work with the caller's thread and helpers: from the thread pool, or another library's.
/// The caller starts at once and never waits for a helper that has not begun: when the pool is busy the caller does
/// all of it. Nothing is allocated, so a step can run a million times without a collection.
/// </summary>
internal sealed class WorkerTeam(ISharedWork work) : IThreadPoolWorkItem
{
    int open;    // 1 while helpers may join
    int inside;  // helpers at work now
    int queued;  // helpers the pool has not started yet
    ExceptionDispatchInfo? failure; // of a helper: a rule of the user's may throw

    /// <summary>Other threads to use than the pool's.</summary>
    public static IThreads? Borrowed { get; set; }

    public void Run(int threads)
    {
        if (threads <= 1)
        {
            work.TakePart();
            return;
        }
        if (Borrowed is { } others)
        {
            others.Run(work, threads);
            return;
        }

        failure = null;
        Interlocked.Exchange(ref open, 1);
        for (int wanted = threads - 1 - Volatile.Read(ref queued); wanted > 0; wanted--)
        {
            Interlocked.Increment(ref queued);
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
        try
        {
            work.TakePart();
        }
        finally
        {
            // A helper first counts itself in, then looks at open; we first close, then look at the count. Both are
            // full fences, so no helper can slip between.
            Interlocked.Exchange(ref open, 0);
            var spin = new SpinWait();
            while (Volatile.Read(ref inside) != 0)
                spin.SpinOnce(sleep1Threshold: -1);
        }
        Interlocked.Exchange(ref failure, null)?.Throw();
    }

    void IThreadPoolWorkItem.Execute()
    {
        Interlocked.Decrement(ref queued);
        Interlocked.Increment(ref inside);
        try
        {
            if (Volatile.Read(ref open) != 0)
                work.TakePart();
        }
        catch (Exception e) // on a thread of the pool it would end the process
        {
            Volatile.Write(ref failure, ExceptionDispatchInfo.Capture(e));
        }
        finally
        {
            Interlocked.Decrement(ref inside);
        }
    }
}
