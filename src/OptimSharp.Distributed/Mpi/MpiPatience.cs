using System.Diagnostics;

namespace OptimSharp.Distributed.Mpi;

/// <summary>
/// How to wait while the library is asked again and again. At first at full speed: most messages take microseconds. Then with a yield in between, so that
/// another rank on this core gets on. Then asleep, for a small part of the time that has passed: who comes after that long is hardly later for it.
/// </summary>
struct MpiPatience(long now)
{
    static readonly long spin = Stopwatch.Frequency / 20_000, yields = Stopwatch.Frequency / 50, yieldsAfterSome = Stopwatch.Frequency / 5;
    long since = now, awake = yields;

    /// <summary>How long nothing has happened.</summary>
    public readonly TimeSpan Idle(long now) => Stopwatch.GetElapsedTime(since, now);

    /// <summary>Something has come, and the rest is likely to: a library that copies when it is called must not wait for a sleeper.</summary>
    public void Restart(long now) => (since, awake) = (now, yieldsAfterSome);

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
        if (idle < awake)
            Thread.Yield();
        else
            Thread.Sleep((int)Math.Clamp(idle * 1000 / Stopwatch.Frequency / 20, 1, 10));
        return false;
    }
}
