namespace OptimSharp.Tool.Tests;

/// <summary>What a press of Tab may give.</summary>
public class CandidateTests
{
    [Theory]
    [InlineData("checkpoint|schedule|plan|completion", "")]
    [InlineData("verify", "checkpoint", "ver")]
    [InlineData("--max-shard", "checkpoint", "convert", "a b.pt", "c.pt", "--m")]
    [InlineData("bfloat16", "checkpoint", "convert", "a.pt", "b.pt", "--dtype", "bf")]
    [InlineData("--dtype=bfloat16", "checkpoint", "convert", "a.pt", "b.pt", "--dtype=bf")]
    [InlineData("AdamW|AdamWScheduleFree", "plan", "x.pt", "--optimizer", "AdamW")]
    [InlineData("--optimizer=Lion", "plan", "x.pt", "--optimizer=Lio")]
    [InlineData("StepLR(|StepLR(step_size, gamma=0.1)", "schedule", "Ste")]
    [InlineData("SWALR(|SequentialLR(|StepLR(", "schedule", "S")]
    [InlineData("StepLR(step_size=|StepLR(step_size=…", "schedule", "StepLR(st")]
    [InlineData("StepLR(step_size=30, gamma=|StepLR(step_size=30, gamma=…", "schedule", "StepLR(step_size=30, g")]
    [InlineData("SequentialLR([LinearLR(|SequentialLR([LinearLR(start_factor=0.3333333333333333, end_factor=1, total_iters=5)", "schedule", "SequentialLR([Line")]
    [InlineData("SequentialLR([StepLR(30)], milestones=|SequentialLR([StepLR(30)], milestones=…", "schedule", "SequentialLR([StepLR(30)], m")]
    [InlineData("", "schedule", "model.p")]
    [InlineData("", "checkpoint", "inspect", "mod")]
    public void The_last_word_may_become(string expected, params string[] words) =>
        Assert.Equal(expected.Split('|', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal),
            ToolRun.Good(["completion", "candidates", "--", .. words]).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal));

    [Fact]
    public void It_is_for_shells_and_not_in_the_help() => Assert.DoesNotContain("candidates", ToolRun.Good("completion", "--help").Output, StringComparison.Ordinal);
}
