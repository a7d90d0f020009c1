namespace OptimSharp.Conformance;

/// <summary>A golden case failed, or does not keep to the format. The message begins with the case's name.</summary>
public sealed class ConformanceException : Exception
{
    public ConformanceException(string message) : base(message)
    {
    }

    public ConformanceException(string message, Exception inner) : base(message, inner)
    {
    }
}
