using System.Globalization;
using OptimSharp.Conformance;
using OptimSharp.Tests.Checkpoints.RoundTrips;

namespace OptimSharp.Tests.Checkpoints;

/// <summary>
/// Every optimizer with every scheduler: a run that goes on from a checkpoint file, written before any of its steps, ends with the same bits. One
/// process (tests/OptimSharp.Resume) trains all of them and saves before every step; then another goes on from each of these steps.
/// </summary>
public class ResumeGridTests(ResumeGridTests.Whole whole) : IClassFixture<ResumeGridTests.Whole>
{
    public static TheoryData<int> Steps => [.. Enumerable.Range(0, 12)];

    [Fact]
    public void It_has_every_optimizer_with_every_scheduler()
    {
        var all = from optimizer in OptimizerDriver.PublicOptimizers from scheduler in SchedulerRoundTrip.Types select $"{optimizer.Name} with {scheduler.Name}";
        Assert.Equal(all.Order(StringComparer.Ordinal), whole.Ends.Select(line => line.Split(':')[0]).Order(StringComparer.Ordinal));
        Assert.Equal(Steps.Count, Directory.GetFiles(whole.Folder, "*.pt").Length);
    }

    [Theory]
    [MemberData(nameof(Steps))]
    public async Task Going_on_in_a_new_process_gives_the_same_bits(int step)
    {
        string[] ends = await ResumeProgram.RunAsync("grid", whole.Folder, step.ToString(CultureInfo.InvariantCulture));
        string[] other = [.. ends.Except(whole.Ends).Concat(whole.Ends.Except(ends)).Select(line => line.Split(':')[0]).Distinct()];
        Assert.True(other.Length == 0, $"Resumed before step {step}, these end with other bits: {string.Join(", ", other)}.");
    }

    /// <summary>All runs from their beginning to their end, and their checkpoints.</summary>
    public sealed class Whole : IAsyncLifetime
    {
        public string Folder { get; } = Directory.CreateTempSubdirectory("optimsharp-resume-").FullName;

        /// <summary>For each run optimizer, scheduler and the hash of its bits.</summary>
        public string[] Ends { get; private set; } = [];

        public async ValueTask InitializeAsync() => Ends = await ResumeProgram.RunAsync("grid", Folder);

        public ValueTask DisposeAsync()
        {
            Directory.Delete(Folder, recursive: true);
            return ValueTask.CompletedTask;
        }
    }
}
