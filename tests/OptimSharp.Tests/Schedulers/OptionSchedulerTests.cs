using System.Text.Json;
using OptimSharp.Conformance;
using OptimSharp.Schedulers;
using static OptimSharp.Tests.Schedulers.Bench;

namespace OptimSharp.Tests.Schedulers;

/// <summary>Schedules of other options than the rate: PyTorch's shapes, loops by hand, what is refused.</summary>
public class OptionSchedulerTests
{
    public static TheoryData<string> Shapes
    {
        get
        {
            string[] names = ["chainedscheduler", "constantlr", "cosineannealinglr", "cosineannealingwarmrestarts", "cycliclr", "exponentiallr", "lambdalr", "linearlr", "multiplicativelr",
                "multisteplr", "onecyclelr", "polynomiallr", "sequentiallr", "steplr", "swalr"];
            return [.. GoldenFiles.Own().Where(g => names.Contains(g.Name.Split('/')[0]) && IsOfTheShape(File.ReadAllText(g.File))).Select(g => g.Name)];
        }
    }

    /// <summary>Whether a case shows nothing but the shape: no rates set by hand, no epochs out of turn, no momentum that is cycled, too.</summary>
    static bool IsOfTheShape(string text) => !new[] { "\"set\"", "\"epochs\"", "\"last_epoch\"" }.Any(key => text.Contains(key, StringComparison.Ordinal))
        && (text.Contains("\"cycle_momentum\":false", StringComparison.Ordinal) || !text.Contains("\"CyclicLR\"", StringComparison.Ordinal) && !text.Contains("\"OneCycleLR\"", StringComparison.Ordinal));

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_shape_has_PyTorchs_numbers_for_any_option(string name)
    {
        string file = GoldenFiles.Own().Single(g => g.Name == name).File;
        using var document = JsonDocument.Parse(File.ReadAllText(file));
        var root = new GoldenNode(document.RootElement, name);
        double common = root["options"].Optional("lr")?.Number() ?? 1e-3;
        using var optimizer = Decays([.. root["groups"].Items().Select(g => g.Optional("lr")?.Number() ?? common)]);
        var schedule = OptionScheduler.Over(optimizer, "weight_decay", o => Assert.Single(SchedulerBuilder.Build(root["scheduler"], o)));
        foreach (var (k, row) in root["lr"].Items().Index())
        {
            double[] expected = [.. row.Items().Select(x => Math.Max(0, x.Number()))];
            Near(expected, Values(optimizer), 1e-12);
            Near(expected, schedule.LastValues, 1e-12);
            Assert.Equal(k, schedule.LastEpoch);
            Assert.All(optimizer.ParameterGroups, g => Assert.Equal(0.1, g.LearningRate));
            optimizer.Step();
            schedule.Step();
        }
    }

    public static TheoryData<string, string> ByHand => new()
    {
        { "SGD", "weight_decay" }, { "SGD", "momentum" }, { "AdamW", "weight_decay" }, { "AdamW", "betas[0]" }, { "AdamW", "betas[1]" }, { "AdamW", "eps" }, { "Lion", "weight_decay" }, { "Lion", "betas[1]" },
    };

    [Theory]
    [MemberData(nameof(ByHand))]
    public void It_is_the_loop_by_hand(string kind, string option)
    {
        float[] start = [1, -2, 3, 0.5f];
        var (scheduled, byHand) = (Parameter.Of("w", (float[])start.Clone()), Parameter.Of("w", (float[])start.Clone()));
        using Optimizer first = Make(scheduled), second = Make(byHand);
        var group = second.ParameterGroups[0];
        string key = option.Split('[')[0];
        int? part = option.Contains('[', StringComparison.Ordinal) ? option[^2] - '0' : null;
        double initial = Get();
        var step = new TrainingStep(first, new() { Schedulers = [new OptionScheduler(first, option, (k, value) => value * Math.Pow(0.9, k))] });
        for (int k = 0; k < 20; k++)
        {
            Set(initial * Math.Pow(0.9, k)); // before step k: what the group has at k
            float[] gradient = [.. Enumerable.Range(0, 4).Select(i => MathF.Sin(k + i))];
            scheduled.Gradient = (float[])gradient.Clone();
            byHand.Gradient = (float[])gradient.Clone();
            step.Step();
            second.Step();
            Assert.Equal(byHand.Values.ToArray(), scheduled.Values.ToArray());
        }
        Assert.NotEqual(initial, Get());

        Optimizer Make(Parameter parameter) => kind switch
        {
            "SGD" => new SGD([parameter], new() { LearningRate = 0.1, Momentum = 0.9, WeightDecay = 0.3 }),
            "AdamW" => new AdamW([parameter], new() { LearningRate = 0.1, WeightDecay = 0.3, Epsilon = 1e-2 }),
            _ => new Lion([parameter], new() { LearningRate = 0.1, WeightDecay = 0.3 }),
        };
        double Get() => part is { } place ? (double)((object?[])group[key]!)[place]! : (double)group[key]!;
        void Set(double value)
        {
            if (part is not { } place)
            {
                group[key] = value;
                return;
            }
            double[] all = [.. ((object?[])group[key]!).Select(x => (double)x!)];
            all[place] = value;
            group[key] = all;
        }
    }

