using System.Runtime.ExceptionServices;

namespace OptimSharp.Engine;

/// <summary>
/// Opens the parameters of a step: fetches each one's gradient and memory. That is a chase of references from one place in memory to the
/// next, so with thousands of parameters several threads share it.
/// </summary>
internal sealed class OpenGradients : ISharedWork
{
    const int Piece = 64;
    const int WorthSharing = 4 * Piece;

    readonly WorkerTeam team;
    StepContext.Entry[] entries = [];
    int next;
    int failedAt;
    GradientUse use;
    ExceptionDispatchInfo? failure;

    public OpenGradients() => team = new WorkerTeam(this);

    /// <summary>Marks the parameters that have a gradient. When some can't be opened, the first one's exception is thrown.</summary>
    public void Run(StepContext.Entry[] entries, int threads, GradientUse use)
    {
        (this.entries, this.use) = (entries, use);
        (next, failedAt, failure) = (0, int.MaxValue, null);
        team.Run(entries.Length < WorthSharing ? 1 : threads);
        failure?.Throw();
    }

    void ISharedWork.TakePart()
    {
        while (true)
        {
            int from = Interlocked.Add(ref next, Piece) - Piece;
            if (from >= Math.Min(entries.Length, Volatile.Read(ref failedAt)))
                return;
            int to = Math.Min(from + Piece, entries.Length);
            for (int i = from; i < to; i++)
            {
                ref var entry = ref entries[i];
                try
                {
                    entry.Present = entry.Parameter.BeginStep(use, out entry.Memory);
                }
#pragma warning disable CA1031 // thrown again when all threads are out
                catch (Exception error)
#pragma warning restore CA1031
                {
                    Fail(i, error);
                    return;
                }
            }
        }
    }

    void Fail(int at, Exception error)
    {
        lock (team)
        {
            if (at < failedAt)
                (failedAt, failure) = (at, ExceptionDispatchInfo.Capture(error));
        }
    }
}
