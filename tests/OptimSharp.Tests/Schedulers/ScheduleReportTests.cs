using OptimSharp.Schedulers;
using static OptimSharp.Tests.Schedulers.Bench;

namespace OptimSharp.Tests.Schedulers;

public class ScheduleReportTests
{
    static ScheduleFindingKind[] Kinds(Func<Optimizer, LRScheduler> make, int steps)
    {
        using var optimizer = Sgd(0.1);
        return [.. ScheduleReport.Of(make(optimizer), steps).Findings.Select(f => f.Kind)];
    }

    [Fact]
    public void A_good_schedule_has_no_findings()
    {
        Assert.Empty(Kinds(o => Warmup.Cosine(o, 10, 100), 100));
        Assert.Empty(Kinds(o => Warmup.StableDecay(o, 10, 60, 29), 100));
        Assert.Empty(Kinds(o => new OneCycleLR(o, 1, 100), 100));
        Assert.Empty(Kinds(o => new StepLR(o, 30), 100));
        Assert.Empty(Kinds(o => new CosineAnnealingLR(o, 99), 100));
    }

    [Fact]
    public void Likely_mistakes_are_found()
    {
        Assert.Equal([ScheduleFindingKind.ZeroAtStart], Kinds(o => new LambdaLR(o, e => Math.Min(1, e / 10.0)), 50));
        Assert.Equal([ScheduleFindingKind.ZeroRate], Kinds(o => new LambdaLR(o, e => 0), 50));
        Assert.Equal([ScheduleFindingKind.Jump], Kinds(o => new SequentialLR(o, [new ExponentialLR(o, 0.9), new ExponentialLR(o, 0.99)], [30]), 50));
        Assert.Equal([ScheduleFindingKind.LongerThanPlanned], Kinds(o => new CosineAnnealingLR(o, 29), 50));
        Assert.Equal([ScheduleFindingKind.LongerThanPlanned], Kinds(o => new OneCycleLR(o, 1, 30), 50));
        Assert.Equal([ScheduleFindingKind.ShorterThanPlanned, ScheduleFindingKind.MinimumNotReached], Kinds(o => new CosineAnnealingLR(o, 99), 50));
        Assert.Equal([ScheduleFindingKind.LongerThanPlanned, ScheduleFindingKind.ZeroRate], Kinds(o => new PolynomialLR(o, 29), 50));
        Assert.Equal([ScheduleFindingKind.ShorterThanPlanned, ScheduleFindingKind.MinimumNotReached], Kinds(o => Warmup.Cosine(o, 10, 100), 70));
        Assert.Equal([ScheduleFindingKind.MinimumNotReached], Kinds(o => new CosineAnnealingWarmRestarts(o, 5), 50)); // it never is, as in PyTorch
    }

    [Fact]
    public void A_function_can_be_looked_at()
    {
        var report = ScheduleReport.Of("mine", e => StepLR.At(e, 0.1, 10), 30);
        Assert.Equal(("mine", 30, 0.1), (report.Name, report.Rates.Count, report.Rates[9]));
        Assert.Empty(report.Findings);
    }

    [Fact]
    public void The_drawing_shows_the_curve()
    {
        string[] lines = ScheduleReport.Of("jump", e => e, 2).Draw(width: 10, height: 2).Split('\n');
        Assert.Equal(["1 ┤⠀⠀⠀⠀⠀⡏⠉⠉⠉⠉", "0 ┤⣀⣀⣀⣀⣀⠇⠀⠀⠀⠀", "  └──────────", "   0        1"], lines);
    }

    [Fact]
    public void The_text_says_where_the_rate_goes()
    {
        using var optimizer = Sgd(0.1);
        string text = ScheduleReport.Of(new CosineAnnealingLR(optimizer, 29), 50).ToString();
        Assert.StartsWith("CosineAnnealingLR, 50 steps: starts at 0.1, highest 0.1 at step 0, lowest 0 at step 29, ends at ", text, StringComparison.Ordinal);
        Assert.EndsWith("! The schedule is done after 30 steps of 50, and then the rate rises again.", text, StringComparison.Ordinal);
    }
}
