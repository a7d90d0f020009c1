namespace OptimSharp.Site;

/// <summary>Pages that show what is not Markdown.</summary>
static class SourcePage
{
    /// <summary>A page with the text of a file. Search leaves it out: it would find code before what explains it.</summary>
    /// <param name="name">The file's path from the root.</param>
    /// <param name="text">What is in it.</param>
    public static string Of(string name, string text)
    {
        string fence = new('`', Math.Max(3, LongestFence(text) + 1));
        return $"---\n_noindex: true\ntitle: {Path.GetFileName(name)}\n---\n\n# {name}\n\n{fence}{Language(name)}\n{text.TrimEnd('\n')}\n{fence}\n";
    }

    /// <summary>A list of files and folders, each a link.</summary>
    /// <param name="folder">Whose page it is.</param>
    /// <param name="names">The files and folders; these end with a slash.</param>
    public static string List(string folder, IEnumerable<string> names) =>
        string.Concat(names.Select(name => name[(folder.Length + 1)..]).Select(name => $"- [{name}]({name})\n"));

    static int LongestFence(string text) => text.Split('\n').Max(line => line.TrimStart().TakeWhile(c => c == '`').Count());

    static string Language(string name) => Path.GetExtension(name) switch
    {
        ".cs" => "csharp",
        ".csproj" or ".props" or ".targets" or ".xml" => "xml",
        ".json" => "json",
        ".py" => "python",
        ".sh" => "bash",
        _ => "text",
    };
}
