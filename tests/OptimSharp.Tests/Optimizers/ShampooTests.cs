using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.Optimizers;

/// <summary>Shampoo: what its steps are for one gradient, its blocks, roots and grafting, and its state.</summary>
[Collection(Alone.Name)]
public class ShampooTests
{
    static readonly ShampooOptions Plain = new() { LearningRate = 0.1, Betas = (0, 1), Epsilon = 1e-10, TargetDimensions = 2 };
    static readonly ShampooOptions Usual = new() { LearningRate = 0.05, Betas = (0.9, 0.95), Epsilon = 1e-3, TargetDimensions = 2, PreconditionFrequency = 2, Grafting = ShampooGrafting.Adam };

    public static TheoryData<string> Laws => [.. OptimizerLaws.All.Select(law => law.Name).Except(["Cuts", "NotANumber"])];

    // The laws for all optimizers take two steps: here roots are taken, used, and taken again, in several blocks.
    [Theory]
    [MemberData(nameof(Laws))]
    public void It_keeps_the_laws_over_some_changes_of_its_roots(string law)
    {
        OptimizerLaws.Named(law).Check(parameters => new Shampoo(parameters, Usual with { MaxPreconditionerDimension = 24 }), new() { Elementwise = false, Steps = 5, Sizes = [64, 1, 0, 90] });
        OptimizerLaws.Named(law).Check(parameters => new Shampoo(parameters, Usual with { MaxPreconditionerDimension = 7, Momentum = 0.9, Root = ShampooRoot.CoupledNewton, Epsilon = 0.1 }),
            new() { Elementwise = false, Steps = 5, Sizes = [64, 1, 0, 90] });
    }

    // (ggᵀ + εI)^(−½)g = g/√(‖g‖² + ε)
    [Theory]
    [InlineData(ShampooRoot.Eigen)]
    [InlineData(ShampooRoot.CoupledNewton)]
    public void The_first_step_of_a_vector_is_as_long_as_the_rate(ShampooRoot root)
    {
        double[] g = [3, 0, -4, 12], values = new double[4];
        Step(new Shampoo([Of(values, out var w)], Plain with { Epsilon = 1, Root = root }), w, g);
        Near(root == ShampooRoot.Eigen ? 1e-14 : 1e-7, Array.ConvertAll(g, x => -0.1 * x / Math.Sqrt(170)), values);
    }

    // G = USVᵀ: (US²Uᵀ)^(−¼) USVᵀ (VS²Vᵀ)^(−¼) = UVᵀ
    [Fact]
    public void The_first_step_of_a_square_matrix_is_orthogonal()
    {
        double[] values = new double[9];
        Step(new Shampoo([Of(values, out var w, 3, 3)], Plain with { LearningRate = 1 }), w, [4, 1, 0, -2, 3, 1, 0, 1, 5]);
        for (int i = 0; i < 3; i++)
        {
            for (int j = 0; j < 3; j++)
                Assert.Equal(i == j ? 1 : 0, Enumerable.Range(0, 3).Sum(k => values[i * 3 + k] * values[j * 3 + k]), 1e-8);
        }
    }

    [Theory]
    [InlineData(ShampooGrafting.None)]
    [InlineData(ShampooGrafting.SGD)]
    [InlineData(ShampooGrafting.AdaGrad)]
    public void A_transposed_matrix_is_trained_as_the_matrix_itself(ShampooGrafting grafting)
    {
        var options = Usual with { Grafting = grafting };
        double[] plain = Run(p => new Shampoo([p], options), [3, 5]), transposed = Run(p => new Shampoo([p], options), [5, 3], x => Matrix.Transposed(x, 3, 5));
        Near(1e-11, Matrix.Transposed(plain, 3, 5), transposed);
    }

    [Fact]
    public void Maximizing_is_minimizing_the_negative() => Assert.Equal(
        Run(p => new Shampoo([p], Usual), [4, 6]), Run(p => new Shampoo([p], Usual with { Maximize = true }), [4, 6], gradient: x => Array.ConvertAll(x, y => -y)));

