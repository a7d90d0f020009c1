using OptimSharp.Schedulers;
using OptimSharp.Tests.Checkpoints;
using static OptimSharp.Tests.Schedulers.Bench;

namespace OptimSharp.Tests.Schedulers;

/// <summary>Going on with other settings, and from another rate.</summary>
public class KeepTests
{
    [Fact]
    public void What_is_kept_is_a_list()
    {
        Assert.Contains("Keep must be a list", Assert.Throws<ArgumentNullException>(() => new LoadScheduleOptions { Keep = null! }).Message, StringComparison.Ordinal);
        Assert.Contains("Keep must be a list", Assert.Throws<ArgumentNullException>(() => new LoadStateOptions { Keep = null! }).Message, StringComparison.Ordinal);
    }

    static SGD Fresh(double rate = 0.1) => new([Parameter.Of("", new float[1])], new() { LearningRate = rate, Momentum = 0.9 });

    [Theory] // the rates are PyTorch's: a scheduler of length 20 that is given the progress of one of length 10 after 5 epochs
    [InlineData("OneCycleLR", "total_steps")]
    [InlineData("OneCycleLR three phases", "total_steps")]
    [InlineData("CosineAnnealingLR", "T_max")]
    [InlineData("PolynomialLR", "total_iters")]
    [InlineData("LinearLR", "total_iters")]
    [InlineData("ConstantLR", "total_iters")]
    [InlineData("StepLR", "step_size")]
    [InlineData("MultiStepLR", "milestones")]
    [InlineData("CyclicLR", "total_size")]
    [InlineData("CosineAnnealingWarmRestarts", "T_0")]
    [InlineData("SequentialLR", "_schedulers[1].T_max")]
    [InlineData("ChainedScheduler", "_schedulers[0].total_iters")]
    public void A_schedule_goes_on_with_another_length(string name, string kept)
    {
        var saved = StatesFromElsewhereTests.Read("lengths").GetDict(name);
        foreach (bool optimizerFirst in (bool[])[true, false])
        {
            using var optimizer = Fresh();
            LRScheduler scheduler = name switch
            {
                "OneCycleLR" => new OneCycleLR(optimizer, 0.7, totalSteps: 20), // another maximum: the file's counts
                "OneCycleLR three phases" => new OneCycleLR(optimizer, 0.7, totalSteps: 20, threePhase: true, annealStrategy: AnnealStrategy.Linear),
                "CosineAnnealingLR" => new CosineAnnealingLR(optimizer, 20),
                "PolynomialLR" => new PolynomialLR(optimizer, 20),
                "LinearLR" => new LinearLR(optimizer, 0.5, totalIters: 20),
                "ConstantLR" => new ConstantLR(optimizer, totalIters: 20),
                "StepLR" => new StepLR(optimizer, 20),
                "MultiStepLR" => new MultiStepLR(optimizer, [15, 20]),
                "CyclicLR" => new CyclicLR(optimizer, 0.02, 0.3, stepSizeUp: 10),
                "CosineAnnealingWarmRestarts" => new CosineAnnealingWarmRestarts(optimizer, 20),
                "SequentialLR" => new SequentialLR(optimizer, [new LinearLR(optimizer, 0.5, totalIters: 9), new CosineAnnealingLR(optimizer, 20)], [9]),
                _ => new ChainedScheduler([new PolynomialLR(optimizer, 20), new ExponentialLR(optimizer, 0.5)]),
            };
            if (optimizerFirst)
                optimizer.LoadStateDict(saved.GetDict("optimizer"));
            scheduler.LoadStateDict(saved.GetDict("scheduler"), new() { Keep = [kept] });
            if (!optimizerFirst)
                optimizer.LoadStateDict(saved.GetDict("optimizer"));
            double[] expected = saved.GetDoubles("next");
            Near(expected, [.. Run(scheduler, expected.Length + 1).Skip(1)], 1e-12);
        }
    }

    [Fact]
    public void Only_settings_can_be_kept_and_a_refusal_changes_nothing()
    {
        using var optimizer = Fresh();
        var scheduler = new SequentialLR(optimizer, [new LinearLR(optimizer), new ChainedScheduler([new ExponentialLR(optimizer, 0.5)])], [3]);
        string before = scheduler.StateDict().ToString();
        var state = scheduler.StateDict();
        foreach (string key in (string[])["gamma", "last_epoch", "_schedulers[0].last_epoch", "_schedulers[2].gamma", "_last_lr"])
        {
            var error = Assert.Throws<ArgumentException>(() => scheduler.LoadStateDict(state, new() { Keep = [key] }));
            Assert.StartsWith($"SequentialLR has no setting '{key}' to keep; it has: _schedulers[0].start_factor, _schedulers[0].end_factor, _schedulers[0].total_iters, _schedulers[0].base_lrs, "
                + "_schedulers[1]._schedulers[0].gamma, _schedulers[1]._schedulers[0].base_lrs, _milestones.", error.Message, StringComparison.Ordinal);
        }
        state.GetDicts("_schedulers")[1].GetDicts("_schedulers")[0]["last_epoch"] = -7;
        Assert.Throws<StateDictException>(() => scheduler.LoadStateDict(state, new() { Keep = ["_milestones"] }));
        Assert.Equal(before, scheduler.StateDict().ToString());
    }

