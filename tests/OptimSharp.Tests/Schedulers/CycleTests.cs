using OptimSharp.Conformance;
using OptimSharp.Schedulers;
using OptimSharp.Tests.Support;
using static OptimSharp.Tests.Schedulers.Bench;

namespace OptimSharp.Tests.Schedulers;

/// <summary>PyTorch's tests of the schedulers that cycle, restart and anneal, by intent; their names are in the comments.</summary>
public class CycleTests
{
    static void Check(double[] rates, double[]? momenta, Func<Optimizer, LRScheduler> make)
    {
        using var optimizer = Sgd(0.5, 0.5);
        var scheduler = make(optimizer);
        for (int k = 0; k < rates.Length; k++)
        {
            Near([rates[k], rates[k]], Rates(optimizer));
            if (momenta is not null)
                Near([momenta[k]], [Momentum(optimizer)]);
            optimizer.Step();
            scheduler.Step();
        }
    }

    [Fact] // test_cycle_lr_triangular_mode_one_lr, _no_momentum, _lists
    public void CyclicLR_is_a_triangle()
    {
        double[] rates = [1, 2, 3, 4, 5, 4, 3, 2, 1, 2, 3];
        Check(rates, [5, 4, 3, 2, 1, 2, 3, 4, 5, 4, 3], o => new CyclicLR(o, 1, 5, 4, cycleMomentum: true, baseMomentum: 1, maxMomentum: 5));
        Check(rates, null, o => new CyclicLR(o, 1, 5, 4, cycleMomentum: false));
        Check(rates, null, o => new CyclicLR(o, [1, 1], [5, 5], 4, cycleMomentum: false));
    }

    [Fact] // test_cycle_lr_triangular2_mode_one_lr
    public void CyclicLR_halves_each_cycle() =>
        Check([1, 2, 3, 4, 5, 4, 3, 2, 1, 1.5, 2, 2.5, 3, 2.5, 2, 1.5, 1, 1.25, 1.5], null, o => new CyclicLR(o, 1, 5, 4, mode: CyclicMode.Triangular2));

    [Fact] // test_cycle_lr_exp_range_mode_one_lr
    public void CyclicLR_shrinks_exponentially()
    {
        int[] rise = [0, 1, 2, 3, 4, 3, 2, 1, 0, 1, 2];
        Check([.. rise.Select((s, e) => 1 + 4 * s / 4.0 * Math.Pow(0.9, e))], null, o => new CyclicLR(o, 1, 5, 4, mode: CyclicMode.ExpRange, gamma: 0.9));
    }

    [Fact] // test_cycle_lr_triangular_mode_step_size_up_down
    public void CyclicLR_rises_and_falls_differently() =>
        Check([1, 2, 3, 4, 5, 13.0 / 3, 11.0 / 3, 3, 7.0 / 3, 5.0 / 3, 1], null, o => new CyclicLR(o, 1, 5, 4, 6));

    [Fact]
    public void CyclicLR_may_rise_or_fall_at_once()
    {
        Check([5, 4.2, 3.4, 2.6, 1.8, 5], null, o => new CyclicLR(o, 1, 5, 0, 5)); // 1 + 4 (1 − e/5)
        Check([1, 2, 3, 4, 1, 2], null, o => new CyclicLR(o, 1, 5, 4, 0));
    }

    [Fact]
    public void CyclicLR_takes_a_scale_function()
    {
        Check([1, 3, 1, 2, 1], null, o => new CyclicLR(o, 1, 5, 1, scaleFn: cycle => 0.5 / cycle));
        Check([1, 1.5, 1, 2.5, 1], null, o => new CyclicLR(o, 1, 5, 1, scaleFn: epoch => epoch / 8.0, scaleMode: ScaleMode.Iterations));
    }

