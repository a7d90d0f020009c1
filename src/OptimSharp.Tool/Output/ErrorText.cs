using System.Text.RegularExpressions;

namespace OptimSharp.Tool;

/// <summary>An exception as one line.</summary>
static partial class ErrorText
{
    public static string Of(Exception exception)
    {
        string text = exception switch
        {
            OutOfMemoryException => "There is not enough memory.",
            ArgumentException { ParamName: { } name } e => ParameterSuffix().Replace(e.Message, "").Replace($" (Parameter '{name}')", "", StringComparison.Ordinal),
            _ => exception.Message,
        };
        // What options of the library are called is not what options of the program are called.
        return Unfinished().Replace(text, "$1").Replace($"set {nameof(CheckpointSaveOptions)}.{nameof(CheckpointSaveOptions.AllowObjects)}", "give --allow-objects", StringComparison.Ordinal)
            .Replace($"Checkpoint.{nameof(Checkpoint.LoadValue)} gives what it is", "'inspect' shows it", StringComparison.Ordinal).ReplaceLineEndings(" ");
    }

    /// <summary>The name that a file has until it is finished.</summary>
    [GeneratedRegex(@"\.([^/\\]+)\.[0-9a-f]{8}\.unfinished")]
    private static partial Regex Unfinished();

    /// <summary>What .NET adds below a message.</summary>
    [GeneratedRegex(@"\r?\nActual value was .*\z", RegexOptions.Singleline)]
    private static partial Regex ParameterSuffix();
}
