using System.Diagnostics;

namespace OptimSharp.Distributed.Mpi;

/// <summary>The end of a rank's part. Each tells the others, who then do not wait for it, and waits until all have done so: then no message is left on the way.</summary>
sealed class MpiEnd(MpiJob job, MpiNotices notices, bool[] ended)
{
    /// <returns>False: not all ended within the limit, or one gave up.</returns>
    public bool Await(TimeSpan limit)
    {
        try
        {
            lock (job.Calls)
                notices.SendAll(new(MpiNoticeKind.Ended, job.Rank, 0, "", null, [], ""));
            ended[job.Rank] = true;
            var start = Stopwatch.GetTimestamp();
            var patience = new MpiPatience(start);
            while (limit == Timeout.InfiniteTimeSpan || Stopwatch.GetElapsedTime(start) < limit)
            {
                lock (job.Calls)
                {
                    while (notices.Receive() is { } notice)
                    {
                        if (notice.Kind == MpiNoticeKind.GaveUp)
                            return false;
                        ended[notice.Rank] |= notice.Kind == MpiNoticeKind.Ended;
                    }
                    if (notices.Forward() && Array.TrueForAll(ended, one => one))
                        return true;
                }
                patience.Pause(Stopwatch.GetTimestamp());
            }
        }
        catch (MpiException)
        {
            // The library fails: there is no end in order.
        }
        return false;
    }
}