    [Fact] // test_cycle_lr_with_momentumless_optimizer, _cycle_momentum_with_beta1_optimizer, test_cycle_lr_with_adam
    public void The_first_beta_is_cycled_where_there_are_betas()
    {
        using var optimizer = Adam(0.1);
        var scheduler = new CyclicLR(optimizer, 0.1, 0.5, 2);
        Assert.Equal(0.9, Momentum(optimizer));
        optimizer.Step();
        scheduler.Step();
        Near([0.85], [Momentum(optimizer)]);
        Assert.Equal(0.999, optimizer.ParameterGroups[0].Options.Betas.Beta2);
        using var other = Adam(0.1);
        _ = new CyclicLR(other, 0.1, 0.5, 2, cycleMomentum: false);
        Assert.Equal(0.9, Momentum(other));
    }

    // By what options there are: betas, of which the first is cycled, or beta1, or momentum.
    [Theory]
    [MemberData(nameof(Rows.Optimizers), MemberType = typeof(Rows))]
    public void Whatever_has_a_momentum_can_be_cycled(string name)
    {
        foreach (bool one in new[] { false, true })
        {
            using var optimizer = OptimizerDriver.For(name).Create([Parameter.Of("p", new float[1], 1, 1)], []);
            var group = optimizer.ParameterGroups[0];
            if (Array.Find(["betas", "beta1", "momentum"], group.HasOption) is not { } key)
            {
                Assert.Throws<ArgumentException>("cycleMomentum", () => Cycle(optimizer));
                Assert.Contains(name, (string[])["Adadelta", "Adafactor", "Adagrad", "ASGD", "LBFGS", "Rprop"]);
                return;
            }
            object?[] others = group[key] is object?[] before ? before[1..] : [];
            var scheduler = Cycle(optimizer);
            Assert.Equal(0.75, First());
            optimizer.HasStepped = true; // the scheduler warns without
            scheduler.Step();
            scheduler.Step();
            Assert.Equal(0.25, First());
            Assert.Equal(others, group[key] is object?[] after ? after[1..] : []);
            Assert.Equal(key != "momentum", (bool)scheduler.StateDict()["use_beta1"]!);

            double First() => (double)(group[key] is object?[] parts ? parts[0]! : group[key]!);

            LRScheduler Cycle(Optimizer of) => one
                ? new OneCycleLR(of, 0.1, totalSteps: 6, pctStart: 0.5, annealStrategy: AnnealStrategy.Linear, baseMomentum: 0.25, maxMomentum: 0.75)
                : new CyclicLR(of, 0.1, 0.2, 2, baseMomentum: 0.25, maxMomentum: 0.75);
        }
    }

    // A Schedule-Free optimizer's are above 0.
    [Fact]
    public void A_momentum_is_cycled_within_its_range()
    {
        using var free = new SGDScheduleFree([Parameter.Of("p", new float[1])]);
        _ = new CyclicLR(free, 0.1, 0.2, 2, baseMomentum: 0, maxMomentum: 0);
        Assert.Equal(1e-15, free.ParameterGroups[0].Options.Momentum);
        using var muon = new Muon([Parameter.Of("p", new float[1], 1, 1)]);
        _ = new CyclicLR(muon, 0.1, 0.2, 2, baseMomentum: 0, maxMomentum: 2);
        Assert.Equal(1, muon.ParameterGroups[0].Options.Momentum);
    }

    [Fact] // test_cycle_lr_cycle_momentum_fail_with_momentumless_optimizer
    public void Momentum_can_only_be_cycled_where_there_is_one()
    {
        using var optimizer = new Adagrad([Parameter.Of("p", new float[1])]);
        var error = Assert.Throws<ArgumentException>(() => new CyclicLR(optimizer, 0.1, 0.5));
        Assert.Contains("Adagrad has none", error.Message, StringComparison.Ordinal);
        Assert.Equal(0.01, optimizer.ParameterGroups[0].LearningRate);
    }

