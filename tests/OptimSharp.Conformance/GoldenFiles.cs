using OptimSharp.Testing;

namespace OptimSharp.Conformance;

/// <summary>Where golden cases are: in tests/goldens, and in the folder that the environment variable OPTIMSHARP_GOLDENS names (relative to the repository).</summary>
public static class GoldenFiles
{
    public const string Variable = "OPTIMSHARP_GOLDENS";

    /// <summary>All cases of the repository and of the user's folder: a short name for lists, and the file.</summary>
    /// <exception cref="DirectoryNotFoundException">The named folder does not exist.</exception>
    public static IEnumerable<(string Name, string File)> All()
    {
        var files = Own();
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } folder)
            files = files.Concat(Below(Path.GetFullPath(folder, RepositoryRoot()), "given: ")); // tests run in folders of their own
        return files;
    }

    /// <summary>All cases of the repository.</summary>
    public static IEnumerable<(string Name, string File)> Own() => Below(Path.Combine(RepositoryRoot(), "tests", "goldens"), "");

    /// <summary>The folder of OptimSharp.slnx, above the tests' program.</summary>
    public static string RepositoryRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "OptimSharp.slnx")))
                return folder.FullName;
        }
        throw new DirectoryNotFoundException($"No folder above {AppContext.BaseDirectory} has an OptimSharp.slnx.");
    }

    internal static IEnumerable<(string Name, string File)> Below(string folder, string prefix) =>
        from file in GoldenCases.Files(folder)
        let name = prefix + Path.ChangeExtension(Path.GetRelativePath(folder, file), null).Replace('\\', '/')
        orderby name
        select (name, file);
}
