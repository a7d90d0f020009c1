using OptimSharp.Rules;

namespace OptimSharp.Tests.Rules;

/// <summary>What an optimizer's author is promised, and told.</summary>
public class AuthorTests
{
    static readonly double[] Start = [1, -2, 0.5, 4, -0.25], Gradient = [0.1, 0.2, -0.3, 0, -0.5];

    [Fact]
    public void Lion_is_the_papers()
    {
        var p = Make(Start, Gradient);
        using var lion = new AuthorsLion([p], new() { LearningRate = 0.1, WeightDecay = 0.2 });
        lion.Step();
        lion.Step();
        double[] theta = [.. Start], m = new double[5];
        for (int step = 0; step < 2; step++)
        {
            for (int i = 0; i < 5; i++)
            {
                theta[i] = theta[i] * (1 - 0.1 * 0.2) - 0.1 * Math.Sign(0.9 * m[i] + 0.1 * Gradient[i]);
                m[i] = 0.99 * m[i] + 0.01 * Gradient[i];
            }
        }
        AssertClose(theta, p);
        AssertClose(m, lion.StateOf(p)!.Tensor("exp_avg"));
    }

    [Fact]
    public void Caution_takes_the_step_only_where_it_goes_down()
    {
        var p = Make(Start, Gradient);
        using var lion = new AuthorsLion([p], new() { LearningRate = 0.1, WeightDecay = 0.2, Caution = true });
        lion.Step();
        Gradient.Select(g => -g / 100).ToArray().CopyTo(Gradients(p)); // momentum and gradient disagree now
        Gradients(p)[0] = 0.4;
        lion.Step();
        // First step: four of five go down. Second: one of five.
        double[] theta = [.. Start];
        for (int i = 0; i < 5; i++)
            theta[i] = theta[i] * 0.98 - 0.1 * Math.Sign(Gradient[i]) * 5 / 4.0;
        for (int i = 0; i < 5; i++)
            theta[i] = theta[i] * 0.98 - (i == 0 ? 0.1 * 5 / 1.0 : 0);
        AssertClose(theta, p);
    }

    [Fact]
    public void Caution_divides_by_a_thousandth_at_least()
    {
        double[] start = new double[4000], gradient = new double[4000];
        gradient[7] = 1;
        var p = Make(start, gradient);
        using var lion = new AuthorsLion([p], new() { LearningRate = 0.1, Caution = true });
        lion.Step();
        Assert.Equal(-0.1 * 1000, Values(p)[7], 1e-9);
    }

    [Fact]
    public void A_step_is_clipped_by_its_root_mean_square()
    {
        var p = Make(Start, Gradient);
        using var lion = new AuthorsLion([p], new() { LearningRate = 0.1, StepLimit = 0.05 });
        lion.Step();
        double rms = 0.1 * Math.Sqrt(4 / 5.0); // one gradient is 0
        AssertClose([.. Start.Select((x, i) => x - 0.1 * Math.Sign(Gradient[i]) / (rms / 0.05))], p);

        p = Make(Start, Gradient);
        using var free = new AuthorsLion([p], new() { LearningRate = 0.1, StepLimit = 0.2 });
        free.Step();
        AssertClose([.. Start.Select((x, i) => x - 0.1 * Math.Sign(Gradient[i]))], p);
    }

    [Fact]
    public void Decay_goes_towards_the_initial_weights()
    {
        var p = Make(Start, Gradient);
        using var lion = new AuthorsLion([p], new() { LearningRate = 0.1, InitialDecay = 0.5 });
        lion.Step();
        Assert.Equal(Start, lion.StateOf(p)!.Tensor("initial"));
        Gradients(p).Clear();
        lion.Step();
        double[] theta = [.. Start.Select((x, i) => x - 0.1 * Math.Sign(Gradient[i]))]; // then the momentum goes on, and 5 % of the way goes back
        AssertClose([.. theta.Select((x, i) => x - 0.05 * (x - Start[i]) - 0.1 * Math.Sign(Gradient[i]))], p);
        Assert.Equal(Start, lion.StateOf(p)!.Tensor("initial"));
    }

