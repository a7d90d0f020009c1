using System.Runtime.InteropServices;

namespace OptimSharp.Tests.Optimizers;

/// <summary>Schedule-Free optimizers: what their average is, and that the two points can't be confused.</summary>
public class ScheduleFreeTests
{
    static readonly double[] Start = Numbers.Tame(11, 40);

    // The paper's own form: three sequences, none computed from another one's rounding. c = 1/k for a rate that stays.
    [Fact]
    public void The_view_is_the_mean_of_all_z()
    {
        const double Rate = 0.1, Beta = 0.7;
        double[] values = [.. Start], x = [.. Start], z = [.. Start];
        var w = Parameter.Of("w", values);
        using var optimizer = new SGDScheduleFree([w], new() { LearningRate = Rate, Momentum = Beta });
        for (int k = 1; k <= 20; k++)
        {
            var y = x.Zip(z, (a, b) => (1 - Beta) * b + Beta * a).ToArray();
            Near(1e-13, y, values);
            double[] g = Array.ConvertAll(y, v => v * v - 0.5);
            w.Gradient = Array.ConvertAll(values, v => v * v - 0.5);
            optimizer.Step();
            for (int i = 0; i < z.Length; i++)
            {
                z[i] -= Rate * g[i];
                x[i] += (z[i] - x[i]) / k;
            }
            using (optimizer.EvalView())
                Near(1e-13, x, values);
        }
    }

    [Fact]
    public void A_warm_ups_points_weigh_by_their_rates_squared()
    {
        double[] values = [0], rates = [0.25, 0.5, 0.75, 1, 1];
        var w = Parameter.Of("w", values);
        using var optimizer = new SGDScheduleFree([w], new() { LearningRate = 1, WarmupSteps = 4 });
        double z = 0, sum = 0, weights = 0;
        foreach (double rate in rates)
        {
            w.Gradient = new[] { -1.0 };
            optimizer.Step();
            z += rate;
            sum += rate * rate * z;
            weights += rate * rate;
        }
        using (optimizer.EvalView())
            Assert.Equal(sum / weights, values[0], 1e-14);
    }

    // y is z then, which takes SGD's steps.
    [Fact]
    public void With_nothing_of_the_average_it_is_SGD()
    {
        var options = new SGDScheduleFreeOptions { LearningRate = 0.1, Momentum = 1e-15, WeightDecay = 0.1 };
        Near(1e-13, Run(p => new SGD([p], new() { LearningRate = 0.1, WeightDecay = 0.1 })), Run(p => new SGDScheduleFree([p], options)));
    }

    // Its v, its denominator and its decay are AdamW's without momentum, but that λ multiplies y and not z, which is the same when y is z.
    [Fact]
    public void With_nothing_of_the_average_it_is_AdamW_without_momentum() => Near(1e-13,
        Run(p => new AdamW([p], new() { LearningRate = 0.05, Betas = (0, 0.99), WeightDecay = 0.1 })),
        Run(p => new AdamWScheduleFree([p], new() { LearningRate = 0.05, Betas = (1e-15, 0.99), WeightDecay = 0.1 })));

