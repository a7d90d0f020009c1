using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace OptimSharp.Torch.Native;

/// <summary>TorchSharp's native library, and how it comes to load where the system's C++ runtime is too old for it.</summary>
[SupportedOSPlatform("linux")]
internal static class TorchLibrary
{
    /// <summary>The library as TorchSharp's <c>[DllImport]</c> names it.</summary>
    public const string Name = "LibTorchSharp";

    const string FileName = $"lib{Name}.so";
    static readonly string[] Libtorch = ["libc10.so", "libtorch_cpu.so", "libtorch.so"];    // each needs those before it

    /// <summary>Loads a copy that does without the versions of the C++ runtime that it asks for and never uses.</summary>
    /// <param name="how">What was loaded, for the user to read.</param>
    public static nint LoadAdapted(out string how)
    {
        var folders = NativeFolders();
        var original = Find(FileName, folders);
        var image = File.ReadAllBytes(original);
        var versions = ElfVersions.RelaxUnused(image, "libstdc++.so.6");
        if (versions.Count == 0)
        {
            throw new InvalidDataException($"{original} failed to load for a reason that has no remedy here.");
        }

        // The original finds libtorch beside itself, and the copy lies elsewhere.
        LoadLibtorch(folders);
        var loaded = PrivateCopy.Load(FileName, image,
        [
            Path.GetTempPath(),
            Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData),
            Path.GetDirectoryName(original)!,
        ]);
        how = $"Loaded {original} from a copy that does not ask for {string.Join(", ", versions)}.";
        return loaded;
    }

    /// <summary>Loads the CPU's libtorch out of the packages: a notebook has no folder with all libraries in it.</summary>
    /// <returns>What was loaded, for the user to read.</returns>
    public static string LoadLibtorch()
    {
        if (PackageCache.HasCuda())
            return "The package cache has libtorch for CUDA, and which one is meant is TorchSharp's to know: torch.InitializeDeviceType(DeviceType.CUDA) loads it.";
        LoadLibtorch(NativeFolders());
        return "Loaded libtorch out of the package cache. TorchSharp has not asked for help: it loads as it is, or has not been used yet.";
    }

    // Once a library is loaded, others find it by its name alone. Without this they would take any libtorch that is installed on the system, and crash.
    static void LoadLibtorch(IReadOnlyList<string> folders)
    {
        foreach (var library in Libtorch) { NativeLibrary.Load(Find(library, folders)); }
    }

    static string Find(string file, IReadOnlyList<string> folders) =>
        folders.Select(folder => Path.Combine(folder, file)).FirstOrDefault(File.Exists) ?? throw new FileNotFoundException(
            $"{file} was not found (does the program reference a package like libtorch-cpu-linux-x64?) in {string.Join(", ", folders)}.");

    // Where .NET's host says. Without a host's word: beside the program when it was built for one platform, else below
    // runtimes/. A plug-in has its own folder. A notebook has the package cache.
    [UnconditionalSuppressMessage("SingleFile", "IL3000", Justification = "A single file has no location; the others remain.")]
    static List<string> NativeFolders()
    {
        var told = AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "";
        var platform = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "linux-arm64" : "linux-x64";
        string[] own = [AppContext.BaseDirectory, Path.GetDirectoryName(typeof(TorchLibrary).Assembly.Location) ?? ""];

        var below = own.Select(folder => Path.Combine(folder, "runtimes", platform, "native"));

        IEnumerable<string> all = [.. told.Split(Path.PathSeparator), .. own, .. below, .. PackageCache.NativeFolders(platform)];
        return [.. all.Where(Path.IsPathFullyQualified).Select(Path.TrimEndingDirectorySeparator).Distinct()];
    }
}
