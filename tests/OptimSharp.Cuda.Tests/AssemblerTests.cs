using System.Diagnostics;
using System.Text.RegularExpressions;
using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;

namespace OptimSharp.Cuda.Tests;

/// <summary>NVIDIA's own assembler takes all kernels, for devices from the oldest on, and fuses nothing. Where it is: see tools/gpu-check. Without it these are skipped.</summary>
public partial class AssemblerTests(ITestOutputHelper output)
{
    static readonly string? Folder = Environment.GetEnvironmentVariable("OPTIMSHARP_PTXAS");

    [Theory]
    [InlineData("sm_60")]
    [InlineData("sm_75")]
    [InlineData("sm_80")]
    [InlineData("sm_90")]
    public void Every_kernel_is_assembled_and_nothing_is_fused(string architecture)
    {
        Assert.SkipWhen(Folder is null, "OPTIMSHARP_PTXAS names no folder with ptxas and nvdisasm.");
        var sources = Sources();
        Assert.Equal(sources.Count, Assemble(architecture, sources).Count);
        var withoutExpansions = sources.ToDictionary(source => source.Key, source => source.Value.Replace("div.rn", "add.rn", StringComparison.Ordinal).Replace("sqrt.rn", "neg", StringComparison.Ordinal)); // which are exact by fused instructions
        foreach (var (name, listing) in Assemble(architecture, withoutExpansions))
            Assert.False(IsFused(listing), $"{name} was fused:\n{listing}");
        string fused = sources.First(source => source.Value.Contains("mul.rn.f32", StringComparison.Ordinal)).Value.Replace("mul.rn.f32", "mul.f32", StringComparison.Ordinal).Replace("add.rn.f32", "add.f32", StringComparison.Ordinal);
        Assert.True(IsFused(Assemble(architecture, new() { [""] = fused }).Values.Single())); // it would show
        output.WriteLine($"{sources.Count} kernels");
    }

    static bool IsFused(string listing) => Regex.IsMatch(listing, @"\b[FD]FMA\b");

    /// <summary>Assembles kernels; gives what each became.</summary>
    static Dictionary<string, string> Assemble(string architecture, Dictionary<string, string> sources)
    {
        string folder = Directory.CreateTempSubdirectory("optimsharp-ptx-").FullName;
        try
        {
            string[][] parts = [.. sources.Values.Chunk(sources.Count / Environment.ProcessorCount + 1)];
            string[] listings = new string[parts.Length];
            Parallel.For(0, parts.Length, i =>
            {
                string ptx = Path.Combine(folder, $"{i}.ptx"), binary = Path.Combine(folder, $"{i}.cubin");
                File.WriteAllText(ptx, string.Concat(parts[i].Select((text, k) => k == 0 ? text : text[text.IndexOf(".visible", StringComparison.Ordinal)..])));
                string said = Run("ptxas", $"-arch={architecture}", "--warning-as-error", ptx, "-o", binary);
                Assert.True(said.Length == 0, said);
                listings[i] = Run("nvdisasm", "-c", binary);
            });
            return Function().Matches(string.Concat(listings)).ToDictionary(match => match.Groups["name"].Value, match => match.Groups["text"].Value);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>All kernels that the tests come by: of each recorded rule, of what measures, and of norms.</summary>
    static Dictionary<string, string> Sources()
    {
        var (device, fake) = FakeDriver.Create(new());
        foreach (var optimizer in OptimizerDriver.PublicOptimizers.Where(o => OptimizerSamples.StepsAlone(o) && OptimizerSamples.TakesDenseGradients(o)))
        {
            foreach (var type in OptimizerSamples.Types(optimizer))
            {
                var setting = OptimizerSamples.Settings(optimizer, type).First(s => !s.Sparse);
                using var trial = Trial.Start(setting, [9]);
                using var twin = new CudaTwin(trial, setting.Create, device, 0);
                trial.GiveGradients(0);
                twin.TakeGradients();
                twin.Optimizer.Step();
                foreach (double order in (double[])[1, 2, double.PositiveInfinity])
                    Gradients.ClipNorm(twin.Optimizer.ParameterGroups[0].Parameters, 0.1, order);
            }
        }
        var all = RecordedSteps.Kernels.ToDictionary(step => step.Name, step => StepKernel.Source(step.Recording, step.Types, step.Name));
        foreach (string source in fake.Sources)
            all[Regex.Match(source, @"\.entry (\w+)").Groups[1].Value] = source;
        return all;
    }

    static string Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(Path.Combine(Folder!, program), arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync();
        string said = process.StandardOutput.ReadToEnd() + errors.Result;
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, said);
        return said;
    }

    [GeneratedRegex(@"^\.text\.(?<name>\w+):(?<text>.*?)(?=^\.text\.|\z)", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Function();
}
