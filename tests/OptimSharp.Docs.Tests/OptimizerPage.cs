using System.Text.RegularExpressions;

namespace OptimSharp.Docs.Tests;

/// <summary>A row of the guide.</summary>
/// <param name="Heading">The heading of the guide that it stands under.</param>
/// <param name="Row">The row.</param>
sealed record Choice(string Heading, string Row);

/// <summary>What lists take from an optimizer's page.</summary>
static partial class OptimizerPage
{
    /// <summary>The row of the guide that the page's sentence makes.</summary>
    public static Choice ChoiceOf(string optimizer)
    {
        var said = Said(optimizer, Sentence(), "[Most models](../choosing.md#most-models): take it, with its momentum, for a large model, because it learns.");
        string heading = said.Groups["heading"].Value;
        Assert.True(Lists.Headings.Contains(heading), $"{PathOf(optimizer)}: docs/choosing.md has no table of '{heading}'; it has {string.Join(", ", Lists.Headings)}.");
        Assert.Equal(heading.Replace(' ', '-').Replace("'", "", StringComparison.Ordinal), said.Groups["anchor"].Value, ignoreCase: true);
        return new(heading, $"| {said.Groups["for"]} | [{optimizer}](optimizers/{optimizer}.md){said.Groups["with"]} | {said.Groups["because"]} |");
    }

    /// <summary>How large the page says the state is.</summary>
    public static string StateOf(string optimizer) => Said(optimizer, InAll(), "In all: 8 bytes.").Groups[1].Value;

    /// <summary>The page's example as a test.</summary>
    public static string TestOf(string optimizer)
    {
        var code = Assert.Single(Markdown.CSharp(PathOf(optimizer))).Text.Split('\n').Select(line => line.Length > 0 ? "        " + line : line);
        return $"    [Fact]\n    public void {optimizer}_page()\n    {{\n{string.Join('\n', code)}\n    }}";
    }

    static Match Said(string optimizer, Regex sentence, string example)
    {
        var match = sentence.Match(Markdown.Read(PathOf(optimizer)));
        Assert.True(match.Success, $"{PathOf(optimizer)} needs a line like this one:\n{example}");
        return match;
    }

    static string PathOf(string optimizer) => $"docs/optimizers/{optimizer}.md";

    [GeneratedRegex(@"^\[(?<heading>.+)\]\(\.\./choosing\.md#(?<anchor>[\w-]+)\): take it(?<with>, with [^,]+)?,? for (?<for>.+?), because (?<because>.+)\.$", RegexOptions.Multiline)]
    private static partial Regex Sentence();

    [GeneratedRegex(@"^In all: (.+)\.$", RegexOptions.Multiline)]
    private static partial Regex InAll();
}
