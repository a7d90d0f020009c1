namespace OptimSharp.Site;

/// <summary>
/// Writes what DocFX makes the site of: the pages, with README.md as a folder's index; a page for each source file and folder that a page links to, because
/// such a link leads somewhere on a forge and should on the site; tables of contents; a page of packages for the API reference.
/// </summary>
sealed class StagedSite(Repository repository, string output)
{
    readonly HashSet<string> pages = [.. repository.Pages()], linked = [];
    readonly Queue<string> waiting = [];

    public int Pages => pages.Count;

    /// <summary>How many files and folders that are not pages were linked to.</summary>
    public int Files => linked.Count;

    public void Write()
    {
        if (Directory.Exists(output))
            Directory.Delete(output, recursive: true);
        foreach (string page in pages)
            WritePage(page);
        while (waiting.TryDequeue(out string? name))
            WriteFile(name);
        foreach (var (file, text) in Contents.Of(repository, pages))
            Put(file, text);
    }

    void WritePage(string page)
    {
        string text = MarkdownLinks.Rewrite(LanguageTabs.In(repository.Read(page)), link => Target(page, link));
        Put(StagedName(page), Matter(page) + text + Reference(page));
    }

    /// <summary>What DocFX is told of a page: the front page has the site's whole width; what is only for contributors is not searched.</summary>
    static string Matter(string page) => page switch
    {
        "README.md" => "---\ntitle: OptimSharp\n_layout: landing\n---\n\n",
        _ when page.StartsWith("tests/", StringComparison.Ordinal) || page.StartsWith("tools/", StringComparison.Ordinal) => "---\n_noindex: true\n---\n\n",
        _ => "",
    };

    /// <summary>From the page of a class to its members.</summary>
    string Reference(string page)
    {
        string name = Path.GetFileNameWithoutExtension(page);
        return page.Split('/') is not ["docs", "optimizers" or "schedulers", var file] || file == "README.md" ? ""
            : page.StartsWith("docs/optimizers/", StringComparison.Ordinal) ? $"\n## API reference\n\n<xref:OptimSharp.{name}>{Options(name)}\n"
            : $"\n## API reference\n\n<xref:OptimSharp.Schedulers.{name}>\n";
    }

    string Options(string optimizer) => repository.Exists($"src/OptimSharp/Optimizers/{optimizer}.cs") ? $", <xref:OptimSharp.{optimizer}Options>" : "";

    /// <summary>Where a link of a page leads on the site.</summary>
    string Target(string page, string link)
    {
        string name = repository.Resolve(page, link) is { } resolved && repository.Exists(resolved) ? resolved
            : throw new InvalidDataException($"{page}: the link {link} leads to nothing in the repository.");
        if (!pages.Contains(name) && linked.Add(name))
            waiting.Enqueue(name);
        string from = Path.GetDirectoryName(StagedName(page))!;
        return Path.GetRelativePath(from.Length == 0 ? "." : from, StagedName(name)).Replace('\\', '/');
    }

    /// <summary>A linked file that is no page of its own.</summary>
    void WriteFile(string name)
    {
        if (repository.IsFolder(name))
            WriteFolder(name);
        else if (Repository.IsText(name))
            Put(StagedName(name), SourcePage.Of(name, repository.Read(name)));
        else
            File.Copy(repository.Full(name), Place(StagedName(name)), overwrite: true);
    }

    /// <summary>A folder's page is its README, and lists the files in any case.</summary>
    void WriteFolder(string folder)
    {
        string readme = folder + "/README.md", list = SourcePage.List(folder, repository.Listed(folder).Where(name => name != readme));
        string page = MarkdownLinks.Rewrite(list, link => Target(readme, link));
        if (pages.Contains(readme))
            File.AppendAllText(Place(StagedName(readme)), "\n## Files\n\n" + page);
        else
            Put(StagedName(readme), $"---\n_noindex: true\n---\n\n# {folder}\n\n{page}");
    }

    string StagedName(string name) =>
        repository.IsFolder(name) ? name + "/index.md"
        : Path.GetFileName(name) == "README.md" ? name[..^"README.md".Length] + "index.md"
        : pages.Contains(name) || !Repository.IsText(name) ? name
        : name + ".md";

    void Put(string name, string text) => File.WriteAllText(Place(name), text);

    string Place(string name)
    {
        string path = Path.Combine(output, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return path;
    }
}
