namespace OptimSharp.Distributed;

/// <summary>Ranks did not come to an operation within its time limit, or are gone.</summary>
public sealed class MissingRankException : CommunicationException
{
    /// <summary>Says who is missing where.</summary>
    /// <param name="ranks">The ranks that are missing.</param>
    /// <param name="operation">The operation that waited for them.</param>
    /// <param name="activity">What the program was doing; null: not known.</param>
    /// <param name="reason">Why they are missing, such as "did not come within 10 s".</param>
    /// <param name="cause">The error that ended a rank, if known.</param>
    public MissingRankException(IReadOnlyList<int> ranks, string operation, string? activity, string reason, Exception? cause = null)
        : base($"{(ranks.Count == 1 ? "Rank" : "Ranks")} {string.Join(", ", ranks)} {reason}; {operation}{(activity is null ? "" : $" of {activity}")} waited for {(ranks.Count == 1 ? "it" : "them")}.", cause)
    {
        Ranks = ranks;
        Operation = operation;
        Activity = activity;
        Reason = reason;
    }

    internal MissingRankException(MissingRankException other, Exception? cause) : base(other.Message, cause)
    {
        Ranks = other.Ranks;
        Operation = other.Operation;
        Activity = other.Activity;
        Reason = other.Reason;
    }

    /// <summary>The ranks that are missing, in order.</summary>
    public IReadOnlyList<int> Ranks { get; }

    /// <summary>The operation that waited for them, such as "AllGather".</summary>
    public string Operation { get; }

    /// <summary>What the program was doing, as <see cref="Communicator.Activity"/> said; null: nothing was said.</summary>
    public string? Activity { get; }

    /// <summary>Why they are missing, for other ranks to say the same.</summary>
    internal string Reason { get; }
}
