using OptimSharp.Schedulers;

namespace OptimSharp.Tests.Schedulers;

/// <summary>What all schedulers have in common, on the two simplest. (Upstream: TestLRScheduler's fixture, two groups of .05 and .5.)</summary>
public sealed class LRSchedulerTests : IDisposable
{
    readonly Parameter<float> first = Parameter.Of("a", new float[] { 1 }), second = Parameter.Of("b", new float[] { 1 });
    readonly SGD optimizer;

    public LRSchedulerTests() =>
        optimizer = new SGD([new([first], o => o with { LearningRate = 0.05 }), new([second], o => o with { LearningRate = 0.5 })]);

    public void Dispose() => optimizer.Dispose();

    // test_step_lr, test_get_last_lr_step_lr
    [Fact]
    public void Rates_change_in_every_group_and_are_told()
    {
        var scheduler = new StepLR(optimizer, stepSize: 3, gamma: 0.1);
        Assert.Same(optimizer, scheduler.Optimizer);
        double[] expected = [0.05, 0.05, 0.05, 0.005, 0.005, 0.005, 0.0005, 0.0005, 0.0005, 0.00005];
        for (int epoch = 0; epoch < expected.Length; epoch++)
        {
            Assert.Equal(epoch, scheduler.LastEpoch);
            Assert.Equal(expected[epoch], optimizer.ParameterGroups[0].LearningRate, 1e-15);
            Assert.Equal(10 * expected[epoch], optimizer.ParameterGroups[1].LearningRate, 1e-15);
            Assert.Equal(optimizer.ParameterGroups.Select(g => g.LearningRate), scheduler.LastLearningRates);
            optimizer.Step();
            scheduler.Step();
        }
    }

    [Fact]
    public void Lists_of_rates_that_were_handed_out_do_not_change()
    {
        var scheduler = new StepLR(optimizer, stepSize: 1, gamma: 0.5);
        var before = scheduler.LastLearningRates;
        optimizer.Step();
        scheduler.Step();
        Assert.Equal([0.05, 0.5], before);
        Assert.Equal([0.025, 0.25], scheduler.LastLearningRates);
    }

    // test_old_pattern_warning, and none at construction or later
    [Fact]
    public void A_scheduler_that_is_stepped_first_warns_once()
    {
        using var warnings = new Heard();
        var scheduler = new StepLR(optimizer, stepSize: 2);
        Assert.Empty(warnings.Of(scheduler));
        scheduler.Step();
        string text = Assert.Single(warnings.Of(scheduler));
        Assert.Equal("StepLR was stepped before its optimizer: the schedule's first rate is skipped. Call optimizer.Step() first, then scheduler.Step().", text);
        scheduler.Step();
        optimizer.Step();
        scheduler.Step();
        Assert.Single(warnings.Of(scheduler));
    }

    // test_new_pattern_no_warning
    [Fact]
    public void In_the_right_order_nothing_is_said()
    {
        using var warnings = new Heard();
        var scheduler = new StepLR(optimizer, stepSize: 2);
        for (int i = 0; i < 5; i++)
        {
            optimizer.Step();
            scheduler.Step();
        }
        Assert.Empty(warnings.Of(scheduler));
    }

    [Fact]
    public void A_rate_set_by_hand_is_gone_on_from()
    {
        var scheduler = new StepLR(optimizer, stepSize: 2, gamma: 0.5);
        optimizer.Step();
        optimizer.ParameterGroups[0].LearningRate = 8;
        scheduler.Step();
        Assert.Equal(8, optimizer.ParameterGroups[0].LearningRate);
        scheduler.Step();
        Assert.Equal([4, 0.25], scheduler.LastLearningRates);
    }

    [Fact]
    public void The_rate_it_started_from_is_remembered_in_the_group()
    {
        Assert.Null(optimizer.ParameterGroups[0].InitialLearningRate);
        var scheduler = new StepLR(optimizer, stepSize: 1, gamma: 0.5);
        scheduler.Step();
        Assert.Equal([0.05, 0.5], optimizer.ParameterGroups.Select(g => g.InitialLearningRate!.Value));
        _ = new StepLR(optimizer, stepSize: 1); // the first one's stays, as in PyTorch
        Assert.Equal([0.05, 0.5], optimizer.ParameterGroups.Select(g => g.InitialLearningRate!.Value));
    }

    [Fact]
    public void Schedulers_on_one_optimizer_multiply()
    {
        StepLR fast = new(optimizer, stepSize: 1, gamma: 0.5), slow = new(optimizer, stepSize: 2, gamma: 0.1);
        for (int i = 0; i < 4; i++)
        {
            optimizer.Step();
            fast.Step();
            slow.Step();
        }
        Assert.Equal(0.5 * Math.Pow(0.5, 4) * 0.01, optimizer.ParameterGroups[1].LearningRate, 1e-15);
    }