    // A matrix of 4 × 6 in blocks of 2 × 2, beside six matrices.
    [Fact]
    public void Blocks_are_trained_as_parameters_of_their_own()
    {
        double[] whole = Run(p => new Shampoo([p], Usual with { MaxPreconditionerDimension = 2 }), [4, 6]);
        for (int b = 0; b < 6; b++)
        {
            double[] alone = Run(p => new Shampoo([p], Usual), [2, 2], Block);
            Near(1e-13, Block(whole), alone);

            double[] Block(double[] x) => [.. Enumerable.Range(0, 4).Select(i => x[(b / 3 * 2 + i / 2) * 6 + b % 3 * 2 + i % 2])];
        }
    }

    // (A/(1 − β₂ᵗ) + εI)·P⁴ = I, with P as it is kept.
    [Theory]
    [InlineData(ShampooRoot.Eigen, 1e-9)]
    [InlineData(ShampooRoot.CoupledNewton, 1e-4)]
    public void Roots_are_what_they_are_called(ShampooRoot root, double tolerance)
    {
        var w = Parameter.Of("w", Numbers.Tame(20, 1), 4, 5);
        using var optimizer = new Shampoo([w], Usual with { Root = root, Epsilon = 0.01, PreconditionFrequency = 1 });
        for (int t = 1; t <= 6; t++)
        {
            w.Gradient = Gradient(20, t);
            optimizer.Step();
            for (int k = 0; k < 2; k++)
            {
                int n = 4 + k;
                double[] a = Array.ConvertAll(optimizer.StateOf(w)!.TensorList("factor_matrices")[k], x => x / (1 - Math.Pow(0.95, t))), p = optimizer.StateOf(w)!.TensorList("inv_factor_matrices")[k];
                for (int i = 0; i < n; i++)
                    a[i * (n + 1)] += 0.01;
                double[] identity = Matrix.Product(Matrix.Product(Matrix.Product(Matrix.Product(a, p, n), p, n), p, n), p, n);
                for (int i = 0; i < identity.Length; i++)
                    Assert.Equal(i % (n + 1) == 0 ? 1 : 0, identity[i], tolerance);
                if (root == ShampooRoot.Eigen)
                    Assert.Equal(Matrix.Transposed(p, n, n), p);
            }
        }
    }

    [Fact]
    public void A_grafted_step_is_as_long_as_the_other_methods()
    {
        double[] values = new double[12], g = Gradient(12, 3);
        Step(new Shampoo([Of(values, out var w, 3, 4)], Plain with { Grafting = ShampooGrafting.SGD }), w, g);
        Assert.Equal(0.1 * Math.Sqrt(g.Sum(x => x * x)), Math.Sqrt(values.Sum(x => x * x)), 1e-14);
    }

    [Fact]
    public void Before_its_start_it_is_the_grafted_method()
    {
        var late = Usual with { StartPreconditioningStep = 100, Betas = (0.9, 1), GraftingEpsilon = 1e-8 };
        Near(1e-13, Run(p => new Adam([p], new() { LearningRate = 0.05 }), [3, 4]), Run(p => new Shampoo([p], late), [3, 4]));
        Near(1e-13, Run(p => new Adagrad([p], new() { LearningRate = 0.05 }), [3, 4]),
            Run(p => new Shampoo([p], late with { Betas = (0, 1), Grafting = ShampooGrafting.AdaGrad, GraftingEpsilon = 1e-10 }), [3, 4]));
        Near(1e-13, Run(p => new RMSprop([p], new() { LearningRate = 0.05, Alpha = 0.9, Epsilon = 1e-8 }), [3, 4]),
            Run(p => new Shampoo([p], late with { Betas = (0, 1), Grafting = ShampooGrafting.RMSprop, GraftingBeta2 = 0.9 }), [3, 4]));
        Near(1e-13, Run(p => new SGD([p], new() { LearningRate = 0.05, Momentum = 0.9 }), [3, 4]),
            Run(p => new Shampoo([p], late with { Betas = (0, 1), Grafting = ShampooGrafting.SGD, Momentum = 0.9 }), [3, 4]));
        Assert.NotEqual(Run(p => new Adam([p], new() { LearningRate = 0.05 }), [3, 4])[0], Run(p => new Shampoo([p], late with { StartPreconditioningStep = 2 }), [3, 4])[0], 1e-3);
    }

