namespace OptimSharp.Tool;

/// <summary>Something that was asked for can't be done. The message is all that is shown.</summary>
sealed class ToolException(string message) : Exception(message);