    [Fact]
    public void With_nothing_of_the_average_and_loud_it_is_RAdams_rule_with_the_papers_threshold()
    {
        double[] values = [.. Start];
        var w = Parameter.Of("w", values);
        using var optimizer = new RAdamScheduleFree([w], new() { LearningRate = 0.05, Betas = (1e-15, 0.9), SilentSGDPhase = false });
        double[] expected = [.. Start], v = new double[Start.Length];
        for (int t = 1; t <= 12; t++)
        {
            double[] g = Numbers.Tame(Start.Length, (ulong)t);
            w.Gradient = g;
            optimizer.Step();
            double limit = 2 / (1 - 0.9) - 1, power = Math.Pow(0.9, t), rho = limit - 2 * t * power / (1 - power);
            double r = rho > 4 ? Math.Sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho)) : 1;
            for (int i = 0; i < v.Length; i++)
            {
                v[i] = 0.9 * v[i] + 0.1 * g[i] * g[i];
                expected[i] -= 0.05 * r * (rho > 4 ? g[i] / (Math.Sqrt(v[i] / (1 - power)) + 1e-8) : g[i]);
            }
        }
        Near(1e-12, expected, values);
    }

    // The authors' eval() and train() compute x and y from one another: 28 of these 10,000 weights come back changed.
    [Fact]
    public void A_view_gives_back_the_same_bits()
    {
        float[] values = [.. Numbers.Tame(10_000, 3).Select(x => (float)x)];
        var w = Parameter.Of("w", values);
        using var optimizer = new AdamWScheduleFree([w]);
        for (int i = 0; i < 5; i++)
        {
            w.Gradient = Array.ConvertAll(Numbers.Tame(10_000, (ulong)i), x => (float)x);
            optimizer.Step();
        }
        float[] before = [.. values];
        using (optimizer.EvalView())
        {
            Assert.True(optimizer.IsInEvalView);
            Assert.NotEqual(before, values);
            values[0] = float.NaN; // whatever happens in it
        }
        Assert.False(optimizer.IsInEvalView);
        Assert.Equal(MemoryMarshal.AsBytes<float>(before).ToArray(), MemoryMarshal.AsBytes<float>(values).ToArray());
    }

    [Fact]
    public void Views_may_be_nested()
    {
        var (optimizer, w, values) = Stepped();
        double[] y = [.. values];
        var outer = optimizer.EvalView();
        double[] x = [.. values];
        var inner = optimizer.EvalView();
        Assert.Equal(x, values);
        outer.Dispose();
        outer.Dispose();
        Assert.Equal(x, values);
        inner.Dispose();
        Assert.Equal(y, values);
        optimizer.Step();
        GC.KeepAlive(w);
    }

    [Fact]
    public void Nothing_that_trains_or_saves_is_done_within_a_view()
    {
        var (optimizer, w, values) = Stepped();
        var saved = optimizer.StateDict();
        using var averages = new AveragedParameters([w]);
        var training = new TrainingStep(optimizer);
        using (optimizer.EvalView())
        {
            double[] x = [.. values];
            string[] messages =
            [
                Assert.Throws<InvalidOperationException>(optimizer.Step).Message,
                Assert.Throws<InvalidOperationException>(() => optimizer.Step(() => 0.0)).Message,
                Assert.Throws<InvalidOperationException>(() => training.Step()).Message,
                Assert.Throws<InvalidOperationException>(optimizer.StateDict).Message,
                Assert.Throws<InvalidOperationException>(() => optimizer.LoadStateDict(saved)).Message,
                Assert.Throws<InvalidOperationException>(() => optimizer.Rebind([w])).Message,
                Assert.Throws<InvalidOperationException>(optimizer.Train).Message,
            ];
            Assert.All(messages, message => Assert.Contains("EvalView", message, StringComparison.Ordinal));
            Assert.Throws<InvalidOperationException>(averages.Update);
            Assert.Equal(x, values);
        }
        Assert.Equal(saved.ToString(), optimizer.StateDict().ToString());
        optimizer.Step();
        averages.Update();
    }

    [Fact]
    public void Averages_that_are_swapped_in_have_no_view()
    {
        var (optimizer, w, values) = Stepped();
        using var averages = new AveragedParameters([w]);
        averages.Update();
        using (averages.SwapIn())
            Assert.Throws<InvalidOperationException>(optimizer.EvalView);
        double[] y = [.. values];
        using (optimizer.EvalView())
        {
            double[] x = [.. values];
            using (averages.SwapIn())
                Assert.Equal(y, values); // the average of one model
            Assert.Equal(x, values);
        }
        Assert.Equal(y, values);
    }

    // x is z + (y − z)/β: 1/β must be a number, also in single precision.
    [Fact]
    public void A_beta_that_can_not_be_divided_by_is_refused_and_the_least_one_gives_numbers()
    {
        float[] values = [1, -2];
        var w = Parameter.Of("w", values);
        foreach (double beta in new[] { 0, 1e-300, 9e-16 })
        {
            Assert.StartsWith("Betas[0] must be in [1E-15, 1), but is ", Assert.Throws<ArgumentOutOfRangeException>(() => new AdamWScheduleFree([w], new() { Betas = (beta, 0.9) })).Message, StringComparison.Ordinal);
            Assert.StartsWith("Betas[0] must be in [1E-15, 1), but is ", Assert.Throws<ArgumentOutOfRangeException>(() => new RAdamScheduleFree([w], new() { Betas = (beta, 0.9) })).Message, StringComparison.Ordinal);
            Assert.StartsWith("Momentum must be in [1E-15, 1), but is ", Assert.Throws<ArgumentOutOfRangeException>(() => new SGDScheduleFree([w], new() { Momentum = beta })).Message, StringComparison.Ordinal);
        }
        using var optimizer = new AdamWScheduleFree([w], new() { Betas = (1e-15, 0.9) });
        w.Gradient = new float[] { 1, 1 };
        optimizer.Step();
        using (optimizer.EvalView())
            Assert.All(values, value => Assert.True(float.IsFinite(value)));
    }

    [Fact]
    public void A_view_outlives_its_optimizer()
    {
        var (optimizer, _, values) = Stepped();
        double[] y = [.. values];
        var view = optimizer.EvalView();
        optimizer.Dispose();
        Assert.NotEqual(y, values);
        view.Dispose();
        Assert.Equal(y, values);
    }

    [Fact]
    public void Before_the_first_step_there_is_nothing_to_view()
    {
        double[] values = [1, 2];
        using var optimizer = new SGDScheduleFree([Parameter.Of("w", values)]);
        using (optimizer.EvalView())
            Assert.Equal([1, 2], values);
    }

    // What the authors' code saves after eval(): the model is x, train_mode False, and no step of a parameter's own.
    [Fact]
    public void A_state_that_was_saved_in_evaluation_mode_asks_for_Train()
    {
        var (optimizer, w, values) = Stepped(steps: 6);
        double[] y = [.. values], x;
        var state = optimizer.StateDict();
        using (optimizer.EvalView())
            x = [.. values];
        state.GetDicts("param_groups")[0]["train_mode"] = false;
        foreach (var entry in state.GetDict("state").Select(e => (StateDict)e.Value!))
            entry.Remove("step");

        double[] loaded = [.. x];
        var v = Parameter.Of("w", loaded);
        using var other = new AdamWScheduleFree([v]);
        other.LoadStateDict(state);
        v.Gradient = Numbers.Tame(Start.Length, 77);
        Assert.True(other.IsInEvalView);
        Assert.Contains("Train()", Assert.Throws<InvalidOperationException>(other.Step).Message, StringComparison.Ordinal);
        using (other.EvalView())
            Assert.Equal(x, loaded);
        Assert.Equal(false, other.StateDict().GetDicts("param_groups")[0]["train_mode"]);
        other.Train();
        Near(1e-15, y, loaded);
        Assert.False(other.IsInEvalView);
        Assert.Equal(6, other.StateOf(v)!.Step);
        other.Train(); // nothing to do

        w.Gradient = Numbers.Tame(Start.Length, 77);
        optimizer.Step();
        other.Step();
        Near(1e-14, values, loaded);
        Assert.Equal(true, other.StateDict().GetDicts("param_groups")[0]["train_mode"]);
        Assert.Equal(7L, other.StateDict().GetDicts("param_groups")[0]["k"]);
    }

    [Fact]
    public void A_mode_that_is_no_bool_is_refused()
    {
        var (optimizer, _, _) = Stepped();
        var state = optimizer.StateDict();
        state.GetDicts("param_groups")[0]["train_mode"] = "eval";
        var e = Assert.Throws<StateDictException>(() => optimizer.LoadStateDict(state));
        Assert.Equal("param_groups[0].train_mode", e.Path);
    }

    // The reference corrects v by the group's count: the first step of a parameter that comes late would be √(1/(1 − β₂)) times the rate, 31 times too long.
    [Theory]
    [InlineData(0)]
    [InlineData(0.9)]
    public void A_late_parameter_starts_with_steps_of_the_rate(double inner)
    {
        Parameter<double> early = Parameter.Of("early", new double[] { 1 }), late = Parameter.Of("late", new double[] { 1 });
        using var optimizer = new AdamWScheduleFree([early, late], new() { LearningRate = 0.01, InnerMomentum = inner });
        for (int i = 0; i < 500; i++)
        {
            early.Gradient = new[] { 1.0 };
            late.Gradient = i < 499 ? null : new[] { 3.0 };
            optimizer.Step();
        }
        Assert.Equal(1 - 0.01, optimizer.StateOf(late)!.Tensor("z")[0], 1e-8);
    }

    [Fact]
    public void Beta_1_must_have_something_of_the_average()
    {
        var w = Parameter.Of("w", new double[] { 1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new SGDScheduleFree([w], new() { Momentum = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new AdamWScheduleFree([w], new() { Betas = (0, 0.9) }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RAdamScheduleFree([w], new() { Betas = (0, 0.9) }));
    }

    [Fact]
    public void Maximizing_is_minimizing_the_negative()
    {
        Func<Parameter, bool, Optimizer>[] all =
        [
            (p, up) => new SGDScheduleFree([p], new() { LearningRate = 0.1, WeightDecay = 0.1, Maximize = up }),
            (p, up) => new AdamWScheduleFree([p], new() { WeightDecay = 0.1, InnerMomentum = 0.5, Maximize = up }),
            (p, up) => new RAdamScheduleFree([p], new() { WeightDecay = 0.1, Maximize = up }),
        ];
        Assert.All(all, make => Assert.Equal(Run(p => make(p, false), scale: -1), Run(p => make(p, true))));
    }

    static (AdamWScheduleFree, Parameter<double>, double[]) Stepped(int steps = 3)
    {
        double[] values = [.. Start];
        var w = Parameter.Of("w", values);
        var optimizer = new AdamWScheduleFree([w]);
        for (int i = 0; i < steps; i++)
        {
            w.Gradient = Numbers.Tame(Start.Length, (ulong)i);
            optimizer.Step();
        }
        return (optimizer, w, values);
    }

    static double[] Run(Func<Parameter, Optimizer> make, double scale = 1)
    {
        double[] values = [.. Start];
        var parameter = Parameter.Of("w", values);
        using var optimizer = make(parameter);
        for (int i = 0; i < 8; i++)
        {
            parameter.Gradient = Array.ConvertAll(Numbers.Tame(Start.Length, (ulong)i), x => scale * x);
            optimizer.Step();
        }
        return values;
    }

    static void Near(double tolerance, double[] expected, double[] actual)
    {
        double largest = expected.Max(Math.Abs);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], tolerance * largest);
    }
}
