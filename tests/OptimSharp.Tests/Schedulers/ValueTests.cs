using OptimSharp.Schedulers;
using static OptimSharp.Tests.Schedulers.Bench;

namespace OptimSharp.Tests.Schedulers;

/// <summary>
/// PyTorch's own tests of values, by intent; their names are in the comments. Two groups, 0.05 and 0.5, as there: the second
/// is always ten times the first.
/// </summary>
public class ValueTests
{
    static void Check(double[] expected, params Func<Optimizer, LRScheduler>[] make)
    {
        using var optimizer = Sgd(0.05, 0.5);
        LRScheduler[] schedulers = [.. make.Select(m => m(optimizer))];
        var rates = RunAll(schedulers, expected.Length);
        Near(expected, [.. rates.Select(r => r[0])]);
        Near([.. expected.Select(e => 10 * e)], [.. rates.Select(r => r[1])]);
        Near(Rates(optimizer), schedulers[^1].LastLearningRates); // test_get_last_lr_*
    }

    static double[] Series(int count, Func<int, double> rate) => [.. Enumerable.Range(0, count).Select(rate)];

    [Fact] // test_step_lr, test_get_last_lr_step_lr
    public void StepLR_drops_every_three_epochs() => Check(Repeat((0.05, 3), (0.005, 3), (0.0005, 3), (0.00005, 3)), o => new StepLR(o, 3));

    [Fact] // test_multi_step_lr, test_get_last_lr_multi_step_lr
    public void MultiStepLR_drops_at_its_milestones() =>
        Check(Repeat((0.05, 2), (0.005, 3), (0.0005, 4), (0.00005, 3)), o => new MultiStepLR(o, [2, 5, 9]));

    [Fact] // test_constantlr, test_get_last_lr_constantlr
    public void ConstantLR_holds_a_half() => Check(Repeat((0.025, 5), (0.05, 5)), o => new ConstantLR(o, 0.5, 5));

    [Fact] // test_linearlr
    public void LinearLR_rises_to_full() => Check([.. Series(4, e => 0.05 * (0.5 + e / 8.0)), .. Repeat((0.05, 6))], o => new LinearLR(o, 0.5, totalIters: 4));

    [Fact] // test_get_last_lr_linearlr
    public void LinearLR_ends_below_full() =>
        Check([.. Series(4, e => 0.05 * (0.25 + e * 0.35 / 4)), .. Repeat((0.03, 6))], o => new LinearLR(o, 0.25, 0.6, 4));

    [Fact] // test_exp_lr
    public void ExponentialLR_decays() => Check(Series(10, e => 0.05 * Math.Pow(0.9, e)), o => new ExponentialLR(o, 0.9));

    [Fact] // test_poly_lr
    public void PolynomialLR_comes_to_zero() => Check([.. Series(5, e => 0.05 * Math.Pow(1 - e / 5.0, 0.9)), .. Repeat((0, 5))], o => new PolynomialLR(o, 5, 0.9));

    [Fact] // test_cos_anneal_lr
    public void CosineAnnealingLR_follows_the_cosine()
    {
        using var optimizer = Sgd(0.05, 0.5);
        Near(Series(10, e => 1e-10 + (0.05 - 1e-10) * (1 + Math.Cos(Math.PI * e / 10)) / 2), Run(new CosineAnnealingLR(optimizer, 10, 1e-10), 10));
    }

    [Fact] // test_cos_anneal_lr_continue
    public void A_second_scheduler_goes_on_from_lastEpoch()
    {
        using var optimizer = Sgd(0.1);
        var scheduler = new CosineAnnealingLR(optimizer, 10);
        optimizer.Step();
        scheduler.Step();
        var continued = new CosineAnnealingLR(optimizer, 10, lastEpoch: 0);
        Assert.Equal(scheduler.LastLearningRates, continued.LastLearningRates);
        Assert.Equal(1, continued.LastEpoch);
    }

