using OptimSharp.Schedulers;
using static OptimSharp.Tests.Schedulers.Bench;

namespace OptimSharp.Tests.Schedulers;

/// <summary>PyTorch's tests of ReduceLROnPlateau, by intent; their names are in the comments.</summary>
public class PlateauTests
{
    static double[] Run(SGD optimizer, ReduceLROnPlateau scheduler, IEnumerable<double> metrics, params LRScheduler[] beside)
    {
        var rates = new List<double>();
        foreach (double metric in metrics)
        {
            rates.Add(optimizer.ParameterGroups[0].LearningRate);
            optimizer.Step();
            scheduler.Step(metric);
            foreach (var other in beside)
                other.Step();
        }
        return [.. rates];
    }

    static void Check(double[] expected, IEnumerable<double> metrics, Func<Optimizer, ReduceLROnPlateau> make)
    {
        using var optimizer = Sgd(0.5);
        Near(expected, Run(optimizer, make(optimizer), metrics));
    }

    static IEnumerable<double> Series(int count, Func<int, double> metric) => Enumerable.Range(0, count).Select(metric);

    [Fact] // test_reduce_lr_on_plateau1
    public void Improving_enough_changes_nothing() =>
        Check(Repeat((0.5, 20)), Series(20, i => 10 - i * 0.0167), o => new(o, thresholdMode: ThresholdMode.Abs, threshold: 0.01, patience: 5, cooldown: 5));

    [Fact] // test_reduce_lr_on_plateau2
    public void Improving_too_little_reduces() =>
        Check(Repeat((0.5, 7), (0.05, 7), (0.005, 7), (0.0005, 1)), Series(22, i => 10 - i * 0.0165), o => new(o, patience: 5, thresholdMode: ThresholdMode.Abs, threshold: 0.1, cooldown: 0));

    [Fact] // test_reduce_lr_on_plateau3
    public void A_cooldown_waits() =>
        Check(Repeat((0.5, 7), (0.05, 11), (0.005, 2)), Series(20, _ => -0.8), o => new(o, PlateauMode.Max, patience: 5, cooldown: 5, thresholdMode: ThresholdMode.Abs));

    [Fact] // test_reduce_lr_on_plateau4
    public void Growing_enough_changes_nothing() =>
        Check(Repeat((0.5, 20)), Series(20, i => 1.5 * Math.Pow(1.025, i)), o => new(o, PlateauMode.Max, patience: 3, threshold: 0.1));

    [Fact] // test_reduce_lr_on_plateau5
    public void Growing_too_little_reduces() =>
        Check(Repeat((0.5, 7), (0.05, 11), (0.005, 2)), Series(20, i => 1.5 * Math.Pow(1.005, i)), o => new(o, PlateauMode.Max, patience: 5, threshold: 0.1, cooldown: 5));

    [Fact] // test_reduce_lr_on_plateau6
    public void Falling_by_a_part_changes_nothing() =>
        Check(Repeat((0.5, 20)), Series(20, i => 1.5 * Math.Pow(0.85, i)), o => new(o, patience: 5, threshold: 0.1));

    [Fact] // test_reduce_lr_on_plateau7
    public void A_late_improvement_puts_it_off() =>
        Check(Repeat((0.5, 7), (0.05, 6)), [.. Repeat((1, 7), (0.6, 1), (0.5, 5))], o => new(o, patience: 5, threshold: 0.1, cooldown: 5));

    [Fact] // test_reduce_lr_on_plateau8
    public void Rates_have_a_lower_bound_for_each_group()
    {
        using var optimizer = Sgd(0.5, 0.5);
        var scheduler = new ReduceLROnPlateau(optimizer, patience: 5, threshold: 0.1, minLr: [0.4, 0.3], factor: 0.1);
        Run(optimizer, scheduler, Repeat((1.5, 20)));
        Assert.Equal([0.4, 0.3], Rates(optimizer));
    }

    [Fact] // test_reduce_lr_on_plateau_get_last_lr_before_step
    public void The_last_rates_are_known_before_the_first_step()
    {
        using var optimizer = Sgd(0.1, 0.2);
        Assert.Equal([0.1, 0.2], new ReduceLROnPlateau(optimizer).LastLearningRates);
    }

    [Fact] // test_add_param_group_does_not_break_reduce_lr_on_plateau, test_add_param_group_errors_reduce_lr_on_plateau
    public void A_group_added_later_is_reduced_too()
    {
        using var optimizer = Sgd(0.5);
        var (one, list) = (new ReduceLROnPlateau(optimizer, patience: 0), new ReduceLROnPlateau(optimizer, patience: 0, minLr: [0.1]));
        optimizer.AddParameterGroup(new([Parameter.Of("late", new float[1])], o => o with { LearningRate = 0.3 }));
        one.Step(1);
        one.Step(1);
        Near([0.05, 0.03], Rates(optimizer));
        list.Step(1);
        var error = Assert.Throws<InvalidOperationException>(() => list.Step(1));
        Assert.Contains("none for one that was added later", error.Message, StringComparison.Ordinal);
        Near([0.05, 0.03], Rates(optimizer));
    }

