using System.Text.Json.Nodes;

namespace OptimSharp.Tool.Tests;

/// <summary>What a command line of the tool did, in this process.</summary>
/// <param name="Code">What it ended with.</param>
/// <param name="Output">What it wrote to standard output.</param>
/// <param name="Error">What it wrote to standard error.</param>
sealed record ToolRun(int Code, string Output, string Error)
{
    public static ToolRun Of(params string[] arguments)
    {
        StringWriter output = new() { NewLine = "\n" }, error = new() { NewLine = "\n" };
        int code = Tool.Run(arguments, Screen.Of(output, error));
        return new(code, output.ToString(), error.ToString());
    }

    /// <summary>One that has to be done.</summary>
    public static ToolRun Good(params string[] arguments)
    {
        var run = Of(arguments);
        Assert.True(run.Code == ExitCode.Good, $"{string.Join(' ', arguments)} ended with {run.Code}: {run.Error}{run.Output}");
        Assert.Empty(run.Error);
        return run;
    }

    /// <summary>One that can't be done, which is said in one line.</summary>
    public static string Failed(params string[] arguments)
    {
        var run = Of(arguments);
        Assert.True(run.Code == ExitCode.Failed, $"{string.Join(' ', arguments)} ended with {run.Code}: {run.Error}{run.Output}");
        Assert.Empty(run.Output);
        Assert.StartsWith("optimsharp: ", run.Error, StringComparison.Ordinal);
        Assert.True(run.Error.Count(c => c == '\n') == 1 && run.Error.EndsWith('\n'), run.Error);
        return run.Error;
    }

    /// <summary>What it wrote, with --json.</summary>
    public static JsonNode Json(params string[] arguments) => JsonNode.Parse(Of([.. arguments, "--json"]).Output)!;
}
