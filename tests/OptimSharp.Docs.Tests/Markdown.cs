using System.Text.RegularExpressions;
using OptimSharp.Conformance;

namespace OptimSharp.Docs.Tests;

/// <summary>A piece of C# in a page.</summary>
/// <param name="Page">The page, from the repository's root.</param>
/// <param name="Line">Where it begins, 1 first.</param>
/// <param name="Text">The code.</param>
public sealed record CodeBlock(string Page, int Line, string Text);

/// <summary>Reads the repository's pages.</summary>
static partial class Markdown
{
    public static string Root { get; } = GoldenFiles.RepositoryRoot();

    /// <summary>All pages: those of the root and those below docs, tests, tools, samples.</summary>
    public static IEnumerable<string> Pages() =>
        from file in Directory.EnumerateFiles(Root, "*.md").Concat(
            new[] { "bench", "docs", "samples", "tests", "tools" }.Select(f => Path.Combine(Root, f)).Where(Directory.Exists).SelectMany(Files("*.md")))
        let page = PageOf(file)
        orderby page
        select page;

    /// <summary>A page's name: its path from the root.</summary>
    public static string PageOf(string file) => Path.GetRelativePath(Root, file).Replace('\\', '/');

    public static string Read(string page) => File.ReadAllText(Path.Combine(Root, page));

    /// <summary>Source files that are compiled: the tests', the samples' and the product's.</summary>
    public static IEnumerable<string> CompiledFiles() =>
        new[] { "tests", "samples", "src" }.Select(f => Path.Combine(Root, f)).SelectMany(Files("*.cs"));

    /// <summary>The blocks fenced as C#, and the code in table columns that are headed OptimSharp.</summary>
    public static IEnumerable<CodeBlock> CSharp(string page)
    {
        string[] lines = Read(page).Split('\n');
        int column = -1;
        for (int i = 0; i < lines.Length; i++)
        {
            if (Fence().Match(lines[i]) is { Success: true } fence)
            {
                int start = ++i;
                while (i < lines.Length && lines[i].Trim() != "```")
                    i++;
                if (fence.Groups[1].Value is "csharp" or "cs" or "c#")
                    yield return new(page, start + 1, string.Join('\n', lines[start..i]));
                continue;
            }
            string[] cells = lines[i].StartsWith('|') ? Bar().Split(lines[i]) : [];
            if (cells.Length == 0)
                column = -1;
            else if (column < 0)
                column = Math.Max(0, Array.FindIndex(cells, c => c.Trim() == "OptimSharp"));
            else if (column > 0 && column < cells.Length)
            {
                foreach (Match code in InlineCode().Matches(cells[column]))
                    yield return new(page, i + 1, code.Groups[1].Value.Replace("\\|", "|", StringComparison.Ordinal));
            }
        }
    }

    /// <summary>The links to files of the repository, with the page's folder resolved.</summary>
    public static IEnumerable<(string Link, string File)> Links(string page) =>
        from Match match in Link().Matches(Fenced().Replace(Read(page), ""))
        let link = match.Groups[1].Value
        where !link.Contains("://", StringComparison.Ordinal) && !link.StartsWith('#')
        select (link, Path.GetFullPath(Path.Combine(Root, Path.GetDirectoryName(page)!, link.Split('#')[0])));

    static Func<string, IEnumerable<string>> Files(string pattern) => folder =>
        from file in Directory.EnumerateFiles(folder, pattern, SearchOption.AllDirectories)
        where !BuildOutput().IsMatch(Path.GetRelativePath(Root, file))
        select file;

    [GeneratedRegex(@"^\s*```([\w#]*)")]
    private static partial Regex Fence();

    [GeneratedRegex(@"(?<!\\)\|")]
    private static partial Regex Bar();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex InlineCode();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^\s*```.*?^\s*```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fenced();

    [GeneratedRegex(@"(^|[\\/])(bin|obj)[\\/]")]
    private static partial Regex BuildOutput();
}
