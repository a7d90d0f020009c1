using OptimSharp.Conformance;

namespace OptimSharp.Cuda.Tests;

/// <summary>What is emitted, where people read it. With OPTIMSHARP_UPDATE set the files are written instead of compared: for a change on purpose, to be read again.</summary>
static class Shown
{
    /// <summary>Compares a file.</summary>
    /// <param name="file">The file, from the repository's root.</param>
    /// <param name="made">Makes its text, from what it is.</param>
    public static void In(string file, Func<string, string> made)
    {
        string path = Path.Combine(GoldenFiles.RepositoryRoot(), file), text = File.ReadAllText(path);
        if (Environment.GetEnvironmentVariable("OPTIMSHARP_UPDATE") is { Length: > 0 })
            File.WriteAllText(path, made(text));
        else
            Assert.Equal(text, made(text));
    }
}
