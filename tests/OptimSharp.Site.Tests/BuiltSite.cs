namespace OptimSharp.Site.Tests;

/// <summary>The files that tools/site.sh wrote.</summary>
static class BuiltSite
{
    /// <summary>Where the site is: artifacts/site/html of the repository that this program was built in.</summary>
    public static string Root { get; } = Path.Combine(Repository(), "artifacts", "site", "html");

    /// <summary>All pages, as paths on the site. The tables of contents are parts of pages.</summary>
    public static IEnumerable<string> Pages() =>
        Directory.EnumerateFiles(Root, "*.html", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(Root, file).Replace('\\', '/')).Where(page => Path.GetFileName(page) != "toc.html").Order(StringComparer.Ordinal);

    /// <summary>Skips a test where there is no site.</summary>
    public static void Require() => Assert.SkipUnless(File.Exists(Path.Combine(Root, "index.html")), "There is no site; tools/site.sh makes it.");

    static string Repository()
    {
        for (string? folder = AppContext.BaseDirectory; folder != null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "OptimSharp.slnx")))
                return folder;
        }
        throw new DirectoryNotFoundException($"{AppContext.BaseDirectory} is in no clone of the repository.");
    }
}
