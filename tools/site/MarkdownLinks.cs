using System.Text;
using Markdig;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace OptimSharp.Site;

/// <summary>The links of a page, found by a parser: code has none.</summary>
static class MarkdownLinks
{
    static readonly MarkdownPipeline pipeline = new MarkdownPipelineBuilder().UsePreciseSourceLocation().UsePipeTables().Build();

    /// <summary>The links to files, in the page's order, without their anchors.</summary>
    public static IEnumerable<string> Of(string text) => Local(text).Select(link => link.Url!.Split('#')[0]);

    /// <summary>The text with each link to a file replaced; an anchor stays.</summary>
    /// <param name="text">The page.</param>
    /// <param name="replace">From a link's path to another.</param>
    public static string Rewrite(string text, Func<string, string> replace)
    {
        var written = new StringBuilder();
        int end = 0;
        foreach (var link in Local(text).OrderBy(link => link.UrlSpan.Start))
        {
            string[] parts = link.Url!.Split('#', 2);
            written.Append(text, end, link.UrlSpan.Start - end).Append(replace(parts[0]));
            if (parts.Length == 2)
                written.Append('#').Append(parts[1]);
            end = link.UrlSpan.End + 1;
        }
        return written.Append(text, end, text.Length - end).ToString();
    }

    /// <summary>The text of the first heading.</summary>
    public static string Title(string text)
    {
        var heading = Markdown.Parse(text, pipeline).Descendants<HeadingBlock>().FirstOrDefault() ?? throw new InvalidDataException("A page needs a heading.");
        return string.Concat(heading.Inline!.Descendants<Inline>().Select(x => x is LiteralInline literal ? literal.Content.ToString() : x is CodeInline code ? code.Content : ""));
    }

    /// <summary>The headings of the second level, each with the links to files below it.</summary>
    public static IEnumerable<(string Heading, string[] Links)> Sections(string text) =>
        text.Split("\n## ").Skip(1).Select(section => (section.Split('\n')[0].Trim(), Of(section).ToArray()));

    static IEnumerable<LinkInline> Local(string text) =>
        Markdown.Parse(text, pipeline).Descendants<LinkInline>()
            .Where(link => link.Url is { Length: > 0 } url && !url.StartsWith('#') && !url.Contains(':', StringComparison.Ordinal) && !link.UrlSpan.IsEmpty);
}