    [Fact]
    public void Weight_decay_follows_the_rate()
    {
        using var optimizer = new AdamW([new([Parameter.Of("a", new float[1])]), new([Parameter.Of("b", new float[1])], o => o with { LearningRate = 0.5, WeightDecay = 0.2 })],
            new() { LearningRate = 0.1, WeightDecay = 0.04 });
        var rate = Warmup.Cosine(optimizer, warmupSteps: 4, totalSteps: 20);
        var decay = OptionScheduler.FollowRate(optimizer, "weight_decay");
        var step = new TrainingStep(optimizer, new() { Schedulers = [rate, decay] });
        for (int k = 0; k < 20; k++)
        {
            double part = k < 4 ? 0.01 + 0.99 * k / 4 : (1 + Math.Cos(Math.PI * (k - 4) / 15)) / 2;
            Near([0.04 * part, 0.2 * part], Values(optimizer), 1e-9);
            step.Step();
        }
        Assert.Equal([0.04, 0.2], decay.BaseValues);
        Assert.Throws<InvalidOperationException>(() => decay.ValueAt(3));
    }

    [Fact]
    public void Following_without_a_scheduler_of_rates_follows_what_is_set_by_hand()
    {
        using var optimizer = Decays(0.3, 0.4);
        optimizer.ParameterGroups[1].LearningRate = 0; // frozen
        var decay = OptionScheduler.FollowRate(optimizer, "weight_decay");
        optimizer.ParameterGroups[0].LearningRate = 0.05;
        optimizer.ParameterGroups[1].LearningRate = 0.1;
        optimizer.Step();
        decay.Step();
        Assert.Equal([0.3 * 0.05 / 0.1, 0.4], Values(optimizer));
    }

    [Fact]
    public void Rates_and_options_are_scheduled_side_by_side_and_with_averages()
    {
        var (a, b) = (Parameter.Of("w", new float[] { 1, 2 }), Parameter.Of("w", new float[] { 1, 2 }));
        using AdamW together = new([a]), apart = new([b]);
        using AveragedParameters averages = new([a], Averaging.Ema(0.5)), others = new([b], Averaging.Ema(0.5));
        var step = new TrainingStep(together, new() { MaxNorm = 1, Averages = averages, Schedulers = [.. Make(together)] });
        var schedulers = Make(apart);
        for (int k = 0; k < 12; k++)
        {
            a.Gradient = new float[] { k, 1 };
            b.Gradient = new float[] { k, 1 };
            step.Step();
            Gradients.ClipNorm([b], 1);
            apart.Step();
            others.Update();
            foreach (var scheduler in schedulers)
                scheduler.Step();
            Assert.Equal(b.Values.ToArray(), a.Values.ToArray());
            Assert.Equal(others.Average("w").ToDoubles(), averages.Average("w").ToDoubles());
        }
        Assert.Equal(ExponentialLR.At(12, 1e-3, 0.9), together.ParameterGroups[0].LearningRate, 1e-12);
        Assert.Equal(CosineAnnealingLR.At(12, 1e-2, 12), Values(together)[0], 1e-12);

        static List<IScheduler> Make(Optimizer o) => [new ExponentialLR(o, 0.9), OptionScheduler.Over(o, "weight_decay", x => new CosineAnnealingLR(x, 12)),
            new OptionScheduler(o, "betas[0]", (k, start) => Math.Max(0.5, start - 0.02 * k))];
    }

