namespace OptimSharp.Distributed;

/// <summary>Ranks could not talk, or do not fit together.</summary>
public class CommunicationException : Exception
{
    /// <summary>With a message.</summary>
    /// <param name="message">What went wrong.</param>
    public CommunicationException(string message) : base(message)
    {
    }

    /// <summary>With a message and a cause.</summary>
    /// <param name="message">What went wrong.</param>
    /// <param name="cause">Why.</param>
    public CommunicationException(string message, Exception? cause) : base(message, cause)
    {
    }
}
