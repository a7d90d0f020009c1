using OptimSharp.Schedulers;
using static OptimSharp.Tests.Schedulers.Bench;

namespace OptimSharp.Tests.Schedulers;

/// <summary>Wrong arguments: named, with value and range, and nothing is changed.</summary>
public class ArgumentTests
{
    public static IEnumerable<TheoryDataRow<string, string, Func<Optimizer, LRScheduler>>> Wrong =>
    [
        new("stepSize", "stepSize must be ≥ 1, but is 0.", o => new StepLR(o, 0)),
        new("gamma", "gamma must be ≥ 0, but is -1.", o => new StepLR(o, 3, -1)),
        new("gamma", "gamma must be ≥ 0, but is NaN.", o => new ExponentialLR(o, double.NaN)),
        new("gamma", "gamma must be ≥ 0 and finite, but is Infinity.", o => new ExponentialLR(o, double.PositiveInfinity)),
        new("milestones", "", o => new MultiStepLR(o, [3, -1])),
        new("factor", "factor must be in [0, 1], but is 1.1.", o => new ConstantLR(o, 1.1)),
        new("totalIters", "totalIters must be ≥ 0, but is -1.", o => new ConstantLR(o, totalIters: -1)),
        new("startFactor", "startFactor must be in (0, 1], but is 0.", o => new LinearLR(o, 0)), // test_linearlr_start_factor_limits1
        new("startFactor", "startFactor must be in (0, 1], but is 1.1.", o => new LinearLR(o, 1.1)), // test_linearlr_start_factor_limits2
        new("endFactor", "endFactor must be in [0, 1], but is -0.1.", o => new LinearLR(o, endFactor: -0.1)),
        new("power", "power must be ≥ 0, but is -1.", o => new PolynomialLR(o, power: -1)),
        new("tMax", "tMax must be ≥ 1, but is 0.", o => new CosineAnnealingLR(o, 0)),
        new("etaMin", "etaMin must be ≥ 0, but is -1.", o => new CosineAnnealingLR(o, 5, -1)),
        new("t0", "t0 must be ≥ 1, but is 0.", o => new CosineAnnealingWarmRestarts(o, 0)),
        new("tMult", "tMult must be ≥ 1, but is 0.", o => new CosineAnnealingWarmRestarts(o, 3, 0)),
        new("baseLr", "baseLr must be ≥ 0, but is -1.", o => new CyclicLR(o, -1, 1)),
        new("maxLr", "maxLr must have a value for each of the optimizer's 2 parameter groups, but has 3.", o => new CyclicLR(o, 0.1, [1, 2, 3])),
        new("stepSizeUp", "stepSizeUp and stepSizeDown must not both be 0.", o => new CyclicLR(o, 0.1, 1, 0)),
        new("mode", "mode must be one of Triangular, Triangular2, ExpRange, but is 9.", o => new CyclicLR(o, 0.1, 1, mode: (CyclicMode)9)), // test_cycle_lr_invalid_mode
        new("totalSteps", "Give totalSteps, or epochs and stepsPerEpoch.", o => new OneCycleLR(o, 1)), // test_onecycle_lr_cannot_calculate_total_steps
        new("totalSteps", "", o => new OneCycleLR(o, 1, 0)),
        new("pctStart", "pctStart must be in [0, 1], but is 1.1.", o => new OneCycleLR(o, 1, 10, pctStart: 1.1)), // test_onecycle_lr_invalid_pct_start
        new("annealStrategy", "annealStrategy must be one of Cos, Linear, but is 7.", o => new OneCycleLR(o, 1, 10, annealStrategy: (AnnealStrategy)7)), // test_onecycle_lr_invalid_anneal_strategy
        new("maxLr", "maxLr must be ≥ 0 and finite, but is -1.", o => new OneCycleLR(o, -1, 10)),
        new("maxLr", "maxLr must be ≥ 0 and finite, but is Infinity.", o => new OneCycleLR(o, double.PositiveInfinity, 10)),
        new("maxLr", "maxLr must have a value for each of the optimizer's 2 parameter groups, but has 3.", o => new OneCycleLR(o, [1, 2, 3], 10)),
        new("divFactor", "divFactor must be > 0 and finite, but is 0.", o => new OneCycleLR(o, 1, 10, divFactor: 0)),
        new("annealEpochs", "annealEpochs must be ≥ 0, but is -1.", o => new SWALR(o, 0.1, -1)), // test_swalr_hypers
        new("swaLr", "swaLr must have a value for each of the optimizer's 2 parameter groups, but has 1.", o => new SWALR(o, [0.1])),
        new("annealStrategy", "annealStrategy must be one of Cos, Linear, but is 7.", o => new SWALR(o, 0.1, annealStrategy: (AnnealStrategy)7)),
        new("factor", "factor must be in [0, 1), but is 1.", o => new ReduceLROnPlateau(o, factor: 1)),
        new("minLr", "minLr must have a value for each of the optimizer's 2 parameter groups, but has 3.", o => new ReduceLROnPlateau(o, minLr: [1, 2, 3])),
        new("eps", "eps must be ≥ 0, but is -1.", o => new ReduceLROnPlateau(o, eps: -1)),
        new("lrLambda", "lrLambda must have a function for each of the optimizer's 2 parameter groups, but has 1.", o => new LambdaLR(o, [e => 1])),
        new("schedulers", "There must be at least one scheduler.", o => new ChainedScheduler([], o)),
        new("milestones", "There must be one milestone fewer than schedulers, but there are 1 schedulers and 2 milestones.", o => new SequentialLR(o, [new StepLR(o, 3)], [3, 4])),
        new("milestones", "milestones must be ≥ 0 and none lower than the one before, but are 5, 3.", o => new SequentialLR(o, [new StepLR(o, 3), new StepLR(o, 3), new StepLR(o, 3)], [5, 3])),
        new("lastEpoch", "", o => new StepLR(o, 3, lastEpoch: -2)),
        new("optimizer", "", _ => new StepLR(null!, 3)),
    ];

