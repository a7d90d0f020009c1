using System.Diagnostics;
using System.Runtime.InteropServices;

namespace OptimSharp.Tests.Checkpoints;

/// <summary>The training programs of tests/OptimSharp.Resume.</summary>
static class ResumeProgram
{
    public static Process Start(params string[] arguments)
    {
        string host = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet"));
        arguments = [Path.Combine(AppContext.BaseDirectory, "OptimSharp.Resume.dll"), .. arguments];
        return Process.Start(new ProcessStartInfo(host, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
    }

    /// <summary>Runs one to its end.</summary>
    /// <returns>The lines that it writes.</returns>
    public static async Task<string[]> RunAsync(params string[] arguments)
    {
        using var process = Start(arguments);
        var errors = process.StandardError.ReadToEndAsync();
        string[] lines = (await process.StandardOutput.ReadToEndAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await errors);
        return lines;
    }
}