    [Theory] // test_compound_reduce_lr_on_plateau1 to 5: the product of the two is what is expected here
    [MemberData(nameof(Others))]
    public void Beside_another_scheduler_both_multiply(Func<Optimizer, LRScheduler> make, Func<int, double> factor)
    {
        using var optimizer = Sgd(0.5);
        double[] rates = Run(optimizer, new(optimizer, patience: 5, threshold: 0.1), Repeat((1.5, 14)), make(optimizer));
        Near([.. Enumerable.Range(0, 14).Select(e => 0.5 * (e < 7 ? 1 : e < 13 ? 0.1 : 0.01) * factor(e))], rates, 1e-6);
    }

    public static IEnumerable<TheoryDataRow<Func<Optimizer, LRScheduler>, Func<int, double>>> Others =>
    [
        new(o => new StepLR(o, 3), e => Math.Pow(0.1, e / 3)),
        new(o => new MultiStepLR(o, [3, 6]), e => e < 3 ? 1 : e < 6 ? 0.1 : 0.01),
        new(o => new ExponentialLR(o, 0.9), e => Math.Pow(0.9, e)),
        new(o => new LinearLR(o, 0.5, totalIters: 4), e => 0.5 + 0.5 * Math.Min(e, 4) / 4),
    ];

    [Fact]
    public void Negative_metrics_are_compared_by_their_magnitude()
    {
        using var optimizer = Sgd(0.5);
        var scheduler = new ReduceLROnPlateau(optimizer, threshold: 0.1, patience: 100);
        scheduler.Step(-1);
        scheduler.Step(-0.95); // PyTorch takes it for lower: −1 · 0.9 = −0.9
        Assert.Equal(-1, scheduler.Best);
        scheduler.Step(-1.05); // not by a tenth
        Assert.Equal(-1, scheduler.Best);
        scheduler.Step(-1.2);
        Assert.Equal(-1.2, scheduler.Best);
        var highest = new ReduceLROnPlateau(optimizer, PlateauMode.Max, threshold: 0.1, patience: 100);
        highest.Step(-1);
        highest.Step(-1.05);
        Assert.Equal(-1, highest.Best);
        highest.Step(-0.8);
        Assert.Equal(-0.8, highest.Best);
    }

    [Fact]
    public void NaN_counts_as_bad_and_is_reported()
    {
        using var optimizer = Sgd(0.5);
        var scheduler = new ReduceLROnPlateau(optimizer, patience: 1);
        var warnings = Warnings(() =>
        {
            scheduler.Step(1);
            scheduler.Step(double.NaN);
            scheduler.Step(double.NaN);
        }, sender => sender == scheduler);
        Assert.Equal(2, warnings.Count);
        Assert.Contains("NaN at epoch 2", warnings[0], StringComparison.Ordinal);
        Assert.Equal(0.05, optimizer.ParameterGroups[0].LearningRate, 12);
    }

    [Fact]
    public void It_needs_its_metric()
    {
        using var optimizer = Sgd(0.5);
        LRScheduler scheduler = new ReduceLROnPlateau(optimizer);
        Assert.Contains("Step(metric)", Assert.Throws<InvalidOperationException>(scheduler.Step).Message, StringComparison.Ordinal);
        Assert.Contains("beside", Assert.Throws<ArgumentException>(() => new ChainedScheduler([scheduler])).Message, StringComparison.Ordinal);
        Assert.Contains("beside", Assert.Throws<ArgumentException>(() => new SequentialLR(optimizer, [scheduler], [])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => ScheduleReport.Of(scheduler, 10));
    }

    [Fact] // test_reduce_lr_on_plateau_state_dict
    public void Resuming_gives_the_same_bits()
    {
        double[] metrics = [.. Enumerable.Range(0, 40).Select(i => 10.0 / (1 + i / 8))];
        using var optimizer = Sgd(0.5, 0.7);
        ReduceLROnPlateau Make(Optimizer o) => new(o, patience: 1, cooldown: 1, factor: 0.7);
        var scheduler = Make(optimizer);
        foreach (double metric in metrics)
        {
            var (saved, state) = (Save(optimizer), scheduler.StateDict());
            using var second = Sgd(1, 1);
            var resumed = new ReduceLROnPlateau(second, PlateauMode.Max, 0.5, 3, 0.2, ThresholdMode.Abs, 9, 0.1, 0.1); // all is read from the state
            resumed.LoadStateDict(state);
            Load(second, saved);
            scheduler.Step(metric);
            resumed.Step(metric);
            Assert.Equal(Rates(optimizer), Rates(second));
            Assert.Equal(scheduler.StateDict().ToString(), resumed.StateDict().ToString());
        }
        Assert.NotEqual(0.5, optimizer.ParameterGroups[0].LearningRate);
    }
}
