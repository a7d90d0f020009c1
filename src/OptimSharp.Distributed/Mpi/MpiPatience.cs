using System.Diagnostics;

namespace OptimSharp.Distributed.Mpi;

/// <summary>
/// How to wait while the library is asked again and again. At first at full speed: most messages take microseconds. Then with a yield in between, so that
/// another rank on this core gets on. Then asleep: who comes after that long is not late by a millisecond more.
/// </summary>
struct MpiPatience(long now)
{
    static readonly long spin = Stopwatch.Frequency / 20_000, yields = Stopwatch.Frequency / 50;
    long since = now;

    /// <summary>How long nothing has happened.</summary>
    public readonly TimeSpan Idle(long now) => Stopwatch.GetElapsedTime(since, now);

    /// <summary>Something has happened.</summary>
    public void Restart(long now) => since = now;

    /// <summary>Lets some time pass.</summary>
    /// <returns>False: so much has passed that the others may be asked.</returns>
    public readonly bool Pause(long now)
    {
        var idle = now - since;
        if (idle < spin)
        {
            Thread.SpinWait(4);
            return true;
        }
        if (idle < yields)
            Thread.Yield();
        else
            Thread.Sleep(1);
        return false;
    }
}
