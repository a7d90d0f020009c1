using OptimSharp.Conformance;
using OptimSharp.Tests.Options;

namespace OptimSharp.Tests.Checkpoints.RoundTrips;

/// <summary>
/// Runs in three legs, PyTorch's and ours in turn, with a checkpoint file between them; the end is compared with PyTorch's own run. With
/// the command of OPTIMSHARP_PYTHON, or python3 where it has PyTorch; else they are skipped.
/// </summary>
public class PyTorchRoundTripTests
{
    public static TheoryData<string> Rows =>
        [.. OptimizerDriver.PublicOptimizers.Where(t => PyTorchOptions.Of.ContainsKey(t.Name)).Concat(SchedulerRoundTrip.Types).Select(t => t.Name), "Together", "AveragedModel"];

    [Theory]
    [MemberData(nameof(Rows))]
    public Task PyTorch_begins_and_ends(string of) => CheckAsync(of, "pytorch");

    [Theory]
    [MemberData(nameof(Rows))]
    public Task PyTorch_does_the_middle(string of) => CheckAsync(of, "optimsharp");

    static async Task CheckAsync(string of, string begins)
    {
        var run = await PyTorchRun.GetAsync();
        Assert.SkipWhen(run.Missing is not null, run.Missing ?? "");
        var cases = RoundTripCase.All.Where(c => c.Of == of).ToArray();
        Assert.True(cases.Length > 0, $"{of} has no round trips.");
        int passed = 0;
        var problems = new List<string>();
        foreach (var one in cases)
        {
            if ((run.Lacks(one) ?? LeftOut.Reason(one, run.Version)) is { } reason)
                TestContext.Current.TestOutputHelper?.WriteLine($"PyTorch {run.Version}: {one.Name} left out: {reason}");
            else if (run.Problem(one, begins) is { } problem)
                problems.Add(problem);
            else
                passed++;
            Assert.True(run.Lacks(one) is null || run.Version < LeftOut.Complete, $"{one.Name}: PyTorch {run.Version} lacks {run.Lacks(one)}");
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"PyTorch {run.Version}: {passed} of {cases.Length} {of} runs agree");
        Assert.True(problems.Count == 0, $"{problems.Count} of {cases.Length} failed:\n{string.Join("\n", problems)}");
    }
}
