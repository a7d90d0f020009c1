using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace OptimSharp.TensorBoard.Tests;

/// <summary>A process (tests/OptimSharp.Ends) that ends without disposing its writer leaves all it logged.</summary>
public sealed class EndTests : IDisposable
{
    readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("return")]
    [InlineData("exit")]
    [InlineData("exception")]
    [InlineData("thread")]
    public async Task Without_a_signal(string end)
    {
        using var process = Start(end);
        string errors = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        bool isUnhandled = end is "exception" or "thread";
        Assert.Equal(isUnhandled, process.ExitCode != 0);
        Assert.Equal(isUnhandled, errors.Contains("the data is gone", StringComparison.Ordinal)); // .NET says so as ever
        Assert.Equal([1f], Logged());
    }

    [Theory]
    [InlineData("TERM", true)]
    [InlineData("INT", true)]
    [InlineData("KILL", false)] // nobody can: it shows that the number was still waiting
    public async Task By_a_signal(string signal, bool isLogged)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Signals are another thing elsewhere.");
        using var process = Start("wait", "/usr/bin/env", "--default-signal=INT"); // which is ignored where this runs in the background of a shell
        try
        {
            Assert.Equal("logged", await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
            using (var kill = Process.Start("/bin/sh", ["-c", $"kill -{signal} {process.Id.ToString(CultureInfo.InvariantCulture)}"]))
                await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
        }
        finally
        {
            process.Kill();
        }
        Assert.Equal(isLogged ? [1f] : [], Logged());
    }

    IEnumerable<float> Logged() => EventFileReader.Values(EventFileReader.FileIn(folder.Path)).Select(v => v.Value.SimpleValue);

    Process Start(string end, params string[] by)
    {
        string host = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet"));
        string[] line = [.. by, host, Path.Combine(AppContext.BaseDirectory, "OptimSharp.Ends.dll"), folder.Path, end];
        return Process.Start(new ProcessStartInfo(line[0], line[1..]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
    }
}