    [Fact] // test_cosine_then_cyclic
    public void CyclicLR_starts_at_its_base_after_another_scheduler()
    {
        using var optimizer = Sgd(0.5);
        Run(new CosineAnnealingLR(optimizer, 20, 0.1), 20);
        Near([0.1, 0.2, 0.3, 0.2], Run(new CyclicLR(optimizer, 0.1, 0.3, 2), 4));
    }

    [Fact] // test_onecycle_lr_linear_annealing
    public void OneCycleLR_in_straight_lines() =>
        Check([1, 13, 25, 21.5, 18, 14.5, 11, 7.5, 4, 0.5], [22, 11.5, 1, 4, 7, 10, 13, 16, 19, 22],
            o => new OneCycleLR(o, 25, totalSteps: 10, annealStrategy: AnnealStrategy.Linear, baseMomentum: 1, maxMomentum: 22, finalDivFactor: 2));

    [Fact] // test_onecycle_lr_linear_annealing_three_phases
    public void OneCycleLR_in_three_phases() =>
        Check([1, 9, 17, 25, 17, 9, 1, 0.75, 0.5, 0.25], [22, 15, 8, 1, 8, 15, 22, 22, 22, 22],
            o => new OneCycleLR(o, 25, totalSteps: 10, pctStart: 0.4, annealStrategy: AnnealStrategy.Linear, divFactor: 25, finalDivFactor: 4, baseMomentum: 1, maxMomentum: 22, threePhase: true));

    [Fact] // test_onecycle_lr_cosine_annealing
    public void OneCycleLR_along_cosines()
    {
        static double Half(double from, double to, double x) => to + (from - to) * (1 + Math.Cos(Math.PI * x)) / 2;
        Check([1, 13, 25, .. Enumerable.Range(1, 7).Select(i => Half(25, 0.5, i / 7.0))], null, o => new OneCycleLR(o, 25, totalSteps: 10, finalDivFactor: 2));
    }

    [Theory]
    [InlineData(10, 0.1)] // pct · N is 1: the rise has no length
    [InlineData(10, 1.0)] // never falls
    [InlineData(10, 0.0)]
    [InlineData(1, 0.3)]
    [InlineData(2, 0.5)]
    public void OneCycleLR_stays_where_it_ends(int steps, double start)
    {
        foreach (bool three in new[] { false, true })
        {
            using var optimizer = Sgd(0.1);
            double[] rates = Run(new OneCycleLR(optimizer, 1, totalSteps: steps, pctStart: start, threePhase: three), steps + 5);
            Assert.All(rates, r => Assert.InRange(r, 1 / 25e4 - 1e-12, 1));
            Assert.All(rates[steps..], r => Assert.Equal(rates[steps - 1], r));
        }
    }

    [Fact]
    public void OneCycleLR_starts_at_the_top_where_the_rise_has_no_length()
    {
        using var optimizer = Sgd(0.1);
        Assert.Equal(1, Run(new OneCycleLR(optimizer, 1, totalSteps: 10, pctStart: 0.1), 10)[0]);
    }

    [Fact]
    public void OneCycleLR_counts_steps_by_epochs()
    {
        using var a = Sgd(0.1);
        using var b = Sgd(0.1);
        Assert.Equal(Run(new OneCycleLR(a, 1, totalSteps: 12), 12), Run(new OneCycleLR(b, 1, epochs: 3, stepsPerEpoch: 4), 12));
        Assert.Equal(0.04, b.ParameterGroups[0].InitialLearningRate);
    }

    [Theory] // test_CosineAnnealingWarmRestarts_lr1
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void Warm_restarts(int multiple)
    {
        using var optimizer = Sgd(0.05, 0.5);
        var scheduler = new CosineAnnealingWarmRestarts(optimizer, 10, multiple, 1e-10);
        double length = 10, time = 0;
        foreach (double rate in Run(scheduler, 100))
        {
            Near([1e-10 + (0.05 - 1e-10) * (1 + Math.Cos(Math.PI * time / length)) / 2], [rate]);
            if (++time >= length)
                (time, length) = (0, length * multiple);
        }
    }

