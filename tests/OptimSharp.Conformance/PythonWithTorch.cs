using System.ComponentModel;
using System.Diagnostics;
using OptimSharp.Testing;

namespace OptimSharp.Conformance;

/// <summary>Real PyTorch, for tests that compare with it as they run.</summary>
public static class PythonWithTorch
{
    /// <summary>The environment variable that names the command which runs Python with PyTorch.</summary>
    public const string Variable = "OPTIMSHARP_PYTHON";

    /// <summary>Why tests are skipped when there is none.</summary>
    public const string Missing = $"There is no python3 with PyTorch; {Variable} may name a command that is one.";

    /// <summary>The command: the variable's, else <c>python3</c> where it has PyTorch, else null.</summary>
    public static async Task<string?> FindAsync()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } given)
            return given;
        try
        {
            await RunAsync("python3", Path.GetTempPath(), "-c", "import torch");
            return "python3";
        }
        catch (Exception e) when (e is Win32Exception or GoldenCaseException)
        {
            return null;
        }
    }

    /// <summary>Runs it in a folder, where all its files have to be.</summary>
    /// <returns>What it writes.</returns>
    /// <exception cref="GoldenCaseException">It fails.</exception>
    public static async Task<string> RunAsync(string command, string folder, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(command, arguments) { WorkingDirectory = folder, RedirectStandardError = true, RedirectStandardOutput = true })!;
        var errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? output : throw new GoldenCaseException($"{command} {arguments[0]} failed with {process.ExitCode}: {await errors}");
    }
}
