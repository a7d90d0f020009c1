using System.CommandLine;
using System.CommandLine.Invocation;

namespace OptimSharp.Tool;

/// <summary>Help that calls the program by its command's name, not by its file's.</summary>
/// <param name="help">What writes it.</param>
sealed class NamedHelp(SynchronousCommandLineAction help) : SynchronousCommandLineAction
{
    public override int Invoke(ParseResult parseResult)
    {
        var output = parseResult.InvocationConfiguration.Output;
        var text = new StringWriter();
        parseResult.InvocationConfiguration.Output = text;
        int code = help.Invoke(parseResult);
        parseResult.InvocationConfiguration.Output = output;
        foreach (string line in text.ToString().Replace(RootCommand.ExecutableName, "optimsharp", StringComparison.Ordinal).ReplaceLineEndings("\n").TrimEnd('\n').Split('\n'))
            output.WriteLine(line.TrimEnd());
        return code;
    }
}