    [Fact]
    public void What_is_kept_need_not_be_in_the_state_and_what_is_loaded_may_be_all_there_is()
    {
        using var optimizer = Fresh();
        var scheduler = new StepLR(optimizer, 7, 0.5);
        scheduler.LoadStateDict(new() { { "gamma", 0.25 }, { "base_lrs", new[] { 0.1 } }, { "last_epoch", 3 } }, new() { Keep = ["step_size"] });
        Assert.Equal((7, 0.25, 3L), (scheduler.StepSize, scheduler.Gamma, scheduler.LastEpoch));
    }

    [Fact]
    public void OneCycle_with_another_maximum_tells_PyTorch_of_it_in_the_groups()
    {
        var saved = StatesFromElsewhereTests.Read("lengths").GetDict("OneCycleLR");
        using var optimizer = Fresh();
        var scheduler = new OneCycleLR(optimizer, maxLr: 1, totalSteps: 10, divFactor: 10, finalDivFactor: 100);
        scheduler.LoadStateDict(saved.GetDict("scheduler"), new() { Keep = ["max_lrs"] });
        optimizer.LoadStateDict(saved.GetDict("optimizer"));
        optimizer.Step();
        scheduler.Step();
        Assert.Equal(OneCycleLR.At(6, 1, 10, divFactor: 10, finalDivFactor: 100), optimizer.ParameterGroups[0].LearningRate, 1e-15);
        var group = optimizer.StateDict().GetDicts("param_groups")[0];
        Assert.Equal((1.0, 0.1, 0.001), (group.GetDouble("max_lr"), group.GetDouble("initial_lr"), group.GetDouble("min_lr")));
    }

    public static TheoryData<string> Orders => ["optimizer, scheduler made, scheduler", "scheduler made, optimizer, scheduler", "scheduler made, scheduler, optimizer"];

    [Theory]
    [MemberData(nameof(Orders))]
    public void Schedules_start_from_a_rate_that_was_kept(string order)
    {
        // Those that set the rate: from the kept start rate. Those that multiply: the kept rate goes on.
        Check(o => new LambdaLR(o, e => Math.Pow(0.9, e)), 0.01 * Math.Pow(0.9, 6));
        Check(o => new CosineAnnealingWarmRestarts(o, 10), CosineAnnealingWarmRestarts.At(6, 0.01, 10));
        Check(o => new ExponentialLR(o, 0.9), 0.01 * 0.9);
        Check(o => new StepLR(o, 3, 0.5), 0.01 * 0.5); // epoch 6 is a multiple of 3
        Check(o => new ConstantLR(o, 0.25, 6), 0.01 * 4);
        Check(o => new ChainedScheduler([new LambdaLR(o, e => Math.Pow(0.9, e)), new ExponentialLR(o, 0.5)]), 0.01 * Math.Pow(0.9, 6) * 0.5);
        Check(o => new SequentialLR(o, [new ExponentialLR(o, 0.9), new LambdaLR(o, e => 1.0 / (1 + e))], [6]), 0.01);
        Check(o => new OneCycleLR(o, 0.5, 10), OneCycleLR.At(6, 0.5, 10)); // its rates are settings
        Check(o => new CyclicLR(o, 0.02, 0.3, 10), CyclicLR.At(6, 0.02, 0.3, 10));

        void Check(Func<Optimizer, LRScheduler> make, double expected)
        {
            using var first = Sgd(0.1);
            var scheduler = make(first);
            Run(scheduler, 5);
            StateDict saved = first.StateDict(), savedScheduler = scheduler.StateDict();

            using var second = Sgd(0.01);
            LRScheduler? resumed = null;
            foreach (string step in order.Split(", "))
            {
                if (step == "optimizer")
                    second.LoadStateDict(saved, new() { Keep = ["lr"] });
                else if (step == "scheduler made")
                    resumed = make(second);
                else
                    resumed!.LoadStateDict(savedScheduler);
            }
            bool sets = resumed is OneCycleLR or CyclicLR;
            if (!sets)
            {
                Assert.Equal(0.01, second.ParameterGroups[0].LearningRate);
                Assert.Equal(0.01, resumed!.BaseLearningRates[0]); // at once
            }
            second.Step();
            Assert.Empty(Warnings(resumed!.Step, s => s == resumed));
            Assert.Equal(expected, second.ParameterGroups[0].LearningRate, 1e-15);
            if (!sets)
                Assert.Equal((0.01, 0.01), (second.ParameterGroups[0].InitialLearningRate, resumed!.BaseLearningRates[0]));

            // What is saved then goes on alone.
            using var third = Sgd(0.5);
            var again = make(third);
            third.LoadStateDict(second.StateDict());
            again.LoadStateDict(resumed!.StateDict());
            Assert.Equal(Run(resumed, 4), Run(again, 4));
        }
    }

    [Fact]
    public void A_schedule_made_to_go_on_starts_from_a_rate_that_was_kept()
    {
        using var first = Sgd(0.1);
        Run(new LambdaLR(first, e => Math.Pow(0.5, e)), 5);
        using var second = Sgd(0.01);
        second.LoadStateDict(first.StateDict(), new() { Keep = ["lr"] });
        var resumed = new LambdaLR(second, e => Math.Pow(0.5, e), lastEpoch: 4);
        second.Step();
        resumed.Step();
        Assert.Equal(0.01 * Math.Pow(0.5, 6), second.ParameterGroups[0].LearningRate, 1e-15);
    }

    [Fact]
    public void Numbers_for_groups_are_told()
    {
        PerGroup one = 0.1, two = [0.1, 0.5];
        Assert.Equal(("0.1", "[0.1, 0.5]"), (one.ToString(), two.ToString()));
    }
}
