using System.Text.RegularExpressions;
using OptimSharp.Conformance;
using OptimSharp.Schedulers;

namespace OptimSharp.Docs.Tests;

/// <summary>What the pages say is so: their code compiles, their links lead somewhere, and what exists is named.</summary>
public partial class PageTests
{
    static readonly Lazy<(string Text, string WithoutSpace)[]> compiled =
        new(() => [.. Markdown.CompiledFiles().Select(File.ReadAllText).Select(text => (text, WithoutSpace(text)))]);

    public static IEnumerable<TheoryDataRow<CodeBlock>> Blocks =>
        from page in Markdown.Pages()
        from block in Markdown.CSharp(page)
        select new TheoryDataRow<CodeBlock>(block) { TestDisplayName = $"{block.Page}, line {block.Line}" };

    public static IEnumerable<TheoryDataRow<string>> Pages => Markdown.Pages().Select(page => new TheoryDataRow<string>(page));

    /// <summary>
    /// Code in a page is found, apart from white space, in a file that is compiled. "using" directives at its start are found
    /// in the same file, wherever.
    /// </summary>
    [Theory]
    [MemberData(nameof(Blocks))]
    public void Code_in_pages_is_compiled(CodeBlock block)
    {
        string[] usings = [.. block.Text.Split('\n').TakeWhile(line => line.Trim().Length == 0 || Using().IsMatch(line)).Where(line => line.Trim().Length > 0)];
        string body = WithoutSpace(string.Concat(block.Text.Split('\n').SkipWhile(line => line.Trim().Length == 0 || Using().IsMatch(line))));
        Assert.True(
            compiled.Value.Any(file =>
                file.WithoutSpace.Contains(body, StringComparison.Ordinal) && usings.All(u => file.Text.Contains(UsingOnly(u), StringComparison.Ordinal))),
            $"{block.Page}, line {block.Line}: this code is in no file below tests, samples or src. Put it into tests/OptimSharp.Docs.Tests/Snippets, in a test that runs it:\n{block.Text}");
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Links_lead_to_files(string page) =>
        Assert.All(Markdown.Links(page), x => Assert.True(Path.Exists(x.File), $"{page}: the link {x.Link} leads nowhere."));

    [Fact]
    public void Every_page_of_docs_is_reached_from_their_index()
    {
        var reached = new HashSet<string>();
        void Visit(string page)
        {
            if (reached.Add(page))
            {
                foreach (string linked in Markdown.Links(page).Select(x => Markdown.PageOf(x.File)).Where(p => p.StartsWith("docs/", StringComparison.Ordinal) && p.EndsWith(".md", StringComparison.Ordinal)))
                    Visit(linked);
            }
        }
        Visit("docs/README.md");
        Assert.All(Markdown.Pages().Where(p => p.StartsWith("docs/", StringComparison.Ordinal)), page =>
            Assert.True(reached.Contains(page), $"No links lead from docs/README.md to {page}."));
    }

    [Theory]
    [InlineData("README.md")]
    [InlineData("CHANGELOG.md")]
    public void Every_optimizer_and_scheduler_is_named(string page)
    {
        string text = Markdown.Read(page);
        var schedulers = typeof(LRScheduler).Assembly.GetExportedTypes().Where(t => t.IsSubclassOf(typeof(LRScheduler)) && !t.IsAbstract);
        Assert.All(OptimizerDriver.PublicOptimizers.Concat(schedulers), type =>
            Assert.True(Regex.IsMatch(text, $@"\b{type.Name}\b"), $"{page} does not name {type.Name}."));
    }

    static string WithoutSpace(string text) => Space().Replace(text, "");

    static string UsingOnly(string line) => line.Split("//")[0].Trim();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();

    [GeneratedRegex(@"^using (static )?[\w.]+;")]
    private static partial Regex Using();
}
