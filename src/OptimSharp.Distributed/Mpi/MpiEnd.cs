using System.Diagnostics;

namespace OptimSharp.Distributed.Mpi;

/// <summary>The end of a rank's part. Each tells the others, who then do not wait for it, and waits until all have done so: then no message is left on the way.</summary>
sealed class MpiEnd(MpiSession session, MpiNotices notices, bool[] ended)
{
    /// <returns>False: not all ended within the limit, or one gave up.</returns>
    public bool Await(TimeSpan limit)
    {
        try
        {
            lock (session.Calls)
                notices.SendAll(new(MpiNoticeKind.Ended, session.Rank, 0, "", [], ""));
            ended[session.Rank] = true;
            var start = Stopwatch.GetTimestamp();
            var patience = new MpiPatience(start);
            while (limit == Timeout.InfiniteTimeSpan || Stopwatch.GetElapsedTime(start) < limit)
            {
                lock (session.Calls)
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
