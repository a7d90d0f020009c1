using System.Globalization;

namespace OptimSharp.Tests.Checkpoints;

/// <summary>A training program of its own (tests/OptimSharp.Resume) that saves after every step, killed again and again, goes on to the same bits.</summary>
public class KilledRunTests
{
    const int Kills = 200, Lanes = 2, Steps = 300;

    /// <summary>Killed at random moments of its work, in two lanes side by side; after each kill every checkpoint is whole, and no step is lost.</summary>
    [Fact]
    public async Task It_loses_nothing_when_it_is_killed()
    {
        using var whole = new Folder();
        string expected = (await ResumeProgram.RunAsync(Arguments(whole.Path)))[^1];
        var lanes = await Task.WhenAll(Enumerable.Range(0, Lanes).Select(lane => Task.Run(() => KillAsync(lane, Kills / Lanes, expected))));
        Assert.Equal(Kills, lanes.Sum(l => l.Kills));
        Assert.True(lanes.Sum(l => l.Advanced) > Kills / 2, "Most kills came before the first save: they show little.");
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{Kills} kills, {lanes.Sum(l => l.Advanced)} after a new step, {lanes.Sum(l => l.Unfinished)} left an unfinished file, {lanes.Sum(l => l.Ends)} runs to the end");
    }

    static async Task<(int Kills, int Advanced, int Unfinished, int Ends)> KillAsync(int lane, int kills, string expected)
    {
        var random = new Random(lane);
        int done = 0, advanced = 0, unfinished = 0, ends = 0;
        while (done < kills || ends == 0)
        {
            using var folder = new Folder();
            long last = 0;
            while (true)
            {
                using var process = ResumeProgram.Start(Arguments(folder.Path));
                int begun = int.Parse((await process.StandardOutput.ReadLineAsync())!, CultureInfo.InvariantCulture);
                Assert.Equal(last, begun); // what was there is what it goes on from
                string? next = null;
                if (done < kills)
                {
                    if (random.Next(8) > 0) // else while it makes its first steps
                        next = await process.StandardOutput.ReadLineAsync();
                    await Task.Delay(random.Next(30));
                    process.Kill(); // SIGKILL
                }
                string hash = $"{next}\n{await process.StandardOutput.ReadToEndAsync()}".TrimEnd().Split('\n')[^1];
                await process.WaitForExitAsync();
                if (process.ExitCode == 0)
                {
                    Assert.Equal(expected, hash);
                    ends++;
                    break;
                }
                done++;
                var left = CheckpointDirectory.OpenRead(folder.Path).Checkpoints;
                Assert.All(left, checkpoint => Assert.Equal(checkpoint.Step, Checkpoint.Load(checkpoint.Path).GetInt64("step")));
                long now = left.Count > 0 ? left[0].Step : 0;
                Assert.True(now >= last, $"step {now} after {last}");
                advanced += now > last ? 1 : 0;
                unfinished += Directory.GetFiles(folder.Path, ".*.unfinished").Length;
                last = now;
            }
        }
        return (done, advanced, unfinished, ends);
    }

    static string[] Arguments(string folder) => ["killed", folder, Steps.ToString(CultureInfo.InvariantCulture)];

    sealed class Folder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("optimsharp-killed-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
