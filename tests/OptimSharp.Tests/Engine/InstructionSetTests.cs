using System.Diagnostics;
using System.Runtime.InteropServices;

namespace OptimSharp.Tests.Engine;

/// <summary>
/// The bits of a step do not depend on the processor: a program that prints a hash of them for every optimizer and type prints the
/// same when parts of the processor are switched off. (It prints what it computes with, too: so a switch that does nothing shows.)
/// </summary>
public class InstructionSetTests
{
    static readonly Lazy<Task<Bits>> Usual = new(() => RunAsync());

    [Theory]
    [InlineData("EnableAVX512=0", "vector512 False")]
    [InlineData("EnableAVX2=0", "vector256 False", "width 128")]
    [InlineData("EnableHWIntrinsic=0", "accelerated False")]
    [InlineData("MaxVectorTBitWidth=128", "width 128")]
    [InlineData("TieredCompilation=0")]
    public async Task A_processor_without_some_instructions_gives_the_same_bits(string setting, params string[] proofs)
    {
        var (usual, changed) = (await Usual.Value, await RunAsync(setting));
        if (RuntimeInformation.ProcessArchitecture == Architecture.X64)
            Assert.All(proofs, proof => Assert.Contains(proof, changed.Means));
        Assert.NotEmpty(changed.Hashes);
        Assert.Equal(usual.Hashes, changed.Hashes);
    }

    // On a processor without them the setting changes nothing.
    [Fact]
    public async Task Vectors_of_512_bits_give_the_same_bits()
    {
        var (usual, wide) = (await Usual.Value, await RunAsync("MaxVectorTBitWidth=512"));
        Assert.Contains(usual.Means.Contains("vector512 True") ? "width 512" : usual.Means.Single(m => m.StartsWith("width", StringComparison.Ordinal)), wide.Means);
        Assert.Equal(usual.Hashes, wide.Hashes);
    }

    static async Task<Bits> RunAsync(params string[] settings)
    {
        string runtime = RuntimeEnvironment.GetRuntimeDirectory();
        string host = Path.GetFullPath(Path.Combine(runtime, "..", "..", "..", OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet"));
        var start = new ProcessStartInfo(host, [Path.Combine(AppContext.BaseDirectory, "OptimSharp.Bits.dll")]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string setting in settings)
            start.Environment[$"DOTNET_{setting.Split('=')[0]}"] = setting.Split('=')[1];
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string[] lines = (await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken)).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, await errors);
        return new(lines[..4], lines[4..]);
    }

    sealed record Bits(string[] Means, string[] Hashes);
}
