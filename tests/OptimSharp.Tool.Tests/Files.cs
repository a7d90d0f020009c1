using OptimSharp.Conformance;

namespace OptimSharp.Tool.Tests;

/// <summary>A folder of a test's own, which is gone afterwards, and the fixtures.</summary>
sealed class Files : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("optimsharp-tool-").FullName;

    /// <summary>The folder of all fixtures.</summary>
    public static string Fixtures { get; } = Path.Combine(GoldenFiles.RepositoryRoot(), "tests", "fixtures");

    public string Folder => folder;

    /// <summary>A fixture of the tool's own.</summary>
    public static string Fixture(string name) => Path.Combine(Fixtures, "tool", name);

    /// <summary>A path in the folder.</summary>
    public string New(string name) => Path.Combine(folder, name);

    /// <summary>A state as a file in the folder.</summary>
    public string Save(string name, StateDict state)
    {
        Checkpoint.Save(New(name), state, new() { AllowObjects = true });
        return New(name);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
