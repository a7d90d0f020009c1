using System.Diagnostics.CodeAnalysis;
using System.Reflection;

namespace OptimSharp.Torch.Native;

/// <summary>Where native libraries lie when a notebook or an F# script loads assemblies out of the package cache, which has a folder for each package and version.</summary>
internal static class PackageCache
{
    /// <summary>Whether this assembly was loaded out of the cache: <c>…/optimsharp.torch/0.1.0/lib/net10.0/OptimSharp.Torch.dll</c>.</summary>
    [UnconditionalSuppressMessage("SingleFile", "IL3000", Justification = "A single file has no location, and is in no cache.")]
    public static bool HasThis => Version(typeof(PackageCache).Assembly.Location, "optimsharp.torch") is not null;

    /// <summary>Whether the cache has TorchSharp's libtorch for CUDA, too: which one is meant can't be known.</summary>
    [UnconditionalSuppressMessage("SingleFile", "IL3000", Justification = "A single file has no location, and is in no cache.")]
    public static bool HasCuda() => Version(typeof(TorchSharp.torch).Assembly.Location, "torchsharp")?.Parent?.Parent is { } cache
        && cache.EnumerateDirectories("libtorch-cuda-*").Any(package => Directory.Exists(Path.Combine(package.FullName, LibtorchVersion())));

    /// <summary>The folders of TorchSharp's native library and of its libtorch; none, if TorchSharp was not loaded out of a cache.</summary>
    /// <param name="platform">Such as <c>linux-x64</c>.</param>
    [UnconditionalSuppressMessage("SingleFile", "IL3000", Justification = "A single file has no location, and is in no cache.")]
    public static string[] NativeFolders(string platform) => NativeFolders(typeof(TorchSharp.torch).Assembly.Location, LibtorchVersion(), platform);

    internal static string[] NativeFolders(string torchSharp, string libtorch, string platform)
    {
        if (Version(torchSharp, "torchsharp") is not { Parent.Parent: { } cache } version)
            return [];
        string[] packages = [version.FullName, Path.Combine(cache.FullName, $"libtorch-cpu-{platform}", libtorch)];
        return [.. packages.Select(package => Path.Combine(package, "runtimes", platform, "native"))];
    }

    // The folder of the package's version that the assembly lies in.
    static DirectoryInfo? Version(string assembly, string package) =>
        assembly.Length > 0 && new FileInfo(assembly).Directory is { Parent: { Name: "lib", Parent: { Parent: { } parent } version } } && parent.Name == package ? version : null;

    // TorchSharp looks for the packages of this version by itself, and says it nowhere else. A cache has others, too.
    static string LibtorchVersion() =>
        typeof(TorchSharp.torch).GetField("libtorchPackageVersion", BindingFlags.Static | BindingFlags.NonPublic)?.GetRawConstantValue() is string version
            ? new Version(version).ToString(3) : "unknown";
}