    [Fact] // test_lambda_lr, test_multiplicative_lr
    public void Functions_are_given_per_group()
    {
        using var a = Sgd(0.05, 0.4);
        var lambda = RunAll([new LambdaLR(a, [e => Math.Pow(0.9, e), e => Math.Pow(0.8, e)])], 10);
        Near(Series(10, e => 0.05 * Math.Pow(0.9, e)), [.. lambda.Select(r => r[0])]);
        Near(Series(10, e => 0.4 * Math.Pow(0.8, e)), [.. lambda.Select(r => r[1])]);
        using var b = Sgd(0.05, 0.4);
        var factors = RunAll([new MultiplicativeLR(b, [_ => 0.9, _ => 0.8])], 10);
        Near([.. lambda.Select(r => r[1])], [.. factors.Select(r => r[1])]);
    }

    [Fact] // test_sequentiallr1
    public void Sequential_exponential_then_step() =>
        Check([0.05, 0.04, 0.032, .. Repeat((0.05, 4), (0.005, 4), (0.0005, 4), (0.00005, 4), (0.000005, 4))], o => new SequentialLR(o, [new ExponentialLR(o, 0.8), new StepLR(o, 4)], [3]));

    [Fact] // test_sequentiallr2
    public void Sequential_constant_then_exponential() =>
        Check([0.005, 0.005, 0.005, .. Series(10, e => 0.05 * Math.Pow(0.9, e))], o => new SequentialLR(o, [new ConstantLR(o, 0.1, 3), new ExponentialLR(o, 0.9)], [3]));

    [Fact] // test_sequentiallr3
    public void Sequential_of_three() =>
        Check([0.005, 0.005, 0.005, 0.05, 0.04, 0.032, 0.05, 0.05, 0.005, 0.005, 0.0005, 0.0005],
            o => new SequentialLR(o, [new ConstantLR(o, 0.1, 3), new ExponentialLR(o, 0.8), new StepLR(o, 2)], [3, 6]));

    [Fact] // test_sequentiallr4
    public void Sequential_undoes_what_its_parts_did_when_made()
    {
        using var optimizer = Sgd(0.1);
        var sequence = new SequentialLR(optimizer, [new ConstantLR(optimizer, 1), new ConstantLR(optimizer, 0.1)], [10]);
        Assert.Equal(0.1, optimizer.ParameterGroups[0].LearningRate);
        Assert.Equal([0.1], sequence.LastLearningRates);
    }

    [Fact] // test_sequentiallr5
    public void Sequential_with_a_chain_first() =>
        Check([.. Series(5, e => 0.0005 + 0.0009 * e), .. Repeat((0.025, 10))], // 0.05 · 0.1 · (0.1 + 0.18 e), then 0.05 · 0.5
            o => new SequentialLR(o, [new ChainedScheduler([new ConstantLR(o, 0.1, 1000), new LinearLR(o, 0.1, 1, 5)]), new ConstantLR(o, 0.5, 1000)], [5]));

    [Fact] // test_sequentiallr_skips_preceding_schedulers_with_zero_milestone
    public void Sequential_leaves_out_what_ends_at_zero() =>
        Check(Series(5, e => 0.05 * Math.Pow(0.5, e)), o => new SequentialLR(o, [new ConstantLR(o, 0.1, 5), new ExponentialLR(o, 0.5)], [0]));

    [Fact] // test_sequentiallr_no_warnings
    public void Sequential_warns_of_nothing()
    {
        using var optimizer = Sgd(0.1);
        Assert.Empty(Warnings(() => Run(new SequentialLR(optimizer, [new ConstantLR(optimizer), new ExponentialLR(optimizer, 0.5)], [3]), 6),
            sender => (sender as LRScheduler)?.Optimizer == optimizer));
    }

    [Fact] // test_chained_lr1, test_chained_lr2_get_last_lr_before_step
    public void Chain_of_one() => Check(Repeat((0.05, 3), (0.005, 3), (0.0005, 3)), o => new ChainedScheduler([new StepLR(o, 3)]));

    [Fact] // test_chained_lr2
    public void Chain_of_a_line() => Check([0.02, 0.03, 0.04, .. Repeat((0.05, 9))], o => new ChainedScheduler([new LinearLR(o, 0.4, totalIters: 3)]));

