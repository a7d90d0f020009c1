using System.Diagnostics;
using System.Runtime.InteropServices;
using OptimSharp.Engine;

namespace OptimSharp.Cuda.Tests;

/// <summary>Recorded steps as C, compiled and loaded.</summary>
sealed class CLibrary : IDisposable
{
    /// <summary>What a compiler is told so that the bits are the host's.</summary>
    public static readonly string[] Exact = ["-O3", "-ffp-contract=off"];

    readonly string folder = Directory.CreateTempSubdirectory("optimsharp-c-").FullName;
    readonly List<nint> libraries = [];
    readonly Dictionary<string, nint> functions = [];

    CLibrary()
    {
    }

    /// <summary>Compiles the kernel of each step. Without a compiler the test is skipped.</summary>
    public static async Task<CLibrary> CompileAsync(IEnumerable<RecordedStep> steps, params string[] flags)
    {
        Assert.SkipUnless(HasCompiler(), "There is no gcc.");
        var made = new CLibrary();
        try
        {
            var kernels = steps.DistinctBy(s => s.Kernel).ToArray();
            string[] parts = await Task.WhenAll(kernels.Chunk(kernels.Length / 2 + 1).Select((part, i) => made.CompileAsync(part, $"part{i}", flags)));
            made.libraries.AddRange(parts.Select(NativeLibrary.Load));
            foreach (var step in kernels)
                made.functions.Add(step.Name, made.libraries.Select(l => NativeLibrary.TryGetExport(l, step.Name, out nint address) ? address : 0).Single(address => address != 0));
            return made;
        }
        catch
        {
            made.Dispose();
            throw;
        }
    }

    /// <summary>Does a step. A function takes as many places as it has states, and does not see the others.</summary>
    public unsafe void Run(RecordedStep step, in Streams at, int count)
    {
        var function = (delegate* unmanaged<long, void*, void*, void*, void*, void*, void*, void*, void*, void*, void>)functions[step.Name];
        fixed (byte* k = step.Coefficients)
            function(count, k, at.Param, at.Grad, at.S0, at.S1, at.S2, at.S3, at.S4, at.S5);
    }

    public void Dispose()
    {
        libraries.ForEach(NativeLibrary.Free);
        Directory.Delete(folder, recursive: true);
    }

    async Task<string> CompileAsync(IEnumerable<RecordedStep> steps, string name, string[] flags)
    {
        string source = Path.Combine(folder, $"{name}.c"), library = Path.Combine(folder, $"{name}.so");
        await File.WriteAllTextAsync(source, string.Join('\n', [CSource.Prelude, .. steps.Select(s => CSource.Function(s.Recording, s.Types, s.Name))]));
        using var process = Process.Start(new ProcessStartInfo("gcc", ["-std=c17", "-Wall", "-Wno-unused-function", .. flags, "-shared", "-fPIC", "-o", library, source, "-lm"]) { RedirectStandardError = true })!;
        string said = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0 && said.Length == 0, said);
        return library;
    }

    static bool HasCompiler() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, "gcc")));
}
