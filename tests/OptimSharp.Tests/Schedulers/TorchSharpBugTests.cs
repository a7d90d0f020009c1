using OptimSharp.Schedulers;
using static OptimSharp.Tests.Schedulers.Bench;

namespace OptimSharp.Tests.Schedulers;

/// <summary>What TorchSharp 0.107's own schedulers get wrong, and these must not.</summary>
public class TorchSharpBugTests
{
    [Fact]
    public void CyclicLR_moves_momentum_down_while_the_rate_rises()
    {
        using var optimizer = Sgd(0.1);
        var scheduler = new CyclicLR(optimizer, 0.1, 1, stepSizeUp: 4);
        double[] momenta = new double[5];
        for (int k = 0; k < 5; k++)
        {
            momenta[k] = Momentum(optimizer);
            scheduler.Step();
        }
        Near([0.9, 0.875, 0.85, 0.825, 0.8], momenta);
    }

    [Fact]
    public void CyclicLR_scales_exp_range_by_the_iteration()
    {
        using var optimizer = Sgd(0.1);
        Near([0.1, 0.3025, 0.4645, 0.592, 0.690], Run(new CyclicLR(optimizer, 0.1, 1, 4, mode: CyclicMode.ExpRange, gamma: 0.9), 5), 1e-3);
    }

    [Fact]
    public void CyclicLR_works_with_Adam()
    {
        using var optimizer = Adam(0.1);
        Run(new CyclicLR(optimizer, 0.1, 1, 4), 3);
        Near([0.825], [Momentum(optimizer)]);
    }

    [Fact]
    public void OneCycleLR_drives_all_groups_and_ends_at_the_lowest_rate()
    {
        using var optimizer = Sgd(0.1, 0.1);
        var rates = RunAll([new OneCycleLR(optimizer, 0.1, totalSteps: 5)], 8);
        Assert.All(rates, r => Assert.Equal(r[0], r[1]));
        Near([4e-7, 4e-7, 4e-7, 4e-7], [.. rates.Skip(4).Select(r => r[0])]);
    }

    [Fact]
    public void MultiStepLR_counts_repeated_milestones()
    {
        using var optimizer = Sgd(1.0);
        Near([1, 1, 0.01], Run(new MultiStepLR(optimizer, [2, 2]), 3));
    }

    [Fact]
    public void LinearLR_refuses_to_start_at_zero()
    {
        using var optimizer = Sgd(1.0);
        Assert.Throws<ArgumentOutOfRangeException>(() => new LinearLR(optimizer, startFactor: 0));
    }

    [Fact]
    public void The_last_rates_are_the_last_rates()
    {
        using var optimizer = Sgd(1.0);
        var plateau = new ReduceLROnPlateau(optimizer, patience: 0);
        plateau.Step(1);
        plateau.Step(1);
        Near([0.1], plateau.LastLearningRates);
        var chain = new ChainedScheduler([new ExponentialLR(optimizer, 0.5)]);
        Near([0.1], chain.LastLearningRates);
        chain.Step();
        Near([0.05], chain.LastLearningRates);
        Assert.Throws<ArgumentException>(() => new ReduceLROnPlateau(optimizer, minLr: [0.1, 0.2]));
    }

    [Fact]
    public void A_group_added_later_is_driven_and_a_rate_set_before_is_the_base()
    {
        using var optimizer = Sgd(1.0);
        optimizer.ParameterGroups[0].LearningRate = 0.5;
        var scheduler = new LambdaLR(optimizer, _ => 1);
        Assert.Equal(0.5, optimizer.ParameterGroups[0].LearningRate);
        optimizer.AddParameterGroup(new([Parameter.Of("late", new float[1])], o => o with { LearningRate = 0.5 }));
        var step = new StepLR(optimizer, 1, 0.5);
        RunAll([step], 1);
        Assert.Equal([0.25, 0.25], Rates(optimizer));
    }

    [Fact]
    public void A_groups_options_are_plain_properties()
    {
        using var optimizer = Sgd(1.0);
        double rate = optimizer.ParameterGroups[0].LearningRate, momentum = optimizer.ParameterGroups[0].Options.Momentum;
        Assert.Equal((1.0, 0.9), (rate, momentum));
        Assert.Null(optimizer.ParameterGroups[0].InitialLearningRate); // until a scheduler needs it
    }
}
