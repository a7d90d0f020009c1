namespace OptimSharp.TensorBoard.Tests;

/// <summary>A folder of a test's own.</summary>
sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("optimsharp-tensorboard-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