    [Theory]
    [MemberData(nameof(Wrong))]
    public void Wrong_arguments_are_named(string argument, string message, Func<Optimizer, LRScheduler> make)
    {
        using var optimizer = Sgd(0.1, 0.5);
        var error = Assert.ThrowsAny<ArgumentException>(() => make(optimizer));
        Assert.Equal(argument, error.ParamName);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Equal([0.1, 0.5], Rates(optimizer));
    }

    [Fact]
    public void Schedulers_of_other_optimizers_and_twice_the_same_are_refused()
    {
        using var optimizer = Sgd(0.1);
        using var other = Sgd(0.1);
        var (mine, others) = (new StepLR(optimizer, 3), new StepLR(other, 3));
        Assert.Contains("another optimizer", Assert.Throws<ArgumentException>(() => new ChainedScheduler([mine, others])).Message, StringComparison.Ordinal);
        Assert.Contains("another optimizer", Assert.Throws<ArgumentException>(() => new SequentialLR(optimizer, [others], [])).Message, StringComparison.Ordinal);
        Assert.Contains("the same as scheduler 0", Assert.Throws<ArgumentException>(() => new ChainedScheduler([mine, mine])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(-0.5)]
    public void A_function_that_gives_no_rate_stops_the_step_and_changes_nothing(double value)
    {
        using var optimizer = Sgd(0.1, 0.5);
        var scheduler = new ChainedScheduler([new ExponentialLR(optimizer, 0.5), new MultiplicativeLR(optimizer, [_ => 1, e => e == 2 ? value : 1])]);
        Run(scheduler, 1);
        string before = scheduler.StateDict().ToString();
        var error = Assert.Throws<InvalidOperationException>(scheduler.Step);
        Assert.Contains("at epoch 2 for parameter group 1", error.Message, StringComparison.Ordinal);
        Assert.Equal([0.05, 0.25], Rates(optimizer));
        Assert.Equal(before, scheduler.StateDict().ToString());
    }

    [Fact]
    public void A_list_has_no_value_for_a_group_added_later()
    {
        using var optimizer = Sgd(0.1);
        LRScheduler[] schedulers = [new SWALR(optimizer, [0.1]), new LambdaLR(optimizer, [_ => 1])];
        optimizer.AddParameterGroup(new([Parameter.Of("late", new float[1])]));
        foreach (var scheduler in schedulers)
            Assert.Contains("added later", Assert.Throws<InvalidOperationException>(scheduler.Step).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void One_value_holds_for_a_group_added_later()
    {
        using var optimizer = Sgd(0.1);
        var scheduler = new OneCycleLR(optimizer, 1, 10);
        optimizer.AddParameterGroup(new([Parameter.Of("late", new float[1])]));
        optimizer.Step();
        scheduler.Step();
        Assert.Equal(Rates(optimizer)[0], Rates(optimizer)[1]);
        Assert.Equal(Momentum(optimizer, 0), Momentum(optimizer, 1));
    }
}
