namespace OptimSharp.Site;

/// <summary>The files that pages are made of. Their names are paths from the repository's root, with slashes.</summary>
sealed class Repository(string root)
{
    static readonly string[] folders = ["bench", "docs", "samples", "tests", "tools"];

    // What people read; a folder's page lists no others.
    static readonly string[] texts =
        [".cs", ".csproj", ".props", ".targets", ".md", ".py", ".sh", ".json", ".txt", ".ptx", ".csv", ".xml", ".proto", ".ps1", ".css", ".js"];

    readonly string root = Path.GetFullPath(root);

    /// <summary>All pages: those of the root, and those below its folders.</summary>
    public IEnumerable<string> Pages() =>
        Directory.EnumerateFiles(root, "*.md")
            .Concat(folders.Select(Full).Where(Directory.Exists).SelectMany(folder => Directory.EnumerateFiles(folder, "*.md", SearchOption.AllDirectories)))
            .Select(Name).Where(IsSource).Order(StringComparer.Ordinal);

    /// <summary>The projects below src that are libraries with a public API.</summary>
    public IEnumerable<string> Packages() =>
        Directory.EnumerateFiles(Full("src"), "*.csproj", SearchOption.AllDirectories)
            .Where(project => File.Exists(Path.Combine(Path.GetDirectoryName(project)!, "PublicAPI.Unshipped.txt")) && !File.ReadAllText(project).Contains("<OutputType>Exe<", StringComparison.Ordinal))
            .Select(Name).OrderBy(Path.GetFileNameWithoutExtension, StringComparer.Ordinal);

    /// <summary>The files and folders that a folder's page lists: folders with a slash at the end.</summary>
    public IEnumerable<string> Listed(string folder) =>
        Directory.EnumerateDirectories(Full(folder)).Select(path => Name(path) + "/").Where(sub => IsSource(sub) && Listed(sub.TrimEnd('/')).Any())
            .Concat(Directory.EnumerateFiles(Full(folder)).Select(Name).Where(IsText))
            .Order(StringComparer.Ordinal);

    public bool IsFolder(string name) => Directory.Exists(Full(name));

    public bool Exists(string name) => Path.Exists(Full(name));

    /// <summary>Whether a file is shown as a page; others are copied.</summary>
    public static bool IsText(string name) => texts.Contains(Path.GetExtension(name)) || Path.GetFileName(name) is "LICENSE" or ".editorconfig" or "run";

    public string Read(string name) => File.ReadAllText(Full(name));

    public string Full(string name) => Path.Combine(root, name);

    /// <summary>The name of the file that a link of a page leads to; null when it is outside the repository.</summary>
    public string? Resolve(string page, string link)
    {
        string name = Name(Path.GetFullPath(Path.Combine(Full(page), "..", link)));
        return name.StartsWith("..", StringComparison.Ordinal) ? null : name;
    }

    string Name(string path) => Path.GetRelativePath(root, path).Replace('\\', '/').TrimEnd('/');

    static bool IsSource(string name) => !name.Split('/').Any(part => part is "bin" or "obj" or "TestResults" || part.StartsWith('.') && part.Length > 1);
}
