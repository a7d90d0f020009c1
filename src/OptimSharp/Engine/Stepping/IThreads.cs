namespace OptimSharp.Engine;

/// <summary>Threads of another library, for work to run on.</summary>
internal interface IThreads
{
    /// <summary>Lets up to <paramref name="threads"/> threads, the caller's among them, take part in the work; returns when all are done.</summary>
    void Run(ISharedWork work, int threads);
}
