using System.Diagnostics;

namespace OptimSharp.Distributed.Mpi;

/// <summary>
/// A wait that takes long. It answers the others' questions and asks where they are: who waits somewhere answers, who computes or hangs does not. So the
/// rank that is missing is named, and not one that waits for it as well.
/// </summary>
sealed class MpiWait(MpiJob job, MpiNotices notices, MpiRecent recent, MpiExchange exchange, bool[] ended, TimeSpan limit, string? activity)
{
    static readonly TimeSpan firstQuestion = TimeSpan.FromSeconds(1), afterEnd = TimeSpan.FromSeconds(0.2);

    readonly MpiNotice?[] answers = new MpiNotice?[job.Size];
    readonly TimeSpan grace = limit == Timeout.InfiniteTimeSpan ? TimeSpan.Zero : TimeSpan.FromSeconds(Math.Clamp(limit.TotalSeconds / 4, 0.2, 2));
    long lastQuestion, endSeen;
    bool asked;

    /// <summary>Hears what the others say. Called under <see cref="MpiJob.Calls"/>.</summary>
    /// <param name="idle">How long nothing has come.</param>
    /// <exception cref="CommunicationException">It is not worth waiting on.</exception>
    public void Listen(TimeSpan idle)
    {
        while (notices.Receive() is { } notice)
        {
            Hear(notice);
            if (notice.Kind is MpiNoticeKind.Question or MpiNoticeKind.Answer)
                JudgeOperation(notice);
        }
        notices.Forward();
        if (Array.IndexOf(ended, true) >= 0)
            JudgeEnded();
        if (!asked && idle > firstQuestion)
            Ask();
        if (limit == Timeout.InfiniteTimeSpan || idle < limit)
            return;
        if (lastQuestion == 0)
        {
            Array.Clear(answers);
            Ask();
            lastQuestion = Stopwatch.GetTimestamp();
        }
        else if (Stopwatch.GetElapsedTime(lastQuestion) > grace)
            throw Verdict();
    }

    /// <summary>Something has come: the time limit begins anew.</summary>
    public void Restart() => lastQuestion = 0;

    void Ask()
    {
        asked = true;
        notices.SendAll(Notice(MpiNoticeKind.Question));
    }

    void Hear(MpiNotice notice)
    {
        switch (notice.Kind)
        {
            case MpiNoticeKind.Question:
                answers[notice.Rank] = notice;
                notices.Send(notice.Rank, Notice(MpiNoticeKind.Answer));
                break;
            case MpiNoticeKind.Answer:
                answers[notice.Rank] = notice;
                break;
            case MpiNoticeKind.Ended:
                ended[notice.Rank] = true;
                break;
            case MpiNoticeKind.GaveUp:
                throw notice.Missing.Length > 0
                    ? new MissingRankException(notice.Missing, notice.Operation, activity, notice.Text)
                    : new CommunicationException($"Rank {notice.Rank} gave up: {notice.Text}");
        }
    }

    /// <summary>Who has ended sends nothing more; what it sent before may take its time.</summary>
    void JudgeEnded()
    {
        var gone = exchange.Awaited.Where(rank => ended[rank]).ToList();
        if (gone.Count == 0)
            endSeen = 0;
        else if (endSeen == 0)
            endSeen = Stopwatch.GetTimestamp();
        else if (Stopwatch.GetElapsedTime(endSeen) > afterEnd)
            throw new MissingRankException(gone, exchange.Operation, activity, gone.Count == 1 ? "has ended" : "have ended");
    }

    /// <summary>Who is ahead knows what it called itself where another rank waits.</summary>
    void JudgeOperation(MpiNotice theirs)
    {
        if (recent.Find(theirs.Number) is { } own && own.Operation != theirs.Operation)
            throw new CommunicationException($"Rank {theirs.Rank} calls {MpiRecent.Text(theirs.Operation, theirs.Activity)} where rank {job.Rank} calls {MpiRecent.Text(own.Operation, own.Activity)}: all ranks must call the same operations in the same order.");
    }

    CommunicationException Verdict()
    {
        var silent = Enumerable.Range(0, job.Size).Where(rank => rank != job.Rank && answers[rank] is null).ToList();
        var missing = exchange.Awaited.Intersect(silent).ToList();
        if (missing.Count == 0)
            missing = silent;
        if (missing.Count > 0)
            return new MissingRankException(missing, exchange.Operation, activity, $"did not come within {limit.TotalSeconds:0.###} s");
        var where = exchange.Awaited.Select(rank => $"rank {rank} waits in {MpiRecent.Text(answers[rank]!.Operation, answers[rank]!.Activity)}, its operation {answers[rank]!.Number + 1}");
        return new CommunicationException($"Rank {job.Rank} waited {limit.TotalSeconds:0.###} s in {MpiRecent.Text(exchange.Operation, activity)}, its operation {exchange.Number + 1}, while {string.Join("; ", where)}: all ranks must call the same in the same order, such as a step, Save or StateDict().");
    }

    MpiNotice Notice(MpiNoticeKind kind) => new(kind, job.Rank, exchange.Number, exchange.Operation, activity, [], "");
}