    [Fact]
    public void Sums_are_over_a_tensor_and_over_all()
    {
        var p = Make([3, 4], [1, 2]);
        var q = Make([0.5, 1, 2], [2, 0, 4]);
        using var optimizer = new TrustRatio([new([p]), new([q])], new());
        optimizer.Step();
        double all = Math.Sqrt(1 + 4 + 4 + 16), ratio = 0.5 * Math.Sqrt(0.25 + 1 + 4) / all;
        AssertClose([3 - 0.5 * 5 / all * 1, 4 - 0.5 * 5 / all * 2], p);
        AssertClose([0.5 - ratio * 2, 1, 2 - ratio * 4], q);
        AssertClose([5, 5], optimizer.StateOf(p)!.Tensor("sum0"));
        AssertClose([1 + 1, 1 + 2], optimizer.StateOf(p)!.Tensor("sum1"));
        AssertClose([2 + 3, 2 + 4], optimizer.StateOf(p)!.Tensor("sum2"));
        AssertClose([3 + 5, 3 + 6], optimizer.StateOf(p)!.Tensor("sum3"));
        AssertClose([4 + 1, 4 + 4], optimizer.StateOf(p)!.Tensor("sum4"));
        AssertClose([2, 3], optimizer.StateOf(p)!.Tensor("sum5"));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Rows_are_measured_by_themselves(int threads)
    {
        using var scope = new ExecutionScope(threads);
        var random = new Random(7);
        foreach (long[] shape in (long[][])[[], [5], [3, 4], [2, 3, 2, 2], [1, 20_011], [7, 9_001], [20_011, 3], [0, 3]])
        {
            int count = (int)shape.Aggregate(1L, (a, b) => a * b), rows = shape.Length > 0 ? (int)shape[0] : 1;
            double[] start = [.. Enumerable.Range(0, count).Select(_ => random.NextDouble())], gradient = [.. start.Select(_ => random.NextDouble() - 0.3)];
            foreach (bool centralizes in (bool[])[false, true])
            {
                var p = Parameter.Of("p", start.ToArray(), shape);
                p.Gradient = gradient.ToArray();
                using var optimizer = new RowNormalized([p], new() { Centralizes = centralizes });
                optimizer.Step();
                double[] expected = [.. start];
                for (int i = 0; i < count; i++)
                {
                    var row = gradient.AsSpan(i / (count / rows) * (count / rows), count / rows);
                    double sum = 0, squares = 0;
                    foreach (double g in row)
                        (sum, squares) = (sum + g, squares + g * g);
                    expected[i] -= centralizes ? 0.5 * (gradient[i] - sum / row.Length) : 0.5 / (1 + Math.Sqrt(squares)) * gradient[i];
                }
                AssertClose(expected, p);
            }
        }
    }

    [Fact]
    public void Rows_of_a_sparse_gradient_are_measured_each()
    {
        var p = Parameter.Of("p", new double[] { 1, 1, 2, 2, 3, 3, 4, 4 }, 4, 2);
        p.SparseGradient = new(new long[] { 2, 0, 2 }, new double[] { 3, 0, 1, 2, 0, 4 }); // row 2: (3, 4); row 0: (1, 2)
        using var optimizer = new RowNormalized([p]);
        optimizer.Step();
        double root = Math.Sqrt(5);
        AssertClose([1 - 0.5 / (1 + root), 1 - 1 / (1 + root), 2, 2, 3 - 1.5 / 6, 3 - 2.0 / 6, 4, 4], p);
    }

    [Fact]
    public void There_are_no_sums_over_all_by_row()
    {
        var p = Make([3, 4], [1, 2]);
        using var optimizer = new RowNormalized([p], new() { AsksForAll = true });
        Assert.Contains("ApplyByRow", Assert.Throws<InvalidOperationException>(optimizer.Step).Message, StringComparison.Ordinal);
        AssertClose([3, 4], p);
        Assert.Null(optimizer.StateOf(p));
    }

    [Fact]
    public void Sums_of_long_tensors_are_right()
    {
        const int Count = 20_011;
        var random = new Random(5);
        double[] start = [.. Enumerable.Range(0, Count).Select(_ => random.NextDouble() - 0.5)], gradient = [.. Enumerable.Range(0, Count).Select(_ => random.NextDouble() - 0.5)];
        var p = Make(start, gradient);
        using var optimizer = new TrustRatio([p], new());
        optimizer.Step();
        double scale = 0.5 * Math.Sqrt(start.Sum(x => x * x)) / Math.Sqrt(gradient.Sum(x => x * x));
        AssertClose([.. start.Select((x, i) => x - scale * gradient[i])], p);
    }

    [Fact]
    public void A_state_that_would_not_be_saved_is_refused_and_nothing_is_changed()
    {
        var p = Make(Start, Gradient);
        using var optimizer = new Forgetful([p], new());
        var e = Assert.Throws<InvalidOperationException>(optimizer.Step);
        Assert.Contains("Forgetful uses the state 'exp_avg'", e.Message, StringComparison.Ordinal);
        Assert.Equal(Start, Values(p));
        Assert.Null(optimizer.StateOf(p));
    }

    [Theory]
    [InlineData("too few", "AuthorsLionRule`1 has 1 slots, but was given 0 state tensors.")]
    [InlineData("a row", "State 'exp_avg' is not of the parameter's shape")]
    [InlineData("no step", "uses the state 'step'")]
    public void Wrong_use_is_named(string what, string message)
    {
        var p = Make(Start, Gradient);
        using var optimizer = new Wrong([p], what);
        Assert.Contains(message, Assert.Throws<InvalidOperationException>(optimizer.Step).Message, StringComparison.Ordinal);
        Assert.Equal(Start, Values(p));
        Assert.Null(optimizer.StateOf(p));
    }

    [Fact]
    public void Options_are_checked_named_and_saved()
    {
        var p = Make(Start, Gradient);
        Assert.Contains("Betas[1] must be in [0, 1), but is 1", Assert.Throws<ArgumentOutOfRangeException>(() => new AuthorsLion([p], new() { Betas = (0.9, 1) })).Message, StringComparison.Ordinal);
        using var lion = new AuthorsLion([p], new() { LearningRate = 0.1, Caution = true });
        Assert.Equal("AuthorsLion (\nParameter Group 0\n    betas: (0.9, 0.99)\n    caution: true\n    initial_decay: 0\n    lr: 0.1\n    maximize: false\n    step_limit: ∞\n    weight_decay: 0\n)".Replace("∞", double.PositiveInfinity.ToString(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal), lion.ToString());
        lion.Step();
        using var again = new AuthorsLion([Make(Start, Gradient)]);
        again.LoadStateDict(lion.StateDict());
        Assert.Equal(new AuthorsLionOptions { LearningRate = 0.1, Caution = true }, again.ParameterGroups[0].Options);
        Assert.Equal(1, again.StateOf(again.ParameterGroups[0].Parameters[0])!.Step);
    }

    [Fact]
    public void A_rule_has_the_states_that_it_was_given_in_this_step()
    {
        var p = Make(Start, Gradient);
        using var optimizer = new Alternating([p]);
        for (int step = 0; step < 6; step++) // B, C, C, B, B, C by turns of two rules
            optimizer.Step();
        Assert.Equal(6, optimizer.StateOf(p)!.Tensor("a")[0]);
        Assert.Equal(3, optimizer.StateOf(p)!.Tensor("b")[0]);
        Assert.Equal(3, optimizer.StateOf(p)!.Tensor("c")[0]);
    }

    static Parameter<double> Make(double[] values, double[] gradient)
    {
        var p = Parameter.Of<double>("p", [.. values]);
        p.Gradient = gradient.ToArray();
        return p;
    }

    static double[] Values(Parameter<double> p) => p.Values.ToArray();

    static Span<double> Gradients(Parameter<double> p) => p.Gradient!.Value.Span;

    static void AssertClose(double[] expected, Parameter<double> actual) => AssertClose(expected, Values(actual));

    static void AssertClose(double[] expected, double[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 1e-14 + 1e-13 * Math.Abs(expected[i]));
    }

    sealed class Forgetful(IEnumerable<Parameter> parameters, AuthorsLionOptions options) : Optimizer<AuthorsLionOptions>(Group(parameters), options)
    {
        protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [];

        protected override void Update<T>(GroupStep<T> group, AuthorsLionOptions options)
        {
            foreach (var x in group)
                x.Apply(new AuthorsLionRule<T>(options), StateEntry.Tensor("exp_avg"));
        }
    }

    sealed class Wrong(IEnumerable<Parameter> parameters, string what) : Optimizer<AuthorsLionOptions>(Group(parameters), null)
    {
        static readonly StateEntry Row = StateEntry.Tensor("exp_avg", StateShape.Rows);

        protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [Row];

        protected override void Update<T>(GroupStep<T> group, AuthorsLionOptions options)
        {
            foreach (var x in group)
            {
                if (what == "no step")
                    x.NextStep();
                else if (what == "a row")
                    x.Apply(new AuthorsLionRule<T>(options), Row);
                else
                    x.Apply(new AuthorsLionRule<T>(options));
            }
        }
    }

    /// <summary>Counts steps in a and, by turns, in b or c.</summary>
    sealed class Alternating(IEnumerable<Parameter> parameters) : Optimizer<AuthorsLionOptions>(Group(parameters), null)
    {
        static readonly StateEntry A = StateEntry.Tensor("a"), B = StateEntry.Tensor("b", optional: true), C = StateEntry.Tensor("c", optional: true);
        int step;

        protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [A, B, C];

        protected override void Update<T>(GroupStep<T> group, AuthorsLionOptions options)
        {
            var second = step is 1 or 2 or 5 ? C : B;
            foreach (var x in group)
            {
                if (step++ is 0 or 2 or 4)
                    x.Apply(new Counts<T, On>(), A, second);
                else
                    x.Apply(new Counts<T, Off>(), A, second);
            }
        }

        readonly struct Counts<T, TKind> : IUpdateRule<T>
            where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
            where TKind : IChoice
        {
            public static int Slots => 2;

            public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
            {
                x.S0 += L.Of(T.One);
                x.S1 += L.Of(T.One);
            }
        }
    }
}
