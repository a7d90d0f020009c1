using System.CommandLine;

namespace OptimSharp.Tool;

/// <summary>What shells call for each press of Tab: the words before the cursor, of which the last may be begun only, and gives all that it may become, one a line.</summary>
static class CandidatesCommand
{
    public static Command Make(Screen screen)
    {
        var words = new Argument<string[]>("words") { Arity = ArgumentArity.OneOrMore };
        var command = new Command("candidates", "Prints what the last of these words may become.") { words };
        command.Hidden = true;
        command.SetAction(line =>
        {
            string[] given = line.GetRequiredValue(words);
            foreach (string candidate in Of((RootCommand)line.RootCommandResult.Command, given[..^1], given[^1]))
                screen.Line(candidate);
            return ExitCode.Good;
        });
        return command;
    }

    /// <param name="root">The program.</param>
    /// <param name="before">The words before, without the program's name.</param>
    /// <param name="begun">What there is of the last; empty for nothing.</param>
    public static IReadOnlyList<string> Of(RootCommand root, IReadOnlyList<string> before, string begun)
    {
        if (begun.StartsWith("--", StringComparison.Ordinal) && begun.IndexOf('=', StringComparison.Ordinal) is > 0 and var at)
            return [.. Of(root, [.. before, begun[..at]], begun[(at + 1)..]).Select(value => begun[..(at + 1)] + value)];
        // Values do not change what may follow, and a line's own quotes and spaces are no matter then.
        string line = string.Join(' ', before.Select(word => word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') ? word : "x").Prepend("optimsharp")) + " ";
        string[] all = [.. root.Parse(line).GetCompletions(line.Length).Select(c => c.Label)];
        bool isExpression = all.Any(SchedulerCatalog.All.Keys.Select(name => name + "(").Contains);
        if (begun.StartsWith('-'))
            return Beginning([.. root.Parse(line + "-").GetCompletions(line.Length + 1).Select(c => c.Label)], begun);
        return isExpression ? ScheduleCandidates.Of(begun) : Beginning(all.Where(label => !label.StartsWith('-')), begun);
    }

    static IReadOnlyList<string> Beginning(IEnumerable<string> all, string begun) => [.. all.Where(label => label.StartsWith(begun, StringComparison.Ordinal)).Distinct().Order(StringComparer.Ordinal)];
}