    [Fact] // test_chained_lr3
    public void Chain_of_line_and_milestones() =>
        Check([0.02, 0.03, 0.04, 0.05, .. Repeat((0.005, 4), (0.0005, 3), (0.00005, 3))], o => new ChainedScheduler([new LinearLR(o, 0.4, totalIters: 3), new MultiStepLR(o, [4, 8, 11])]));

    [Fact] // test_chained_lr4
    public void Chain_of_three() =>
        Check(Series(9, e => 0.05 * Math.Pow(0.9, e) * (e < 4 ? 0.2 : 1) * Math.Pow(0.1, e / 3)), o => new ChainedScheduler([new ExponentialLR(o, 0.9), new ConstantLR(o, 0.2, 4), new StepLR(o, 3)]));

    [Fact] // test_chained_lr5
    public void Chain_of_polynomial_and_constant() =>
        Check(Series(9, e => 0.05 * Math.Pow(1 - Math.Min(e, 5) / 5.0, 0.9) * (e < 3 ? 0.5 : 1)), o => new ChainedScheduler([new PolynomialLR(o, 5, 0.9), new ConstantLR(o, 0.5, 3)]));

    [Fact] // test_compound_step_and_multistep_lr
    public void Together_step_and_milestones() =>
        Check([0.05, 0.05, 0.005, 0.0005, 0.0005, 0.00005, 0.000005, 0.000005], o => new StepLR(o, 3), o => new MultiStepLR(o, [2, 5, 9]));

    [Fact] // test_compound_step_and_exp_lr, test_compound_exp_and_multistep_lr
    public void Together_exponential_and_drops()
    {
        Check(Series(9, e => 0.05 * Math.Pow(0.9, e) * Math.Pow(0.1, e / 3)), o => new StepLR(o, 3), o => new ExponentialLR(o, 0.9));
        Check(Series(9, e => 0.05 * Math.Pow(0.9, e) * Math.Pow(0.1, (e >= 2 ? 1 : 0) + (e >= 5 ? 1 : 0))), o => new MultiStepLR(o, [2, 5, 9]), o => new ExponentialLR(o, 0.9));
    }

    [Fact] // test_compound_exp_and_linearlr, test_compound_linearlr_and_multistep_lr, test_compound_step_and_constantlr
    public void Together_a_line_or_constant_and_drops()
    {
        static double Line(int e) => 0.4 + 0.6 * Math.Min(e, 3) / 3;
        Check(Series(9, e => 0.05 * Math.Pow(0.9, e) * Line(e)), o => new LinearLR(o, 0.4, totalIters: 3), o => new ExponentialLR(o, 0.9));
        Check(Series(9, e => 0.05 * Math.Pow(0.1, (e >= 2 ? 1 : 0) + (e >= 5 ? 1 : 0)) * Line(e)), o => new LinearLR(o, 0.4, totalIters: 3), o => new MultiStepLR(o, [2, 5, 9]));
        Check(Series(9, e => 0.05 * Math.Pow(0.1, e / 3) * (e < 4 ? 0.2 : 1)), o => new StepLR(o, 3), o => new ConstantLR(o, 0.2, 4));
    }

    [Theory] // test_compound_cosanneal_and_{step,multistep,linearlr,exp}_lr
    [MemberData(nameof(Others))]
    public void Together_a_cosine_to_zero_and_others(Func<Optimizer, LRScheduler> other, Func<int, double> factor) =>
        Check(Series(10, e => 0.05 * (1 + Math.Cos(Math.PI * e / 10)) / 2 * factor(e)), o => new CosineAnnealingLR(o, 10), other);

    public static IEnumerable<TheoryDataRow<Func<Optimizer, LRScheduler>, Func<int, double>>> Others =>
    [
        new(o => new StepLR(o, 3), e => Math.Pow(0.1, e / 3)),
        new(o => new MultiStepLR(o, [2, 5, 9]), e => Math.Pow(0.1, (e >= 2 ? 1 : 0) + (e >= 5 ? 1 : 0) + (e >= 9 ? 1 : 0))),
        new(o => new LinearLR(o, 0.4, totalIters: 3), e => 0.4 + 0.6 * Math.Min(e, 3) / 3),
        new(o => new ExponentialLR(o, 0.1), e => Math.Pow(0.1, e)),
    ];

