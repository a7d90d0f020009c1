using System.Diagnostics;
using System.Runtime.InteropServices;
using OptimSharp.Engine;

namespace OptimSharp.Cuda.Tests;

/// <summary>Recorded steps as C, compiled and loaded.</summary>
sealed class CLibrary : IDisposable
{
    /// <summary>What a compiler is told so that the bits are the host's.</summary>
    public static readonly string[] Exact = ["-O3", "-ffp-contract=off", "-frounding-math"];

    readonly string folder = Directory.CreateTempSubdirectory("optimsharp-c-").FullName;
    readonly List<nint> libraries = [];
    readonly Dictionary<string, nint> functions = [];

    /// <summary>Compiles the kernel of each step. Without a compiler the test is skipped.</summary>
    public CLibrary(IEnumerable<RecordedStep> steps, params string[] flags)
    {
        Assert.SkipUnless(HasCompiler(), "There is no gcc.");
        try
        {
            var kernels = steps.DistinctBy(s => s.Name).ToArray();
            Process[] compilers = [.. kernels.Chunk(kernels.Length / 2 + 1).Select((part, i) => Compile(part, Path.Combine(folder, $"part{i}"), flags))];
            for (int i = 0; i < compilers.Length; i++)
            {
                using var compiler = compilers[i];
                string said = compiler.StandardError.ReadToEnd();
                compiler.WaitForExit();
                Assert.True(compiler.ExitCode == 0 && said.Length == 0, said);
                libraries.Add(NativeLibrary.Load(Path.Combine(folder, $"part{i}.so")));
            }
            foreach (var step in kernels)
                functions.Add(step.Name, libraries.Select(l => NativeLibrary.TryGetExport(l, step.Name, out nint address) ? address : 0).Single(address => address != 0));
        }
        catch
        {
            Dispose();
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

    static Process Compile(IEnumerable<RecordedStep> steps, string file, string[] flags)
    {
        File.WriteAllText($"{file}.c", string.Join('\n', [CSource.Prelude, .. steps.Select(s => CSource.Function(s.Recording, s.Types, s.Name))]));
        return Process.Start(new ProcessStartInfo("gcc", ["-std=c17", "-Wall", "-Wno-unused-function", .. flags, "-shared", "-fPIC", "-o", $"{file}.so", $"{file}.c", "-lm"]) { RedirectStandardError = true })!;
    }

    static bool HasCompiler() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, "gcc")));
}