    [Fact]
    public void A_step_left_out_leaves_the_schedule_where_it_is()
    {
        using var optimizer = Decays(0.3);
        var schedule = OptionScheduler.Over(optimizer, "weight_decay", o => new ExponentialLR(o, 0.5));
        var parameter = (Parameter<float>)optimizer.ParameterGroups[0].Parameters[0];
        parameter.Gradient = new float[] { float.NaN, 1 };
        Assert.True(new TrainingStep(optimizer, new() { Schedulers = [schedule] }).Step().Skipped);
        Assert.Equal((0L, 0.3), (schedule.LastEpoch, Values(optimizer)[0]));
    }

    [Fact]
    public void A_value_set_by_hand_and_a_group_that_is_added_are_honoured_as_with_rates()
    {
        using var optimizer = Decays(0.4);
        var schedule = OptionScheduler.Over(optimizer, "weight_decay", o => new ExponentialLR(o, 0.5));
        optimizer.ParameterGroups[0].Options = optimizer.ParameterGroups[0].Options with { WeightDecay = 0.8 };
        optimizer.AddParameterGroup(new([Parameter.Of("late", new float[1])], o => o with { WeightDecay = 0.6 }));
        optimizer.Step();
        schedule.Step();
        Assert.Equal([0.4, 0.3], Values(optimizer));
        Assert.Equal([0.4, 0.6], schedule.BaseValues);
        Assert.Equal(0.15, schedule.ValueAt(2, group: 1), 1e-15);
    }

    [Fact]
    public void Whole_numbers_and_numbers_below_zero_are_for_functions()
    {
        using var muon = new Muon([Parameter.Of("w", new float[4], 2, 2)]);
        var steps = new OptionScheduler(muon, "ns_steps", (k, start) => start - k);
        muon.Step();
        steps.Step();
        Assert.Equal(4, muon.ParameterGroups[0].Options.NewtonSchulzSteps);
        using var adafactor = new Adafactor([Parameter.Of("w", new float[4], 2, 2)]);
        var decay = new OptionScheduler(adafactor, "beta2_decay", (k, start) => start / (1 + k));
        adafactor.Step();
        decay.Step();
        Assert.Equal(-0.4, adafactor.ParameterGroups[0].Options.Beta2Decay);
        decay.LoadStateDict(decay.StateDict());
        decay.Step();
        Assert.Equal(-0.8 / 3, adafactor.ParameterGroups[0].Options.Beta2Decay);
        var error = Assert.Throws<ArgumentException>(() => OptionScheduler.Over(adafactor, "beta2_decay", o => new ExponentialLR(o, 0.5)));
        Assert.Contains("for values ≥ 0: give a function", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("weight_decai", "SGD has no option 'weight_decai'; it has: dampening, maximize, momentum, nesterov, weight_decay.")]
    [InlineData("lr", "The rate, 'lr', has schedulers of its own: make one over the optimizer.")]
    [InlineData("nesterov", "Option 'nesterov' of parameter group 0 is false, which is no finite number: it can't be scheduled.")]
    [InlineData("momentum[0]", "Option 'momentum' of parameter group 0 is 0: there is no 'momentum[0]'.")]
    [InlineData("momentum[x]", "An option is named as 'weight_decay' or, for one of its numbers, as 'betas[0]', but not as 'momentum[x]'.")]
    public void Options_that_can_t_be_scheduled_are_refused(string option, string message)
    {
        using var optimizer = Decays(0.3);
        var error = Assert.Throws<ArgumentException>(() => new OptionScheduler(optimizer, option, (_, value) => value));
        Assert.Equal(message, error.Message.Split(" (Parameter '")[0]);
    }

    [Theory]
    [InlineData("betas", "Option 'betas' of parameter group 0 is (0.9, 0.999): name one of its numbers, as 'betas[0]'.")]
    [InlineData("betas[2]", "Option 'betas' of parameter group 0 is (0.9, 0.999): there is no 'betas[2]'.")]
    public void Options_of_several_numbers_are_named_with_a_place(string option, string message)
    {
        using var optimizer = Adam(0.1);
        var error = Assert.Throws<ArgumentException>(() => OptionScheduler.Over(optimizer, option, o => new ExponentialLR(o, 0.5)));
        Assert.Equal(message, error.Message.Split(" (Parameter '")[0]);
    }

    [Fact]
    public void A_value_that_an_option_can_t_have_changes_nothing()
    {
        using var optimizer = Decays(0.3, 0.4, 0.5);
        var error = Assert.Throws<InvalidOperationException>(() => new OptionScheduler(optimizer, "weight_decay", (_, start) => start - 0.45));
        Assert.Equal("The schedule of 'weight_decay' gives -0.15000000000000002 at step 0 for parameter group 0: WeightDecay must be ≥ 0, but is -0.15000000000000002 (parameter group 0).", error.Message);
        Assert.Equal([0.3, 0.4, 0.5], Values(optimizer));

        var schedule = new OptionScheduler(optimizer, "weight_decay", (k, start) => start == 0.4 && k == 2 ? double.PositiveInfinity : start / (1 + k));
        Next();
        string before = schedule.StateDict().ToString();
        double[] values = Values(optimizer);
        error = Assert.Throws<InvalidOperationException>(Next);
        Assert.StartsWith("The schedule of 'weight_decay' gives Infinity at step 2 for parameter group 1: ", error.Message, StringComparison.Ordinal);
        Assert.Equal(values, Values(optimizer));
        Assert.Equal(before, schedule.StateDict().ToString());

        using var betas = Adam(0.1);
        error = Assert.Throws<InvalidOperationException>(() => new OptionScheduler(betas, "betas[1]", (_, start) => start + 1));
        Assert.Contains("Betas[1] must be in [0, 1), but is 1.999", error.Message, StringComparison.Ordinal);

        using var nesterov = new SGD([Parameter.Of("w", new float[1])], new() { Momentum = 0.9, Nesterov = true });
        error = Assert.Throws<InvalidOperationException>(() => new OptionScheduler(nesterov, "momentum", (_, _) => 0));
        Assert.Contains("Nesterov needs Momentum > 0", error.Message, StringComparison.Ordinal);
        Assert.Equal(0.9, nesterov.ParameterGroups[0].Options.Momentum);

        void Next()
        {
            optimizer.Step();
            schedule.Step();
        }
    }

    [Fact]
    public void What_is_no_shape_is_refused()
    {
        using var optimizer = Decays(0.3);
        Assert.Contains("made over another optimizer", Refused(_ => new StepLR(optimizer, 3)), StringComparison.Ordinal);
        Assert.Contains("needs a metric", Refused(o => new ReduceLROnPlateau(o)), StringComparison.Ordinal);
        Assert.Contains("gave no scheduler", Refused(_ => null!), StringComparison.Ordinal);
        Assert.Contains("give cycleMomentum: false", Refused(o => new CyclicLR(o, 0.1, 0.2)), StringComparison.Ordinal);
        Assert.Equal([0.3], Values(optimizer));
        OptionScheduler.Over(optimizer, "weight_decay", o =>
        {
            Assert.Contains("step the optimizer itself", Assert.Throws<InvalidOperationException>(() => o.Step()).Message, StringComparison.Ordinal);
            return new StepLR(o, 3);
        });
        optimizer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => OptionScheduler.FollowRate(optimizer, "weight_decay").Step());

        string Refused(Func<Optimizer, LRScheduler> shape) => Assert.ThrowsAny<ArgumentException>(() => OptionScheduler.Over(optimizer, "weight_decay", shape)).Message;
    }

