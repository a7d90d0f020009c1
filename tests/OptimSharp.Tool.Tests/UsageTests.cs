namespace OptimSharp.Tool.Tests;

/// <summary>What is wrong with a command line is said in one line: what it is, and what may be there.</summary>
public class UsageTests
{
    [Theory]
    [InlineData("There is no command 'inpsect'; there are: inspect, stat, diff, verify, convert, average, prefix, extract. Did you mean 'inspect'? See optimsharp checkpoint --help.", "checkpoint", "inpsect", "x")]
    [InlineData("There is no command 'look'; there are: checkpoint, schedule, plan, completion. See optimsharp --help.", "look")]
    [InlineData("A command is missing: checkpoint, schedule, plan, completion. See optimsharp --help.")]
    [InlineData("A command is missing: inspect, stat, diff, verify, convert, average, prefix, extract. See optimsharp checkpoint --help.", "checkpoint")]
    [InlineData("--steps must be a whole number from -2147483648 to 2147483647, but is '1e3'. See optimsharp schedule --help.", "schedule", "StepLR(30)", "--steps", "1e3")]
    [InlineData("--steps must be a whole number from -2147483648 to 2147483647, but is '3000000000'. See optimsharp schedule --help.", "schedule", "StepLR(30)", "--steps", "3000000000")]
    [InlineData("--momentum must be a number, but is 'much'. See optimsharp schedule --help.", "schedule", "StepLR(30)", "--momentum", "much")]
    [InlineData("--steps needs a value: --steps N. See optimsharp schedule --help.", "schedule", "StepLR(30)", "--steps")]
    [InlineData("--steps is given 2 times, and may be once. See optimsharp schedule --help.", "schedule", "StepLR(30)", "--steps", "1", "--steps", "2")]
    [InlineData("There is no option '--jsn'. Did you mean '--json'? See optimsharp checkpoint stat --help.", "checkpoint", "stat", "x.pt", "--jsn")]
    [InlineData("There is no option '--speed'. See optimsharp checkpoint stat --help.", "checkpoint", "stat", "x.pt", "--speed=3")]
    [InlineData("'y.pt' is one argument too many for stat. See optimsharp checkpoint stat --help.", "checkpoint", "stat", "x.pt", "y.pt")]
    [InlineData("stat needs FILE. See optimsharp checkpoint stat --help.", "checkpoint", "stat")]
    [InlineData("schedule needs SCHEDULE. See optimsharp schedule --help.", "schedule")]
    public void One_line_says_what_is_wrong(string said, params string[] line) => Assert.Equal($"optimsharp: {said}\n", ToolRun.Failed(line));

    [Theory]
    [InlineData("checkpoint", "diff", "x.pt")]
    [InlineData("checkpoint", "extract")]
    [InlineData("checkpoint", "extract", "model")]
    [InlineData("checkpoint", "extract", "model", "x.pt", "-o")]
    [InlineData("checkpoint", "average")]
    [InlineData("checkpoint", "prefix")]
    [InlineData("checkpoint", "prefix", "strip")]
    [InlineData("checkpoint", "convert", "x.pt")]
    [InlineData("schedule", "StepLR(1)", "--json", "--json=maybe")]
    [InlineData("schedule", "StepLR(1)", "--group", "")]
    [InlineData("completion", "fish")]
    [InlineData("plan", "x.pt", "--optimizer")]
    [InlineData("-")]
    [InlineData("--", "x")]
    public void Nothing_of_NET_is_seen(params string[] line)
    {
        string error = ToolRun.Failed(line);
        foreach (string word in (string[])["System.", "Nullable", "Cannot parse", "Required", "Unrecognized", "expected type"])
            Assert.DoesNotContain(word, error, StringComparison.Ordinal);
    }
}
