using System.Diagnostics;

namespace OptimSharp;

/// <summary>
/// Where the library says that something is probably not meant: a scheduler stepped before its optimizer, say. Also written
/// to <see cref="Trace"/>. Nothing is thrown and nothing changes.
/// </summary>
public static class Warnings
{
    /// <summary>Raised with the sender (an optimizer or a scheduler) and the text.</summary>
    public static event EventHandler<WarningEventArgs>? Raised;

    internal static void Raise(object sender, string message)
    {
        Trace.TraceWarning(message);
        Raised?.Invoke(sender, new WarningEventArgs(message));
    }
}

/// <summary>A warning's text.</summary>
/// <param name="message">What is probably not meant, and what to do.</param>
public sealed class WarningEventArgs(string message) : EventArgs
{
    /// <summary>What is probably not meant, and what to do.</summary>
    public string Message { get; } = message;
}
