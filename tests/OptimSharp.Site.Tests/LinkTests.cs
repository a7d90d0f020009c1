using System.Collections.Concurrent;
using AngleSharp.Html.Parser;

namespace OptimSharp.Site.Tests;

/// <summary>What the pages refer to is there: pages, their anchors, pictures, scripts.</summary>
public class LinkTests
{
    [Fact]
    public void Every_link_leads_to_a_page_and_an_anchor_of_the_site()
    {
        BuiltSite.Require();
        var pages = new ConcurrentDictionary<string, (HashSet<string> Anchors, string[] Links)>();
        Parallel.ForEach(BuiltSite.Pages(), page => pages[page] = Parse(page));
        Assert.True(pages.Count > 300, $"There are only {pages.Count} pages.");
        var dead = from page in pages
                   from link in page.Value.Links
                   where IsDead(page.Key, link)
                   orderby page.Key
                   select $"{page.Key}: {link}";
        Assert.Empty(dead.Distinct());
        Assert.True(pages.Sum(page => page.Value.Links.Length) > 5_000, "Hardly any links were found.");

        bool IsDead(string page, string link)
        {
            var target = new Uri(new Uri($"http://site/{page}"), link);
            string file = Uri.UnescapeDataString(target.AbsolutePath[1..]), anchor = Uri.UnescapeDataString(target.Fragment.TrimStart('#'));
            if (file.Length == 0 || file.EndsWith('/'))
                file += "index.html";
            return !File.Exists(Path.Combine(BuiltSite.Root, file)) || anchor.Length > 0 && !pages[file].Anchors.Contains(anchor);
        }
    }

    [Fact]
    public void Every_page_of_docs_and_every_public_optimizer_has_its_page()
    {
        BuiltSite.Require();
        string root = Path.Combine(BuiltSite.Root, "..", "..", "..");
        var wanted = Directory.EnumerateFiles(Path.Combine(root, "docs"), "*.md", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(root, file).Replace('\\', '/').Replace("README.md", "index.md", StringComparison.Ordinal))
            .Concat(Directory.EnumerateFiles(Path.Combine(root, "docs", "optimizers")).Select(file => $"api/OptimSharp.{Path.GetFileName(file)}"))
            .Select(page => Path.ChangeExtension(page, ".html")).ToArray();
        Assert.True(wanted.Length > 100);
        Assert.Empty(wanted.Except(BuiltSite.Pages()));
    }

    static (HashSet<string> Anchors, string[] Links) Parse(string page)
    {
        using var stream = File.OpenRead(Path.Combine(BuiltSite.Root, page));
        using var document = new HtmlParser().ParseDocument(stream);
        return (
            [.. document.All.SelectMany(element => new[] { element.Id, element.GetAttribute("name") }).OfType<string>()],
            [.. document.All.SelectMany(element => new[] { element.GetAttribute("href"), element.GetAttribute("src") }).OfType<string>().Where(IsOfTheSite)]);
    }

    static bool IsOfTheSite(string link) => link.Length > 0 && !Uri.TryCreate(link, UriKind.Absolute, out _);
}