    [Fact] // test_CosineAnnealingWarmRestarts_lr2
    public void Warm_restarts_take_fractions_of_epochs()
    {
        using var optimizer = Sgd(0.05);
        var scheduler = new CosineAnnealingWarmRestarts(optimizer, 10, 2);
        for (int tenth = 0; tenth < 300; tenth++)
        {
            scheduler.Step(tenth / 10.0);
            double time = tenth < 100 ? tenth / 10.0 : tenth / 10.0 - 10;
            Near([0.05 * (1 + Math.Cos(Math.PI * time / (tenth < 100 ? 10 : 20))) / 2], [optimizer.ParameterGroups[0].LearningRate]);
            Assert.Equal(tenth / 10, scheduler.LastEpoch);
        }
    }

    [Theory] // test_CosineAnnealingWarmRestarts_lr3
    [InlineData(1, new[] { 5.0, 12, 13.5, 3, 25, 80 }, new[] { 5.0, 2, 3.5, 3, 5, 0 }, new[] { 10.0, 10, 10, 10, 10, 10 })]
    [InlineData(2, new[] { 8.0, 9, 10, 11, 12, 5, 25, 32, 80 }, new[] { 8.0, 9, 0, 1, 2, 5, 15, 2, 10 }, new[] { 10.0, 10, 20, 20, 20, 10, 20, 40, 80 })]
    [InlineData(3, new[] { 5.0, 9.9, 10, 41, 40, 39 }, new[] { 5.0, 9.9, 0, 1, 0, 29 }, new[] { 10.0, 10, 30, 90, 90, 30 })]
    public void Warm_restarts_jump(int multiple, double[] epochs, double[] times, double[] lengths)
    {
        using var optimizer = Sgd(0.05);
        var scheduler = new CosineAnnealingWarmRestarts(optimizer, 10, multiple);
        for (int i = 0; i < epochs.Length; i++)
        {
            scheduler.Step(epochs[i]);
            Near([times[i], lengths[i]], [scheduler.TCur, scheduler.TI]);
        }
        Assert.Throws<ArgumentOutOfRangeException>(() => scheduler.Step(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => scheduler.Step(double.NaN));
    }

    [Fact] // test_swalr_no_anneal
    public void SWALR_at_once_after_another_scheduler()
    {
        using var optimizer = Sgd(0.05, 0.5);
        var (step, swa) = (new StepLR(optimizer, 1, 0.5), new SWALR(optimizer, 0.01, annealEpochs: 1));
        Near([0.05, 0.025, 0.0125], Run(step, 3));
        optimizer.ParameterGroups[0].LearningRate = 0.0125;
        Near([0.0125, 0.01, 0.01], Run(swa, 3));
    }

    [Theory] // test_swalr_cosine_anneal_after_multiplicative, test_swalr_linear_anneal_after_multiplicative
    [InlineData(AnnealStrategy.Cos)]
    [InlineData(AnnealStrategy.Linear)]
    public void SWALR_anneals_from_where_the_rate_is(AnnealStrategy strategy)
    {
        using var optimizer = Sgd(0.05, 0.5);
        var (before, swa) = (new MultiplicativeLR(optimizer, _ => 0.9), new SWALR(optimizer, [0.01, 0.1], 5, strategy));
        Run(before, 4);
        double[] start = Rates(optimizer);
        for (int e = 0; e < 10; e++)
        {
            double time = Math.Min(1, e / 5.0), alpha = strategy == AnnealStrategy.Cos ? (1 - Math.Cos(Math.PI * time)) / 2 : time;
            Near([0.01 * alpha + start[0] * (1 - alpha), 0.1 * alpha + start[1] * (1 - alpha)], Rates(optimizer));
            swa.Step();
        }
    }
}
