namespace OptimSharp.Distributed;

/// <summary>An operation that has begun.</summary>
public abstract class PendingOperation
{
    /// <summary>Waits until what this rank sends has left and what it receives is there. Again: returns at once.</summary>
    /// <exception cref="CommunicationException">A rank is missing, calls something else, or sends another count.</exception>
    public abstract void Wait();
}