    [Fact]
    public void A_group_added_later_is_driven_from_its_own_rate()
    {
        var scheduler = new CosineAnnealingLR(optimizer, tMax: 4);
        optimizer.Step();
        scheduler.Step();
        optimizer.AddParameterGroup(new([Parameter.Of("c", new float[1])], o => o with { LearningRate = 2 }));
        optimizer.Step();
        scheduler.Step();
        // Each rate is multiplied by (1 + cos(2π/4))/(1 + cos(π/4)).
        Assert.Equal(3, scheduler.LastLearningRates.Count);
        Assert.Equal(2 / (1 + Math.Cos(Math.PI / 4)), optimizer.ParameterGroups[2].LearningRate, 1e-14);
        Assert.Equal(2, optimizer.ParameterGroups[2].InitialLearningRate);
    }

    // test_error_when…initial_lr_is_not_specified
    [Fact]
    public void Going_on_needs_the_rate_it_started_from()
    {
        var error = Assert.Throws<InvalidOperationException>(() => new StepLR(optimizer, stepSize: 3, lastEpoch: 5));
        Assert.StartsWith("Parameter group 0 has no InitialLearningRate, which a scheduler needs to go on from lastEpoch = 5.", error.Message, StringComparison.Ordinal);
        Assert.Equal(0.05, optimizer.ParameterGroups[0].LearningRate);
    }

    [Fact]
    public void Wrong_arguments_are_refused_by_name_and_change_nothing()
    {
        Assert.Throws<ArgumentNullException>("optimizer", () => new StepLR(null!, stepSize: 3));
        Assert.ThrowsAny<ArgumentException>(() => new StepLR(optimizer, stepSize: 0));
        Assert.ThrowsAny<ArgumentException>(() => new StepLR(optimizer, stepSize: -1));
        Assert.ThrowsAny<ArgumentException>(() => new StepLR(optimizer, stepSize: 3, gamma: -0.1));
        Assert.ThrowsAny<ArgumentException>(() => new StepLR(optimizer, stepSize: 3, gamma: double.NaN));
        Assert.ThrowsAny<ArgumentException>(() => new StepLR(optimizer, stepSize: 3, lastEpoch: -2));
        Assert.ThrowsAny<ArgumentException>(() => new CosineAnnealingLR(optimizer, tMax: 0));
        Assert.ThrowsAny<ArgumentException>(() => new CosineAnnealingLR(optimizer, tMax: 3, etaMin: double.NaN));
        Assert.Equal([0.05, 0.5], optimizer.ParameterGroups.Select(g => g.LearningRate));
        Assert.All(optimizer.ParameterGroups, g => Assert.Null(g.InitialLearningRate));
    }

    // test_closed_form_step_lr, test_closed_form_cos_anneal_lr
    [Fact]
    public void The_recursion_follows_the_closed_form()
    {
        var step = new StepLR(optimizer, stepSize: 3, gamma: 0.7);
        var cosine = new CosineAnnealingLR(new SGD([Parameter.Of("w", new float[1])], new() { LearningRate = 0.8 }), tMax: 7, etaMin: 0.1);
        for (int e = 0; e < 40; e++)
        {
            Assert.Equal(0.5 * Math.Pow(0.7, e / 3), step.LastLearningRates[1], 1e-15);
            Assert.Equal(0.1 + 0.7 * (1 + Math.Cos(Math.PI * e / 7)) / 2, cosine.LastLearningRates[0], 1e-14);
            optimizer.Step();
            step.Step();
            cosine.Step();
        }
    }

    // test_cos_anneal_lr: it rises again after T.
    [Fact]
    public void Cosine_annealing_reaches_its_lowest_rate_and_rises_again()
    {
        var scheduler = new CosineAnnealingLR(optimizer, tMax: 5, etaMin: 0.01);
        var rates = new List<double>();
        for (int e = 0; e <= 10; e++)
        {
            rates.Add(scheduler.LastLearningRates[1]);
            optimizer.Step();
            scheduler.Step();
        }
        Assert.Equal(0.01, rates[5], 1e-15);
        Assert.Equal(rates.Min(), rates[5]);
        Assert.Equal(0.5, rates[10], 1e-14);
    }

    // test_no_cyclic_references: neither keeps the other from being collected… by an optimizer that outlives its schedulers.
    [Fact]
    public void An_optimizer_does_not_keep_its_schedulers()
    {
        var weak = Make(optimizer);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.False(weak.IsAlive);

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static WeakReference Make(SGD optimizer)
        {
            var scheduler = new StepLR(optimizer, stepSize: 3);
            optimizer.Step();
            scheduler.Step();
            return new(scheduler);
        }
    }

    sealed class Heard : IDisposable
    {
        readonly List<(object? Sender, string Text)> heard = [];

        public Heard() => Warnings.Raised += Hear;

        public IEnumerable<string> Of(object sender) => heard.Where(h => h.Sender == sender).Select(h => h.Text);

        public void Dispose() => Warnings.Raised -= Hear;

        void Hear(object? sender, WarningEventArgs e)
        {
            lock (heard)
                heard.Add((sender, e.Message));
        }
    }
}
