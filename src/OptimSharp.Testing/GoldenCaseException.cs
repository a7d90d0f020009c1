namespace OptimSharp.Testing;

/// <summary>An optimizer differs from a golden case, or a case does not keep to the format. The message begins with the case's name.</summary>
public sealed class GoldenCaseException : Exception
{
    internal GoldenCaseException(string message) : base(message)
    {
    }

    internal GoldenCaseException(string message, Exception inner) : base(message, inner)
    {
    }
}