    [Fact]
    public void A_training_step_takes_both_kinds_and_lists_of_either()
    {
        using SGD optimizer = Decays(0.3), other = Decays(0.3);
        var (rate, decay, follower) = (new StepLR(optimizer, 3), OptionScheduler.Over(optimizer, "weight_decay", o => new StepLR(o, 3)), OptionScheduler.FollowRate(optimizer, "weight_decay"));
        foreach (var options in new TrainingStepOptions[] { new() { Schedulers = [rate, decay] }, new() { Schedulers = [rate, follower] }, new() { Schedulers = new List<LRScheduler> { rate } }, new() { Schedulers = new[] { rate } } })
            _ = new TrainingStep(optimizer, options);
        var error = Assert.Throws<ArgumentException>(() => new TrainingStep(optimizer, new() { Schedulers = [follower, rate] }));
        Assert.Contains("The schedule of 'weight_decay' follows the rate, so it must come after StepLR", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<ArgumentException>(() => new TrainingStep(other, new() { Schedulers = [decay] }));
        Assert.Contains("OptionScheduler sets the options of another optimizer", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Stepping_it_before_the_optimizer_is_reported()
    {
        using var optimizer = Decays(0.3);
        var schedule = OptionScheduler.Over(optimizer, "weight_decay", o => new StepLR(o, 3));
        Assert.Contains("was stepped before its optimizer", Assert.Single(Warnings(schedule.Step, s => s is StepLR { Optimizer: ScheduledOption o } && o.Owner == optimizer)), StringComparison.Ordinal);
    }
}
