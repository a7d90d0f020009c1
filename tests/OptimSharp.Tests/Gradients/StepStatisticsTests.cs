using OptimSharp.Rules;
using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.GradientTests;

/// <summary>The statistics of a step, against norms by hand; <see cref="OnePassTests"/> compares them for every optimizer and type.</summary>
public class StepStatisticsTests
{
    static double Norm(IEnumerable<double> numbers) => Math.Sqrt(numbers.Sum(x => x * x));

    static void Near(double expected, double actual) => Assert.True(expected.Equals(actual) || Math.Abs(expected - actual) <= 1e-12 * Math.Abs(expected), $"{expected:R} was expected, but there is {actual:R}");

    internal static float[] Draw(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => 2 * random.NextSingle() - 1)];
    }

    [Fact]
    public void Without_being_asked_for_there_are_none()
    {
        var weight = Parameter.Of("w", new float[2]);
        using var optimizer = new SGD([weight]);
        weight.UseGradient().Fill(1);
        Assert.Null(new TrainingStep(optimizer).Step().Statistics);
        var step = new TrainingStep(optimizer, new() { Statistics = true, MicroBatches = 2 });
        Assert.Null(step.Step().Statistics); // gathers
        Assert.NotNull(step.Finish().Statistics);
    }

    [Fact]
    public void By_hand()
    {
        var (a, b, idle) = (Parameter.Of("a", new float[] { 3, 4 }), Parameter.Of("b", new double[] { 0, 0 }), Parameter.Of("c", new float[] { 7 }));
        using var optimizer = new SGD([new([a, idle]), new([b], o => o with { LearningRate = 0.5 })], new() { LearningRate = 0.25, Momentum = 0.9 });
        var step = new TrainingStep(optimizer, new() { MaxNorm = 5, Statistics = true });
        a.Gradient = new float[] { 6, 0 };
        b.Gradient = new double[] { 0, 8 };
        var statistics = step.Step().Statistics!;
        double factor = 5 / (10 + 1e-6);
        Assert.Equal((StepOutcome.Updated, 10.0, true, false, factor), (statistics.Outcome, statistics.GradientNorm, statistics.Clipped, statistics.Skipped, statistics.ClipFactor));
        var (first, second) = (statistics.Groups[0], statistics.Groups[1]);
        Assert.Equal((0.25, 6.0, 5.0), (first.LearningRate, first.GradientNorm, first.ParameterNorm)); // the one without gradient does not count
        Assert.Equal(0.25 * 6 * factor, first.UpdateNorm, 1e-6);
        Assert.Equal(first.UpdateNorm / 5, first.UpdateRatio);
        Assert.Equal((0.5, 8.0, 0.0, double.PositiveInfinity), (second.LearningRate, second.GradientNorm, second.ParameterNorm, second.UpdateRatio));
        Assert.Equal(0.5 * 8 * factor, second.UpdateNorm, 1e-12);
        Assert.Equal((12L, 8L, 8L), (first.ParameterBytes, first.GradientBytes, first.StateBytes)); // two singles, of three in all
        Assert.Equal((16L, 16L, 16L), (second.ParameterBytes, second.GradientBytes, second.StateBytes));
        Assert.Equal((1L, 1L, 0L), (statistics.StepsTaken, statistics.StepsClipped, statistics.StepsSkipped));
        Assert.Equal("""
            step 1: gradient 10, clipped by 0.5; in all 1 taken, 1 clipped, 0 left out
              group 0: rate 0.25, gradient 6, weights 5, update 0.75 (ratio 0.15); memory 12 B weights, 8 B gradients, 8 B state
              group 1: rate 0.5, gradient 8, weights 0, update 2 (ratio Infinity); memory 16 B weights, 16 B gradients, 16 B state
            """.ReplaceLineEndings("\n"), statistics.ToString());
    }

    [Fact]
    public void Steps_are_counted_also_while_nobody_asks()
    {
        var weight = Parameter.Of("w", new float[] { 1, 2 });
        using var optimizer = new SGD([weight], new() { Momentum = 0.9 });
        var scheduler = new OptimSharp.Schedulers.ExponentialLR(optimizer, 0.5);
        var step = new TrainingStep(optimizer, new() { MaxNorm = 1, Schedulers = [scheduler] });
        Step(5);
        Step(float.NaN);
        Step(0.1f);
        step.Options = step.Options with { Statistics = true };
        float[] before = weight.Values.ToArray();
        var statistics = Step(float.PositiveInfinity).Statistics!;
        Assert.Equal((2L, 1L, 2L), (statistics.StepsTaken, statistics.StepsClipped, statistics.StepsSkipped));
        var group = statistics.Groups[0];
        Assert.True(statistics.Skipped && !statistics.Clipped);
        Assert.Equal((double.PositiveInfinity, 0.0, 0.0, double.NaN), (group.GradientNorm, group.UpdateNorm, group.UpdateRatio, group.ParameterNorm));
        Assert.Equal(before, weight.Values.ToArray());
        Assert.StartsWith("left out: gradient Infinity; in all 2 taken, 1 clipped, 2 left out", statistics.ToString(), StringComparison.Ordinal);
        Assert.Equal(1e-3 / 4, Step(1).Statistics!.Groups[0].LearningRate, 1e-12); // the step's own, not the next one's
        Assert.Equal(1e-3 / 8, optimizer.ParameterGroups[0].LearningRate, 1e-12);

        StepReport Step(float gradient)
        {
            weight.Gradient = new[] { gradient, 0 };
            return step.Step();
        }
    }

    public static TheoryData<string, double?, double, bool> Ways => new()
    {
        { "AdamW", null, 2, true }, { "AdamW", null, 2, false }, { "AdamW", 0.5, double.PositiveInfinity, true }, { "AdamW", 0.5, 1, false }, { "AdamW", 0.5, 2, false },
        { "LAMB", null, 2, false }, { "LAMB", 0.5, 2, true }, { "Muon", null, 2, false }, { "Muon", 0.5, 1, true }, { "Adafactor", 0.5, 2, true },
        { "by row", null, 2, true }, { "by row", 0.5, 2, false }, { "by row", null, 2, false },
    };

    /// <summary>Gradients are squared by the first pass, or by the rules' own, or by one of their own: the same numbers, whatever else is asked for.</summary>
    [Theory]
    [MemberData(nameof(Ways))]
    public void The_norms_are_those_by_hand_in_every_way(string kind, double? maxNorm, double order, bool skips)
    {
        var parameters = new[] { 90, 30 }.Select((rows, i) => Parameter.Of($"p{i}", Draw(rows * 101, i), rows, 101)).ToArray();
        ParameterGroup<T>[] Groups<T>() where T : OptimizerOptions => [new([parameters[0]]), new([parameters[1]])];
        using Optimizer optimizer = kind switch
        {
            "AdamW" => new AdamW(Groups<AdamWOptions>(), new() { LearningRate = 0.01 }),
            "LAMB" => new LAMB(Groups<LAMBOptions>(), new() { LearningRate = 0.01 }),
            "Muon" => new Muon(Groups<MuonOptions>(), new() { LearningRate = 0.01 }),
            "Adafactor" => new Adafactor(Groups<AdafactorOptions>()),
            _ => new ByRow(Groups<SGDOptions>(), new() { LearningRate = 0.01 }),
        };
        var step = new TrainingStep(optimizer, new() { MaxNorm = maxNorm, NormOrder = order, SkipNotFinite = skips, MicroBatches = 2, Statistics = true });
        for (int k = 0; k < 3; k++)
        {
            double[][] before = [.. parameters.Select(p => p.Values.ToArray().Select(x => (double)x).ToArray())];
            float[][] gradients = [.. parameters.Select((p, i) => Draw((int)p.Count, 10 * k + i))];
            foreach (var (parameter, gradient) in parameters.Zip(gradients))
                parameter.Gradient = (float[])gradient.Clone();
            step.Step();
            var report = step.Step();
            var statistics = report.Statistics!;
            double[] norms = [.. gradients.Select(g => Norm(g.Select(x => (double)(x / 2))))]; // a mean of two
            Near(Norm(norms), statistics.GradientNorm);
            if (order == 2 && (skips || maxNorm is not null))
                Assert.Equal(report.Norm, statistics.GradientNorm);
            for (int i = 0; i < 2; i++)
            {
                Near(norms[i], statistics.Groups[i].GradientNorm);
                Near(Norm(before[i]), statistics.Groups[i].ParameterNorm);
                Near(Norm(before[i].Zip(parameters[i].Values.ToArray(), (x, y) => y - x)), statistics.Groups[i].UpdateNorm);
            }
        }
    }

    /// <summary>A rule that measures rows, which are not the chunks of the sums.</summary>
    sealed class ByRow(IEnumerable<ParameterGroup<SGDOptions>> groups, SGDOptions options) : Optimizer<SGDOptions>(groups, options)
    {
        protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [];

        protected override void Update<T>(GroupStep<T> group, SGDOptions options)
        {
            foreach (var x in group)
                x.ApplyByRow(new CentralizedGradient<Descent<T>, T>(new Descent<T>(options.LearningRate)));
        }
    }

    readonly struct Descent<T>(double rate) : IUpdateRule<T> where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        readonly T rate = T.CreateChecked(rate);

        public static int Slots => 0;

        public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> => x.Param -= L.Of(rate) * x.Grad;
    }

    [Fact]
    public void Of_sparse_gradients_a_row_counts_once_and_memory_is_of_what_came()
    {
        var table = Parameter.Of("t", Draw(40, 1), 10, 4);
        var rest = Parameter.Of("r", Draw(6, 2));
        using var optimizer = new SGD([table, rest], new() { LearningRate = 0.5 });
        var step = new TrainingStep(optimizer, new() { Statistics = true, SkipNotFinite = false });
        double[] before = [.. table.Values.ToArray().Concat(rest.Values.ToArray()).Select(x => (double)x)];
        table.SparseGradient = new(new long[] { 7, 2, 7 }, new float[] { 1, 2, 3, 4, 1, 1, 1, 1, 1, 1, 1, 1 });
        rest.Gradient = new float[] { 1, 0, 0, 0, 0, 2 };
        var group = step.Step().Statistics!.Groups[0];
        Near(Norm([2, 3, 4, 5, 1, 1, 1, 1, 1, 2]), group.GradientNorm);
        Near(Norm(before), group.ParameterNorm);
        Near(Norm(before.Zip(table.Values.ToArray().Concat(rest.Values.ToArray()), (x, y) => y - x)), group.UpdateNorm);
        Assert.Equal(3 * 8 + 12 * 4 + 6 * 4, group.GradientBytes);
        Assert.Equal(46 * 4, group.ParameterBytes);
    }

    [Fact]
    public void LBFGS_moves_all_parameters_and_counts_them()
    {
        var (a, b) = (Parameter.Of("a", new double[] { 3, 4 }), Parameter.Of("b", new double[] { 2 }));
        using var optimizer = new LBFGS([a, b], new() { LearningRate = 0.5 });
        var step = new TrainingStep(optimizer, new() { Statistics = true, SkipNotFinite = false });
        var statistics = step.Step(() =>
        {
            a.Gradient = new double[] { a.Values.Span[0], 2 * a.Values.Span[1] };
            return (a.Values.Span[0] * a.Values.Span[0] / 2) + (a.Values.Span[1] * a.Values.Span[1]);
        }, out double _).Statistics!;
        var group = statistics.Groups[0];
        Near(Norm([3, 8]), statistics.GradientNorm); // of the first evaluation
        Near(Norm([3, 4, 2]), group.ParameterNorm);
        Near(Norm([a.Values.Span[0] - 3, a.Values.Span[1] - 4]), group.UpdateNorm);
        Assert.True(group.UpdateNorm > 0);
        Assert.Equal((24L, 16L), (group.ParameterBytes, group.GradientBytes));
        Assert.True(group.StateBytes > 0);
    }

    [Fact]
    public void LBFGSs_gradient_is_the_first_evaluations_as_its_clipping_is()
    {
        var w = Parameter.Of("w", new double[] { 1, 2, -1 });
        using var optimizer = new LBFGS([w], new() { LearningRate = 0.1, MaxIterations = 3 });
        foreach (double order in (double[])[2, double.PositiveInfinity])
        {
            double first = Norm(w.Values.ToArray().Select(x => 2 * x));
            var report = new TrainingStep(optimizer, new() { Statistics = true, MaxNorm = 0.5, NormOrder = order }).Step(() =>
            {
                w.Gradient = w.Values.ToArray().Select(x => 2 * x).ToArray(); // of Σw²
                return w.Values.ToArray().Sum(x => x * x);
            }, out double _);
            Near(first, report.Statistics!.GradientNorm);
            Near(first, report.Statistics.Groups[0].GradientNorm);
            Near(0.5 / (report.Norm + 1e-6), report.Statistics.ClipFactor);
            Assert.True(order != 2 || report.Norm == report.Statistics.GradientNorm);
        }
    }

    [Fact]
    public void A_group_that_is_added_is_in_them()
    {
        var (a, b) = (Parameter.Of("a", new float[] { 1 }), Parameter.Of("b", new float[] { 2 }));
        using var optimizer = new SGD([a]);
        var step = new TrainingStep(optimizer, new() { Statistics = true });
        a.Gradient = new float[] { 1 };
        Assert.Single(step.Step().Statistics!.Groups);
        optimizer.AddParameterGroup(new([b]));
        (a.Gradient, b.Gradient) = (new float[] { 1 }, new float[] { 3 });
        Assert.Equal([1, 3], step.Step().Statistics!.Groups.Select(g => g.GradientNorm));
    }
}

