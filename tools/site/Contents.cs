using System.Xml.Linq;

namespace OptimSharp.Site;

/// <summary>The tables of contents. That of the documentation is docs/README.md: its headings, and what they link to.</summary>
static class Contents
{
    const string Top = """
        - name: Documentation
          href: docs/
          homepage: docs/index.md
        - name: API
          href: api/
          homepage: api/index.md
        - name: Samples
          href: samples/index.md
        - name: Changes
          href: CHANGELOG.md

        """;

    public static IEnumerable<(string File, string Text)> Of(Repository repository, IReadOnlySet<string> pages)
    {
        yield return ("toc.yml", Top);
        yield return ("docs/toc.yml", Documentation(repository, pages));
        yield return ("api/index.md", Packages(repository));
    }

    static string Documentation(Repository repository, IReadOnlySet<string> pages)
    {
        const string Index = "docs/README.md";
        var named = new HashSet<string>();
        var text = new StringWriter { NewLine = "\n" };
        foreach (var (heading, links) in MarkdownLinks.Sections(repository.Read(Index)))
        {
            text.WriteLine($"- name: {Quoted(heading)}");
            text.WriteLine("  items:");
            foreach (string link in links)
            {
                string page = repository.Resolve(Index, link) ?? "";
                if (!pages.Contains(page) || !named.Add(page))
                    continue;
                text.WriteLine($"  - name: {Quoted(MarkdownLinks.Title(repository.Read(page)))}");
                text.WriteLine($"    href: {(link.EndsWith("README.md", StringComparison.Ordinal) ? link[..^"README.md".Length] + "index.md" : link)}");
                if (page == "docs/schedulers/README.md")
                    WriteFolder(text, repository, pages, "schedulers");
            }
        }
        return text.ToString();
    }

    /// <summary>A folder's other pages, below its index.</summary>
    static void WriteFolder(StringWriter text, Repository repository, IReadOnlySet<string> pages, string folder)
    {
        text.WriteLine("    items:");
        foreach (string page in pages.Where(page => page.StartsWith($"docs/{folder}/", StringComparison.Ordinal) && !page.EndsWith("/README.md", StringComparison.Ordinal)).Order(StringComparer.OrdinalIgnoreCase))
        {
            text.WriteLine($"    - name: {Quoted(MarkdownLinks.Title(repository.Read(page)))}");
            text.WriteLine($"      href: {page["docs/".Length..]}");
        }
    }

    /// <summary>The front page of the API reference: the packages, as their projects describe them.</summary>
    static string Packages(Repository repository)
    {
        var text = new StringWriter { NewLine = "\n" };
        text.WriteLine("# API reference\n\nOne namespace a package, and those below it.\n");
        foreach (string project in repository.Packages())
        {
            string name = Path.GetFileNameWithoutExtension(project);
            string description = XDocument.Parse(repository.Read(project)).Descendants("Description").Single().Value;
            text.WriteLine($"## {name}\n\n{description}\n\n<xref:{name}>\n");
        }
        return text.ToString();
    }

    static string Quoted(string name) => $"'{name.Replace("'", "''", StringComparison.Ordinal)}'";
}