    [Fact]
    public void A_rate_set_by_hand_is_honoured()
    {
        using var optimizer = Sgd(0.1);
        var scheduler = new ExponentialLR(optimizer, 0.5);
        optimizer.ParameterGroups[0].LearningRate = 0.8;
        Near([0.8, 0.4, 0.2], Run(scheduler, 3));
    }

    [Fact]
    public void A_group_added_later_is_driven_from_its_own_rate()
    {
        using var optimizer = Sgd(0.1);
        var scheduler = new LambdaLR(optimizer, e => 1.0 / (1 + e));
        using var other = Sgd(0.1);
        var step = new StepLR(other, 1, 0.5);
        foreach (var each in new[] { optimizer, other })
            each.AddParameterGroup(new([Parameter.Of("late", new float[1])], o => o with { LearningRate = 0.6 }));
        Near([0.6, 0.3, 0.2], Run(scheduler, 3, group: 1));
        Near([0.6, 0.3, 0.15], Run(step, 3, group: 1));
        Assert.Equal([0.1, 0.6], scheduler.BaseLearningRates);
        Assert.Equal(0.6, optimizer.ParameterGroups[1].InitialLearningRate);
    }

    [Theory]
    [InlineData(0.3, 0, 0.1)]
    [InlineData(0.0, 2, 0.0, 0.0, 0.1, 0.1)]
    public void ConstantLR_of_no_length_or_factor_zero(double factor, int length, params double[] expected)
    {
        using var optimizer = Sgd(0.1);
        Near(expected, Run(new ConstantLR(optimizer, factor, length), 4));
    }

    [Fact]
    public void Lengths_of_zero_have_a_meaning()
    {
        using var a = Sgd(0.1);
        Near([0.05, 0.05, 0.05], Run(new LinearLR(a, 0.3, 0.5, totalIters: 0), 3)); // at its end at once
        using var b = Sgd(0.1);
        Near([0.1, 0.1, 0.1], Run(new PolynomialLR(b, totalIters: 0), 3)); // nothing to decay over
        using var c = Sgd(0.1);
        Near([0.1, 0.1, 0.05], Run(new SequentialLR(c, [new StepLR(c, 9), new StepLR(c, 1), new ExponentialLR(c, 0.5)], [1, 1]), 3));
    }

    [Fact]
    public void A_rate_that_overflows_stays_finite()
    {
        using var optimizer = Sgd(0.1);
        Run(new ExponentialLR(optimizer, 1e200), 5);
        Assert.Equal(double.MaxValue, optimizer.ParameterGroups[0].LearningRate);
    }

    [Fact]
    public void Warmup_then_cosine()
    {
        using var optimizer = Sgd(0.1);
        double[] rates = Run(Warmup.Cosine(optimizer, warmupSteps: 4, totalSteps: 15, etaMin: 0.01, startFactor: 0.2), 15);
        Near([0.02, 0.04, 0.06, 0.08, 0.1], rates);
        Near(Series(11, e => 0.01 + 0.09 * (1 + Math.Cos(Math.PI * e / 10)) / 2), rates[4..]);
    }

    [Fact]
    public void Warmup_of_no_steps_is_left_out()
    {
        using var optimizer = Sgd(0.1);
        Near([0.1, 0.05, 0.025], Run(Warmup.Then(optimizer, 0, o => new ExponentialLR(o, 0.5)), 3));
    }

    [Fact]
    public void Warmup_stable_decay()
    {
        using var optimizer = Sgd(0.1);
        Near([0.02, 0.06, 0.1, 0.1, 0.1, 0.1, 0.075, 0.05, 0.025, 0, 0], Run(Warmup.StableDecay(optimizer, 2, 3, 4, startFactor: 0.2), 11));
    }
}