/// <summary>What is seen only when nothing else runs: threads and allocations.</summary>
[Collection(Alone.Name)]
public class StepStatisticsThreadTests
{
    [Theory]
    [InlineData("SGD", true)]
    [InlineData("AdamW", false)]
    [InlineData("Adafactor", true)]
    public void Threads_and_cuts_do_not_show(string kind, bool skips)
    {
        var seen = new List<string>();
        foreach (int threads in new[] { 1, 2, 4 })
        {
            using var scope = new ExecutionScope(threads);
            int[] sizes = [200_000, 5, 4097, 70_001];
            var parameters = sizes.Select((n, i) => Parameter.Of($"p{i}", StepStatisticsTests.Draw(n, i))).ToArray();
            using Optimizer optimizer = kind == "SGD" ? new SGD(parameters, new() { Momentum = 0.9 }) : kind == "AdamW" ? new AdamW(parameters) : new Adafactor(parameters);
            var step = new TrainingStep(optimizer, new() { Statistics = true, SkipNotFinite = skips });
            var text = new List<string>();
            for (int k = 0; k < 3; k++)
            {
                foreach (var (i, parameter) in parameters.Index())
                    parameter.Gradient = StepStatisticsTests.Draw(sizes[i], 10 * k + i);
                var group = step.Step().Statistics!.Groups[0];
                text.Add($"{group.GradientNorm:R} {group.ParameterNorm:R} {group.UpdateNorm:R}");
            }
            seen.Add(string.Join("; ", text));
        }
        Assert.Single(seen.Distinct());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_warm_step_allocates_nothing_but_the_record(bool elementwise)
    {
        var parameters = Enumerable.Range(0, 30).Select(i => Parameter.Of($"p{i}", new float[6400], 80, 80)).ToArray();
        using Optimizer optimizer = elementwise ? new AdamW(parameters) : new Muon(parameters);
        foreach (var parameter in parameters)
            parameter.UseGradient().Fill(0.01f);
        long[] bytes = [.. new[] { false, true }.Select(statistics =>
        {
            var step = new TrainingStep(optimizer, new() { GradientsAfter = GradientsAfter.Kept, Statistics = statistics });
            long least = long.MaxValue;
            for (int attempt = 0; attempt < 5; attempt++)
            {
                step.Step();
                long before = GC.GetTotalAllocatedBytes(precise: true);
                for (int k = 0; k < 10; k++)
                    step.Step();
                least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
            }
            return least / 10;
        })];
        Assert.Equal(0, bytes[0]);
        Assert.InRange(bytes[1], 1, 250); // two objects, of which one is a list with one group
    }
}