    [Theory]
    [InlineData(new[] { 4, 1, 3 }, 1, 1024, new[] { 12 })]
    [InlineData(new[] { 4, 1, 3 }, 2, 1024, new[] { 4, 3 })]
    [InlineData(new[] { 32, 3, 64, 64 }, 1, 8192, new[] { 96, 4096 })]      // the examples of the authors' code
    [InlineData(new[] { 32, 3, 64, 64 }, 2, 1_000_000, new[] { 32, 12288 })]
    [InlineData(new[] { 1, 2, 5, 1 }, 1, 1, new[] { 2, 5 })]
    [InlineData(new[] { 1, 1 }, 1, 10, new[] { 1 })]
    [InlineData(new int[0], 1, 10, new[] { 1 })]
    public void Small_dimensions_are_taken_together(int[] shape, int target, int most, int[] expected)
    {
        var grid = new BlockGrid(Array.ConvertAll(shape, n => (long)n), new() { TargetDimensions = target, MaxPreconditionerDimension = most }, new nint[BlockGrid.MostDimensions * 3]);
        Assert.Equal(Array.ConvertAll(expected, n => (nint)n), grid.Sizes.ToArray());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Training_goes_on_with_the_same_bits_whether_roots_were_due_or_not(int at)
    {
        double[] straight = Run(p => new Shampoo([p], Usual with { Momentum = 0.5 }), [4, 5]), values = Numbers.Tame(20, 1);
        string path = Path.Combine(Path.GetTempPath(), $"shampoo-{Guid.NewGuid():N}.pt");
        try
        {
            var w = Parameter.Of("w", values, 4, 5);
            var optimizer = new Shampoo([w], Usual with { Momentum = 0.5 });
            for (int i = 0; i < 8; i++)
            {
                if (i == at)
                {
                    Checkpoint.Save(path, optimizer.StateDict());
                    optimizer.Dispose();
                    optimizer = new([w]);
                    optimizer.LoadStateDict(Checkpoint.Load(path));
                }
                w.Gradient = Gradient(20, i);
                optimizer.Step();
            }
            optimizer.Dispose();
            Assert.Equal(straight, values);
        }
        finally
        {
            File.Delete(path);
        }
    }

    // The authors count a group's steps: a parameter that comes late has other corrections than at the start.
    [Fact]
    public void A_late_parameter_starts_as_any_other()
    {
        double[] early = Numbers.Tame(20, 1), late = [.. early];
        Parameter<double> a = Parameter.Of("a", early, 4, 5), b = Parameter.Of("b", late, 4, 5);
        using var optimizer = new Shampoo([a, b], Usual);
        for (int i = 0; i < 10; i++)
        {
            a.Gradient = i < 5 ? Gradient(20, i) : null;
            b.Gradient = i >= 5 ? Gradient(20, i - 5) : null;
            optimizer.Step();
        }
        Assert.Equal(early, late);
    }

    [Fact]
    public void Decay_goes_by_the_largest_rate_where_it_is_asked_to()
    {
        // A step without a gradient's part, at a quarter of the rate before: θ(1 − η·α) with α = λη/η₀ or λ/η₀.
        Assert.Equal([1 - 0.1 * 0.5 * 0.1 / 0.4], Decayed(ShampooWeightDecay.Corrected), (x, y) => Math.Abs(x - y) < 1e-15);
        Assert.Equal([1 - 0.1 * 0.5 / 0.4], Decayed(ShampooWeightDecay.Independent), (x, y) => Math.Abs(x - y) < 1e-15);
        Assert.Equal([1 - 0.1 * 0.5], Decayed(ShampooWeightDecay.Decoupled), (x, y) => Math.Abs(x - y) < 1e-15);

        static double[] Decayed(ShampooWeightDecay type)
        {
            double[] values = [1];
            using var shampoo = new Shampoo([Of(values, out var w)], new() { LearningRate = 0, WeightDecay = 0.5, WeightDecayType = type });
            w.Gradient = new double[1];
            foreach (double rate in new[] { 0, 0.4, 0.1 })
            {
                Assert.True(double.IsFinite(values[0]));
                values[0] = 1;
                shampoo.ParameterGroups[0].Options = shampoo.ParameterGroups[0].Options with { LearningRate = rate };
                shampoo.Step();
            }
            Assert.Equal(0.4, shampoo.StateDict().GetDicts("param_groups")[0]["peak_lr"]);
            return values;
        }
    }

    [Fact]
    public void What_does_not_go_together_is_refused()
    {
        double[] values = [1, 2, 3, 4];
        Parameter[] all = [Of(values, out var w, 2, 2)];
        Assert.StartsWith("Betas[0] must be in [0, 1), but is 1", Assert.Throws<ArgumentException>(() => new Shampoo(all, new() { Betas = (1, 1) })).Message, StringComparison.Ordinal);
        Assert.StartsWith("Betas[1] must be in [0, 1], but is 1.5", Assert.Throws<ArgumentException>(() => new Shampoo(all, new() { Betas = (0, 1.5) })).Message, StringComparison.Ordinal);
        Assert.StartsWith("StartPreconditioningStep must be at least PreconditionFrequency, 5, or -1, but is 3",
            Assert.Throws<ArgumentException>(() => new Shampoo(all, new() { PreconditionFrequency = 5, StartPreconditioningStep = 3 })).Message, StringComparison.Ordinal);
        w.Gradient = new double[4];
        using var optimizer = new Shampoo(all);
        optimizer.Step();
        optimizer.ParameterGroups[0].Options = optimizer.ParameterGroups[0].Options with { MaxPreconditionerDimension = 3 };
        Assert.StartsWith("State 'factor_matrices' of parameter 'w' [2, 2] Float64 has matrices of [4 × 4], but with the present options it has [2 × 2, 2 × 2]", Assert.Throws<InvalidOperationException>(optimizer.Step).Message, StringComparison.Ordinal);
        Assert.Equal([1, 2, 3, 4], values);
    }

    static Parameter<double> Of(double[] values, out Parameter<double> w, params long[] shape) => w = Parameter.Of("w", values, shape.Length > 0 ? shape : [values.Length]);

    static void Step(Shampoo optimizer, Parameter<double> w, double[] gradient)
    {
        using (optimizer)
        {
            w.Gradient = gradient;
            optimizer.Step();
        }
    }

    static double[] Gradient(int count, int step) => Numbers.Tame(count, 100 + (ulong)step);

    static double[] Run(Func<Parameter, Optimizer> make, int[] shape, Func<double[], double[]>? all = null, Func<double[], double[]>? gradient = null)
    {
        int count = all is null ? shape.Aggregate((a, b) => a * b) : 24;
        if (all is not null && shape is [5, 3])
            count = 15;
        double[] values = (all ?? (x => x))(Numbers.Tame(count, 1));
        var w = Parameter.Of("w", values, Array.ConvertAll(shape, n => (long)n));
        using var optimizer = make(w);
        for (int i = 0; i < 8; i++)
        {
            w.Gradient = (gradient ?? all ?? (x => x))(Gradient(count, i));
            optimizer.Step();
        }
        return values;
    }

    static void Near(double tolerance, double[] expected, double[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], tolerance);
    }
}
