using System.Numerics;
using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Rules;

namespace OptimSharp.Tests.Memory;

/// <summary>What is planned of parameters without memory is what they take in the end.</summary>
public class PlanTests
{
    static readonly long[][] Shapes = [[], [5], [4100], [70, 64], [8, 3], [6, 4, 3, 3], [3, 0], [2, 33, 65]];

    public static TheoryData<string, StatePrecision> Grid
    {
        get
        {
            var rows = new TheoryData<string, StatePrecision>();
            foreach (var optimizer in OptimizerDriver.PublicOptimizers.Where(OptimizerSamples.StepsAlone))
            {
                foreach (var precision in Enum.GetValues<StatePrecision>())
                    rows.Add(optimizer.Name, precision);
            }
            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Grid))]
    public void A_plan_is_what_there_is_after_steps(string name, StatePrecision precision)
    {
        var driver = OptimizerDriver.For(name);
        bool sparse = !OptimizerSamples.TakesDenseGradients(driver.Type);
        var sets = sparse ? OptimizerSamples.SparseOptionSets(driver.Type) : precision <= StatePrecision.Parameter ? OptimizerSamples.OptionSets(driver.Type) : OptimizerSamples.SmallStateOptionSets(driver.Type);
        int compared = 0;
        string? limit = driver.Options.Select(o => o.Key).FirstOrDefault(key => key is "max_precond_dim" or "max_preconditioner_dim");
        foreach (var set in sets)
        {
            var options = limit is null || set.Any(o => o.Key == limit) ? set : [.. set, new(limit, 64L)]; // larger matrices take long
            foreach (var type in OptimizerSamples.Types(driver.Type).Where(type => precision <= StatePrecision.Parameter || type is ElementType.Float32 or ElementType.Float16 or ElementType.BFloat16))
            {
                foreach (long[] shape in Shapes)
                {
                    if (sparse && (shape.Length == 0 || precision >= StatePrecision.Dynamic8))
                        continue;
                    Optimizer plan;
                    try
                    {
                        plan = driver.Create([Parameter.Meta("w", shape, type)], options, precision);
                    }
                    catch (ArgumentException) // one that takes matrices only, or smaller ones
                    {
                        Assert.Throws<ArgumentException>(() => driver.Create([Real("w", shape, type)], options, precision));
                        continue;
                    }
                    using var real = driver.Create([Real("w", shape, type, sparse)], options, precision);
                    var planned = plan.MemoryReport();
                    for (int step = 0; step < 2; step++)
                    {
                        real.Step();
                        var report = real.MemoryReport();
                        Assert.Equal(planned.Entries.Where(e => !sparse || e.Use != MemoryUse.Gradients), report.Entries.Where(e => !sparse || e.Use != MemoryUse.Gradients));
                    }
                    Assert.True(planned.IsPlan);
                    Assert.Equal(real.StateOf(real.ParameterGroups[0].Parameters[0])?.Bytes ?? 0, planned.StateBytes);
                    Assert.Null(plan.StateOf(plan.ParameterGroups[0].Parameters[0])); // nothing was made
                    plan.Dispose();
                    compared++;
                }
            }
        }
        Assert.True(compared > 0 || sparse && precision >= StatePrecision.Dynamic8);
    }

    [Fact]
    public void A_history_is_planned_at_its_longest()
    {
        float[] start = [1, 2, 3, 4];
        Parameter<float> one = Parameter.Of("one", start, 2, 2);
        Parameter<double> other = Parameter.Of("other", new double[] { 5, 6 });
        using var real = new LBFGS([one, other], new() { HistorySize = 3, MaxIterations = 8, ChangeTolerance = 0, GradientTolerance = 0, LearningRate = 0.1 });
        using var plan = new LBFGS([Parameter.Meta("one", [2, 2]), Parameter.Meta("other", [2], ElementType.Float64)], new() { HistorySize = 3 });
        real.Step(() =>
        {
            var g = one.UseGradient();
            var h = other.UseGradient();
            double loss = 0;
            for (int i = 0; i < 4; i++)
                (g[i], loss) = ((i + 1) * one.Values.Span[i], loss + (i + 1) * one.Values.Span[i] * one.Values.Span[i] / 2);
            for (int i = 0; i < 2; i++)
                (h[i], loss) = ((i + 5) * other.Values.Span[i], loss + (i + 5) * other.Values.Span[i] * other.Values.Span[i] / 2);
            return loss;
        });
        var report = plan.MemoryReport();
        Assert.True(report.IsUpperBound);
        Assert.Equal(3 * 6 * sizeof(double), report.StateByName["old_dirs"]); // six numbers, in double precision as the widest is
        Assert.Equal(real.MemoryReport().Entries.OrderBy(e => e.Name), report.Entries.OrderBy(e => e.Name));
        Assert.StartsWith("planned, at most\n\ngroup", report.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_list_of_which_nobody_knows_how_long_it_gets_is_refused()
    {
        using var optimizer = new Endless(Parameter.Meta("w", [3]));
        Assert.Equal("Endless does not say how long its list 'points' gets (LongestList), so its memory can't be planned.", Assert.Throws<InvalidOperationException>(optimizer.MemoryReport).Message);
    }

    [Fact]
    public void Rules_combined_optimizers_and_wrappers_are_planned()
    {
        (string, long[])[] shapes = [("embed.weight", [100, 64]), ("layer.weight", [64, 96]), ("layer.bias", [96])];
        var plan = Combined(shapes, (name, shape) => Parameter.Meta(name, shape, ElementType.BFloat16));
        var real = Combined(shapes, (name, shape) => Real(name, shape, ElementType.BFloat16));
        using var lookahead = new Lookahead(plan);
        using var sam = new SAM(plan, new() { Adaptive = true });
        using var averages = new AveragedParameters(plan.ParameterGroups.SelectMany(g => g.Parameters));
        using var realLookahead = new Lookahead(real);
        using var realSam = new SAM(real, new() { Adaptive = true });
        using var realAverages = new AveragedParameters(real.ParameterGroups.SelectMany(g => g.Parameters));
        realSam.Step(() => 0.0);
        Assert.Equal(real.MemoryReport().Entries, plan.MemoryReport().Entries);
        Assert.Equal(realLookahead.MemoryReport().Entries, lookahead.MemoryReport().Entries);
        Assert.Equal(realSam.MemoryReport().Entries, sam.MemoryReport().Entries);
        Assert.Equal(realAverages.MemoryReport().Entries, averages.MemoryReport().Entries);
        Assert.Equal(3, plan.MemoryReport().Entries.Select(e => e.Group).Distinct().Count());
        Assert.True(lookahead.MemoryReport().IsPlan && sam.MemoryReport().IsPlan && averages.MemoryReport().IsPlan);
        real.Dispose();
        plan.Dispose();

        static CombinedOptimizer Combined((string Name, long[] Shape)[] shapes, Func<string, long[], Parameter> make)
        {
            Parameter[] all = [.. shapes.Select(s => make(s.Name, s.Shape))];
            var rules = new GroupRules<AdamWOptions>()
                .For("**", o => o with { StatePrecision = StatePrecision.Dynamic8 })
                .For("**.bias", o => o with { WeightDecay = 0 });
            return new(new Muon([all[1]], new() { StatePrecision = StatePrecision.Linear4 }), new AdamW(rules.Of([all[0], all[2]]), new()));
        }
    }

    [Fact]
    public void Seven_billion_parameters_take_nothing_to_plan()
    {
        long before = GC.GetTotalAllocatedBytes(precise: true);
        using var optimizer = new AdamW(Enumerable.Range(0, 32).Select(i => Parameter.Meta($"layers.{i}", [53_000, 4096])));
        Assert.Equal(32L * 53_000 * 4096 * 8, optimizer.MemoryReport().StateBytes);
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 4 << 20);
    }

    [Fact]
    public void What_needs_numbers_is_refused_and_numbers_can_be_put_in_their_place()
    {
        var meta = Parameter.Meta("w", [2, 3]);
        Assert.True(meta.IsMeta);
        Assert.False(meta.HasGradient);
        using var optimizer = new AdamW([meta]);
        const string Why = "Parameter 'w' [2, 3] Float32 is meta: it has a shape and no memory, for MemoryReport to plan with";
        foreach (var (call, action) in new (string, Action)[]
        {
            ("Step", optimizer.Step),
            ("Step", () => optimizer.Step(() => 1.0)),
            ("Step", () => new LBFGS([meta]).Step(() => 1.0)),
            ("Step", () => new TrainingStep(optimizer).Step()),
            ("StateDict", () => optimizer.StateDict()),
            ("LoadStateDict", () => optimizer.LoadStateDict([])),
            ("Update", () => new AveragedParameters([meta]).Update()),
            ("SwapIn", () => new Lookahead(optimizer).SwapIn()),
        })
        {
            string message = Assert.Throws<InvalidOperationException>(action).Message;
            Assert.StartsWith(Why, message, StringComparison.Ordinal);
            Assert.True(message.Contains($"so {call} can't be called", StringComparison.Ordinal) || call == "Step", message);
        }
        optimizer.ZeroGrad();

        var w = Parameter.Of("w", new float[6], 2, 3);
        w.UseGradient().Fill(1);
        optimizer.Rebind([w]);
        optimizer.Step();
        Assert.Equal(48, optimizer.MemoryReport().StateBytes);
        Assert.Contains("its numbers and its state would be lost", Assert.Throws<ArgumentException>(() => optimizer.Rebind([meta])).Message, StringComparison.Ordinal);
        Assert.Contains("optimizers change Float32", Assert.Throws<ArgumentException>(() => Parameter.Meta("n", [2], ElementType.Int64)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parameters_with_and_without_memory_may_be_mixed()
    {
        var w = Parameter.Of("w", new float[4]);
        using var optimizer = new Adam([w, Parameter.Meta("later", [5])]);
        var report = optimizer.MemoryReport();
        Assert.Equal((9 * 4, 5 * 4, 2 * 5 * 4), (report.ParameterBytes, report.GradientBytes, report.StateBytes)); // w has neither yet
    }

    static Parameter Real(string name, long[] shape, ElementType type, bool sparse = false) => type switch
    {
        ElementType.Float32 => Real<float>(name, shape, sparse),
        ElementType.Float64 => Real<double>(name, shape, sparse),
        ElementType.Float16 => Real<Half>(name, shape, sparse),
        ElementType.BFloat16 => Real<BFloat16>(name, shape, sparse),
        ElementType.Complex64 => Real<Complex64>(name, shape, sparse),
        _ => Real<Complex>(name, shape, sparse),
    };

    static Parameter<T> Real<T>(string name, long[] shape, bool sparse) where T : unmanaged
    {
        long count = shape.Aggregate(1L, (product, size) => product * size);
        var parameter = Parameter.Of(name, new T[count], shape);
        if (sparse)
            parameter.SparseGradient = new(new long[] { 0 }, new T[count / shape[0]]);
        else
            parameter.UseGradient();
        return parameter;
    }

    sealed record EndlessOptions : OptimizerOptions
    {
        public override double LearningRate { get; init; } = 1;
    }

    sealed class Endless(Parameter parameter) : ClosureOptimizer<EndlessOptions>(Group([parameter]), null)
    {
        protected override IReadOnlyList<StateEntry> StateEntries() => [StateEntry.Tensors("points")];

        protected override void Minimize<T>(Objective<T> objective, EndlessOptions options) => throw new NotSupportedException();
    }
}
