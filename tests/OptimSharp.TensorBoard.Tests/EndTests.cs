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
        if (OperatingSystem.IsWindows())
            Assert.Skip("There are no signals.");
        using var process = Start("wait");
        Assert.Equal("logged", await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
        using (var kill = Process.Start("/bin/sh", ["-c", $"kill -{signal} {process.Id.ToString(CultureInfo.InvariantCulture)}"]))
            await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(isLogged ? [1f] : [], Logged());
    }

    IEnumerable<float> Logged() => EventFileReader.Values(EventFileReader.FileIn(folder.Path)).Select(v => v.Value.SimpleValue);

    Process Start(string end)
    {
        string host = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet"));
        return Process.Start(new ProcessStartInfo(host, [Path.Combine(AppContext.BaseDirectory, "OptimSharp.Ends.dll"), folder.Path, end]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
    }
}
