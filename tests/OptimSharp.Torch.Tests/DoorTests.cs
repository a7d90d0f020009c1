using System.Diagnostics;
using System.Runtime.InteropServices;
using OptimSharp.Doors;

namespace OptimSharp.Torch.Tests;

/// <summary>
/// Whatever users do to memory between calls, in handlers and from other threads ends with a result or an exception. The program tests/OptimSharp.Doors tries it: a
/// process of its own that may die, and goes on with the next door in another one.
/// </summary>
public class DoorTests
{
    static readonly Lazy<Task<Dictionary<string, string>>> Ends = new(RunAllAsync);

    public static TheoryData<string> Doors => [.. Door.All.Keys];

    [Theory]
    [MemberData(nameof(Doors))]
    public async Task Behind_every_door_memory_is_whole(string door) => Assert.Equal("ok", (await Ends.Value)[door]);

    static async Task<Dictionary<string, string>> RunAllAsync()
    {
        var ends = new Dictionary<string, string>();
        string host = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet"));
        while (Door.All.Keys.Except(ends.Keys).ToArray() is { Length: > 0 } left)
        {
            var start = new ProcessStartInfo(host, [Path.Combine(AppContext.BaseDirectory, "OptimSharp.Doors.dll"), .. left]) { RedirectStandardOutput = true, RedirectStandardError = true };
            start.Environment["MALLOC_PERTURB_"] = "165"; // what is freed holds something else from then on, with glibc
            using var process = Process.Start(start)!;
            var errors = process.StandardError.ReadToEndAsync();
            string? open = null;
            while (await process.StandardOutput.ReadLineAsync() is { } line)
            {
                string[] words = line.Split(' ', 2);
                if (words[0] == "begin")
                    open = words[1];
                else if (words[0] == "ok")
                    (ends[words[1]], open) = ("ok", null);
                else if (words[0] == "failed" && open is not null)
                    (ends[open], open) = (words[1], null);
            }
            await process.WaitForExitAsync();
            if (open is not null)
                ends[open] = $"died with {process.ExitCode}: {await errors}";
            else if (process.ExitCode != 0)
                throw new InvalidOperationException($"The program of doors ended with {process.ExitCode}: {await errors}");
        }
        return ends;
    }
}
