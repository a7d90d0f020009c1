using System.Numerics;
using OptimSharp.Schedulers;

namespace OptimSharp.Tests.GradientTests;

/// <summary>A training step's own behaviour: what it leaves out, gathers, reports and refuses.</summary>
public class TrainingStepTests
{
    readonly Parameter<float> weight = Parameter.Of("w", new float[] { 1, 2 }), other = Parameter.Of("v", new float[] { 3 });

    [Fact]
    public void By_hand()
    {
        using var optimizer = new SGD([weight], new() { LearningRate = 1 });
        var averages = new AveragedParameters([weight], Averaging.Ema(0.5));
        var step = new TrainingStep(optimizer, new() { MaxNorm = 1, Averages = averages });
        weight.Gradient = new float[] { 3, 4 };
        var report = step.Step();
        Assert.Equal((StepOutcome.Updated, 5.0, 1 / (5 + 1e-6), 1.0), (report.Outcome, report.Norm, report.ClipFactor, report.Scale));
        Assert.Equal([0.4f, 1.2f], weight.Values.ToArray(), (a, b) => Math.Abs(a - b) < 1e-6f); // less (3, 4)/5
        Assert.Null(weight.Gradient);
        Assert.Equal(1, averages.Count);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void A_step_left_out_changes_nothing_and_does_not_spoil_the_next(float poison)
    {
        foreach (var after in new[] { GradientsAfter.Dropped, GradientsAfter.Zeroed })
        {
            using var optimizer = new AdamW([weight, other]);
            var scheduler = new ExponentialLR(optimizer, 0.5);
            using var averages = new AveragedParameters([weight, other]);
            var step = new TrainingStep(optimizer, new() { Averages = averages, GradientsAfter = after, MicroBatches = 2, Schedulers = [scheduler] });
            Batch(1);
            Batch(1);
            float[] values = weight.Values.ToArray(), rest = other.Values.ToArray();
            string state = optimizer.StateDict().ToString(), averaged = string.Join(' ', averages.Average("w").ToDoubles());
            double[] moment = optimizer.StateOf(weight)!.Tensor("exp_avg");

            Batch(poison); // in the first micro-batch: the second is added to it
            var report = Batch(1);

            Assert.True(report.Skipped);
            Assert.Same(other, report.NotFinite);
            Assert.Equal(values, weight.Values.ToArray());
            Assert.Equal(rest, other.Values.ToArray());
            Assert.Equal(moment, optimizer.StateOf(weight)!.Tensor("exp_avg"));
            Assert.Equal((1L, 1L, 1L), (optimizer.StateOf(weight)!.Step, averages.Count, scheduler.LastEpoch));
            Assert.Equal(averaged, string.Join(' ', averages.Average("w").ToDoubles()));
            Assert.Equal(0, step.Gathered);

            Batch(1);
            Assert.True(Batch(1).Updated);
            Assert.Equal((2L, 2L, 2L), (optimizer.StateOf(weight)!.Step, averages.Count, scheduler.LastEpoch));
            Assert.All(other.Values.ToArray(), x => Assert.True(float.IsFinite(x)));

            StepReport Batch(float gradient)
            {
                weight.UseGradient()[0] += 1;
                other.UseGradient()[0] += gradient;
                return step.Step();
            }
        }
    }

    [Fact]
    public void The_first_step_left_out_leaves_no_state_behind()
    {
        using var optimizer = new AdamW([weight, other]);
        var step = new TrainingStep(optimizer);
        weight.Gradient = new float[] { 1, 1 };
        other.Gradient = new float[] { float.NaN };
        Assert.True(step.Step().Skipped);
        Assert.Null(optimizer.StateOf(weight));
        Assert.Null(weight.Gradient);
    }

    [Fact]
    public void Micro_batches_count_by_their_mean_also_fewer_at_the_end()
    {
        using var optimizer = new SGD([other], new() { LearningRate = 1 });
        var step = new TrainingStep(optimizer, new() { MicroBatches = 4 });
        for (int i = 1; i <= 4; i++)
        {
            other.UseGradient()[0] += i;
            Assert.Equal(i == 4, step.Step().Updated);
        }
        Assert.Equal([0.5f], other.Values.ToArray()); // 3 − (1 + 2 + 3 + 4)/4
        other.UseGradient()[0] += 1;
        step.Step();
        other.UseGradient()[0] += 2;
        step.Step();
        Assert.Equal(2, step.Gathered);
        Assert.Equal(1.5, step.Finish().Norm);
        Assert.Equal([-1f], other.Values.ToArray());
        Assert.Equal(StepOutcome.Gathering, step.Finish().Outcome); // nothing is left
        other.UseGradient()[0] += 100;
        step.Step();
        step.Discard();
        Assert.Equal((0, false), (step.Gathered, other.HasGradient));
    }

    [Fact]
    public void A_scaler_goes_through_the_same_scales_as_by_itself()
    {
        using var optimizer = new SGD([other], new() { LearningRate = 1 });
        var scaler = new GradScaler(initialScale: 8, growthInterval: 2);
        var step = new TrainingStep(optimizer, new() { Scaler = scaler });
        var scales = new List<double>();
        foreach (float gradient in new[] { 1, 1, float.NaN, 1, 1 })
        {
            other.Gradient = new[] { (float)scaler.Scale(gradient) };
            var report = step.Step();
            Assert.Equal(float.IsNaN(gradient), report.Skipped);
            scales.Add(report.Scale);
        }
        Assert.Equal([8, 8, 16, 8, 8], scales);
        Assert.Equal(16, scaler.CurrentScale);
        Assert.Equal([-1f], other.Values.ToArray());
    }

    [Fact]
    public void What_was_unscaled_before_is_not_unscaled_again()
    {
        using var optimizer = new SGD([other], new() { LearningRate = 1 });
        var scaler = new GradScaler(initialScale: 4);
        var step = new TrainingStep(optimizer, new() { Scaler = scaler });
        other.Gradient = new float[] { 8 };
        scaler.Unscale(optimizer);
        Assert.True(step.Step().Updated);
        Assert.Equal([1f], other.Values.ToArray());
        other.Gradient = new[] { float.PositiveInfinity };
        scaler.Unscale(optimizer);
        other.Gradient.Value.Span[0] = 1; // too late
        Assert.True(step.Step().Skipped);
        Assert.Equal(2, scaler.CurrentScale);
    }

    [Fact]
    public void Without_demands_it_is_a_plain_step()
    {
        using var optimizer = new SGD([other], new() { LearningRate = 1 });
        var step = new TrainingStep(optimizer, new() { SkipNotFinite = false, GradientsAfter = GradientsAfter.Kept });
        other.Gradient = new[] { float.NaN };
        Assert.Equal(double.NaN, step.Step().Norm);
        Assert.Equal([float.NaN], other.Values.ToArray());
        Assert.True(other.HasGradient);
    }

    [Fact]
    public void Hooks_tell_a_step_that_was_tried_from_one_that_was_taken()
    {
        using var optimizer = new SGD([other]);
        var events = new List<string>();
        optimizer.Stepping += (_, _) => events.Add("stepping");
        optimizer.Stepped += (_, _) => events.Add("stepped");
        var step = new TrainingStep(optimizer);
        foreach (float gradient in new[] { 1, float.NaN })
        {
            step.Step(() => { other.Gradient = new[] { gradient }; events.Add("closure"); return gradient; }, out float loss);
            Assert.Equal(gradient, loss);
        }
        Assert.Equal(["stepping", "closure", "stepped", "stepping", "closure"], events);
    }

    [Fact]
    public void LBFGS_is_clipped_at_each_evaluation_and_left_out_as_a_whole()
    {
        using var optimizer = new LBFGS([weight], new() { MaxIterations = 5 });
        var step = new TrainingStep(optimizer, new() { MaxNorm = 0.1 });
        int evaluations = 0;
        var report = step.Step(() =>
        {
            evaluations++;
            weight.Gradient = new[] { weight.Values.Span[0] * 3, weight.Values.Span[1] * 3 };
            return 1.5 * (weight.Values.Span[0] * weight.Values.Span[0] + weight.Values.Span[1] * weight.Values.Span[1]);
        }, out double loss);
        Assert.Equal((7.5, true), (loss, report.Updated));
        Assert.Equal(3 * Math.Sqrt(5), report.Norm, 1e-6);
        Assert.True(evaluations > 1);

        float[] before = weight.Values.ToArray();
        Assert.True(step.Step(() => { weight.Gradient = new[] { float.NaN, 1 }; return 1.0; }, out _).Skipped);
        Assert.Equal(before, weight.Values.ToArray());
        Assert.Throws<ArgumentException>("MicroBatches", () => new TrainingStep(optimizer, new() { MicroBatches = 2 }));
        Assert.Contains("closure", Assert.Throws<InvalidOperationException>(() => step.Step()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_out_of_range_are_named()
    {
        using SGD optimizer = new([weight]), another = new([other]);
        Refused("MaxNorm", new() { MaxNorm = -1 });
        Refused("MaxValue", new() { MaxValue = double.NaN });
        Refused("NormOrder", new() { NormOrder = double.NaN });
        Refused("MicroBatches", new() { MicroBatches = 0 });
        Refused("GradientsAfter", new() { GradientsAfter = (GradientsAfter)7 });
        Refused("GradientsAfter", new() { GradientsAfter = GradientsAfter.Kept, MicroBatches = 2 });
        Refused("Schedulers", new() { Schedulers = [new ExponentialLR(another, 0.5)] });
        Refused("Schedulers", new() { Schedulers = [new ReduceLROnPlateau(optimizer)] });
        var step = new TrainingStep(optimizer, new() { MaxNorm = 1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => step.Options = step.Options with { MaxNorm = -1 });
        Assert.Equal(1, step.Options.MaxNorm);

        void Refused(string option, TrainingStepOptions options) =>
            Assert.Contains(option, Assert.ThrowsAny<ArgumentException>(() => new TrainingStep(optimizer, options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Schedulers_that_would_be_stepped_twice_or_set_the_same_are_refused()
    {
        using var optimizer = new Adam([weight]);
        using var momentum = new SGD([other], new() { Momentum = 0.9 });
        var rate = new ExponentialLR(optimizer, 0.5);
        Refused("ExponentialLR is in the list twice: it would be stepped twice.", optimizer, rate, rate);
        Refused("ExponentialLR is in the list twice, once within another one: it would be stepped twice.", optimizer, rate, new ChainedScheduler([rate]));
        OptionScheduler decay = Of("weight_decay"), beta = Of("betas[0]");
        Refused("Two schedules set 'weight_decay'", optimizer, decay, beta, OptionScheduler.FollowRate(optimizer, "weight_decay"));
        Refused("OneCycleLR cycles the momentum, and another schedule sets it, as 'betas[0]': give OneCycleLR cycleMomentum: false", optimizer, beta, new OneCycleLR(optimizer, 0.1, 10));
        Refused("CyclicLR cycles the momentum, and another schedule sets it, as 'momentum'", momentum, new CyclicLR(momentum, 0.1, 0.2), new OptionScheduler(momentum, "momentum", (_, start) => start));
        Refused("SequentialLR cycles the momentum", optimizer, beta, new SequentialLR(optimizer, [new OneCycleLR(optimizer, 0.1, 10), new ExponentialLR(optimizer, 0.9)], [9]));
        _ = new TrainingStep(optimizer, new() { Schedulers = [decay, beta, Of("betas[1]"), new OneCycleLR(optimizer, 0.1, 10, cycleMomentum: false), rate] });

        OptionScheduler Of(string option) => new(optimizer, option, (_, start) => start);

        static void Refused(string message, Optimizer of, params IScheduler[] schedulers) =>
            Assert.StartsWith(message, Assert.Throws<ArgumentException>("Schedulers", () => new TrainingStep(of, new() { Schedulers = schedulers })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_schedule_that_fails_leaves_the_step_taken_and_those_before_it_stepped()
    {
        using var optimizer = new SGD([weight], new() { LearningRate = 1, WeightDecay = 0.01 });
        LRScheduler before = new ExponentialLR(optimizer, 0.5), after = new ExponentialLR(optimizer, 0.5);
        var failing = new OptionScheduler(optimizer, "weight_decay", (step, start) => start - 0.006 * step);
        var training = new TrainingStep(optimizer, new() { Schedulers = [before, failing, after] });
        Assert.True(Go());
        float[] values = weight.Values.ToArray();
        Assert.Contains("'weight_decay' gives -0.002", Assert.Throws<InvalidOperationException>(() => Go()).Message, StringComparison.Ordinal);
        Assert.NotEqual(values, weight.Values.ToArray());
        Assert.Equal((2, 1, 1), (before.LastEpoch, failing.LastEpoch, after.LastEpoch));
        Assert.Null(weight.Gradient);

        bool Go()
        {
            weight.Gradient = new float[] { 1, 1 };
            return training.Step().Updated;
        }
    }

    [Fact]
    public void What_can_not_be_stepped_throws_and_changes_nothing()
    {
        var complex = Parameter.Of("z", new Complex[] { new(1, 1) });
        var half = Parameter.Of("h", new Half[] { (Half)1 });
        using var optimizer = new SGD([weight, complex, half]);
        using var averages = new AveragedParameters([weight, complex, half]);
        weight.Gradient = new float[] { 1, 1 };
        complex.Gradient = new Complex[] { new(1, 1) };
        Fails(new() { MaxValue = 1, Averages = averages }, "complex");
        complex.Gradient = null;
        half.Gradient = new Half[] { (Half)1 };
        Fails(new() { Scaler = new(), Averages = averages }, "Float16");
        half.Gradient = null;
        averages.Update();
        using (averages.SwapIn())
            Fails(new() { Averages = averages }, "swapped");
        weight.Gradient = null;
        Fails(new() { Scaler = new() }, "No parameter of the optimizer has a gradient");
        weight.Gradient = new float[] { 1, 1 };
        Assert.True(new TrainingStep(optimizer, new() { Averages = averages }).Step().Updated);
        Assert.Equal(2, averages.Count);

        void Fails(TrainingStepOptions options, string part)
        {
            float[] before = weight.Values.ToArray();
            Assert.Contains(part, Assert.Throws<InvalidOperationException>(() => new TrainingStep(optimizer, options).Step()).Message, StringComparison.Ordinal);
            Assert.Equal(before, weight.Values.ToArray());
        }
    }
}
