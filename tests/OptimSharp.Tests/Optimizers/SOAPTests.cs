using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.Optimizers;

/// <summary>SOAP: the laws of its axes, what it has in common with Adam, and its state.</summary>
[Collection(Alone.Name)]
public class SOAPTests
{
    static readonly SOAPOptions Fast = new() { LearningRate = 0.05, PreconditionFrequency = 2 };

    public static TheoryData<string> Laws => [.. OptimizerLaws.All.Select(law => law.Name).Except(["Cuts", "NotANumber"])];

    // The laws for all optimizers take two steps: here the axes are found, used, and improved.
    [Theory]
    [MemberData(nameof(Laws))]
    public void It_keeps_the_laws_over_some_changes_of_its_axes(string law)
    {
        OptimizerLaws.Named(law).Check(parameters => new SOAP(parameters, Fast), new() { Elementwise = false, Steps = 5 });
        OptimizerLaws.Named(law).Check(parameters => new SOAP(parameters, Fast with { Precondition1D = true, MergeDimensions = true, MaxPreconditionerDimension = 20, NormalizeGradients = true }), new() { Elementwise = false, Steps = 4 });
    }

    [Fact]
    public void The_first_gradient_only_makes_the_axes()
    {
        double[] values = [1, 2, 3, 4];
        var w = Parameter.Of("w", values, 2, 2);
        w.Gradient = new double[] { 1, 2, 0, 3 };
        using var optimizer = new SOAP([w], Fast with { WeightDecay = 0.5 });
        optimizer.Step();
        Assert.Equal([1, 2, 3, 4], values);
        Assert.Equal(0, optimizer.StateOf(w)!.Step);
        // (1 − β)GGᵀ and (1 − β)GᵀG with 1 − β = 1/20
        Assert.Equal([5 / 20.0, 6 / 20.0, 6 / 20.0, 9 / 20.0], optimizer.StateOf(w)!.TensorList("GG")[0], Near);
        Assert.Equal([1 / 20.0, 2 / 20.0, 2 / 20.0, 13 / 20.0], optimizer.StateOf(w)!.TensorList("GG")[1], Near);
    }

    // With ε = 0 it makes no difference that SOAP adds it before the bias correction.
    [Theory]
    [InlineData(24)]
    [InlineData(4, 6)]
    [InlineData(2, 3, 4)]
    public void What_is_not_turned_is_Adam_from_the_second_gradient_on(params int[] shape)
    {
        var options = Fast with { MaxPreconditionerDimension = 0, Epsilon = 0, WeightDecay = 0, Betas = (0.9, 0.99) };
        double[] soap = Run(p => new SOAP([p], options), shape, steps: 8), adam = Numbers.Tame(24, 1);
        var w = Parameter.Of("w", adam);
        using var optimizer = new Adam([w], new() { LearningRate = 0.05, Betas = (0.9, 0.99), Epsilon = 0 });
        for (int i = 1; i < 8; i++)
        {
            w.Gradient = Gradient(24, i);
            optimizer.Step();
        }
        Assert.Equal(adam, soap, Near);
    }

    // The authors' order, not PyTorch's: (θ − u)(1 − ηλ). With no memory u is the gradient's sign.
    [Fact]
    public void SOAPs_decay_is_of_the_weights_that_were_just_moved()
    {
        double[] values = [1];
        var w = Parameter.Of("w", values);
        w.Gradient = new double[] { 3 };
        using var optimizer = new SOAP([w], new() { LearningRate = 0.1, WeightDecay = 0.5, Epsilon = 0, Betas = (0, 0) });
        optimizer.Step();
        optimizer.Step();
        Assert.Equal((1 - 0.1) * (1 - 0.05), values[0], 1e-15);
    }

    [Fact]
    public void A_turned_problem_is_trained_as_the_problem_itself()
    {
        double[] u = Rotation(4, 0.3, 1.1), v = Rotation(4, -0.7, 0.4);
        double[] plain = Run(p => new SOAP([p], Fast), [4, 4], steps: 9), turned = Run(p => new SOAP([p], Fast), [4, 4], steps: 9, Turned);
        Assert.Equal(Turned(plain), turned, (a, b) => Math.Abs(a - b) < 1e-10);
        Assert.NotEqual(Turned(Run(p => new Adam([p], new() { LearningRate = 0.05 }), [4, 4], 9)), Run(p => new Adam([p], new() { LearningRate = 0.05 }), [4, 4], 9, Turned), (a, b) => Math.Abs(a - b) < 1e-3);

        double[] Turned(double[] x) => Matrix.Product(Matrix.Product(u, x, 4), Matrix.Transposed(v, 4, 4), 4);
    }

    [Fact]
    public void A_transposed_matrix_is_trained_as_the_matrix_itself()
    {
        double[] plain = Run(p => new SOAP([p], Fast), [4, 4], steps: 9), transposed = Run(p => new SOAP([p], Fast), [4, 4], steps: 9, x => Matrix.Transposed(x, 4, 4));
        Assert.Equal(Matrix.Transposed(plain, 4, 4), transposed, (a, b) => Math.Abs(a - b) < 1e-11);
    }

    [Fact]
    public void Maximizing_is_minimizing_the_negative() => Assert.Equal(
        Run(p => new SOAP([p], Fast), [4, 6], steps: 9), Run(p => new SOAP([p], Fast with { Maximize = true }), [4, 6], steps: 9, gradient: x => Array.ConvertAll(x, y => -y)));

    [Theory]
    [InlineData(5, 5)]
    [InlineData(3, 8)]
    [InlineData(8, 3)]
    [InlineData(1, 4)]
    [InlineData(4, 2, 3)]
    [InlineData(2, 3, 2, 2)]
    public void Axes_stay_at_right_angles_and_averages_symmetric(params int[] shape)
    {
        int count = shape.Aggregate((a, b) => a * b);
        var w = Parameter.Of("w", Numbers.Tame(count, 1), Array.ConvertAll(shape, n => (long)n));
        using var optimizer = new SOAP([w], Fast);
        for (int i = 0; i < 30; i++)
        {
            w.Gradient = Gradient(count, i);
            optimizer.Step();
            for (int k = 0; k < shape.Length; k++)
            {
                int n = shape[k];
                double[] q = optimizer.StateOf(w)!.TensorList("Q")[k], gg = optimizer.StateOf(w)!.TensorList("GG")[k];
                Assert.Equal(n * n, q.Length);
                Assert.All(Matrix.Product(Matrix.Transposed(q, n, n), q, n).Index(), x => Assert.Equal(x.Index % (n + 1) == 0 ? 1 : 0, x.Item, 1e-13));
                Assert.Equal(Matrix.Transposed(gg, n, n), gg);
            }
        }
    }

    // The sum over all other dimensions, written out for three of them.
    [Fact]
    public void Averages_are_of_each_dimension()
    {
        double[] g = Gradient(24, 5);
        var w = Parameter.Of("w", new double[24], 2, 3, 4);
        w.Gradient = g;
        using var optimizer = new SOAP([w], new() { ShampooBeta = 0 });
        optimizer.Step();
        var gg = optimizer.StateOf(w)!.TensorList("GG");
        for (int k = 0; k < 3; k++)
        {
            int n = k + 2;
            var expected = new double[n * n];
            for (int a = 0; a < 24; a++)
            {
                for (int b = 0; b < 24; b++)
                {
                    int[] i = [a / 12, a / 4 % 3, a % 4], j = [b / 12, b / 4 % 3, b % 4];
                    if (Enumerable.Range(0, 3).All(d => d == k || i[d] == j[d]))
                        expected[i[k] * n + j[k]] += g[a] * g[b];
                }
            }
            Assert.Equal(expected, gg[k], Near);
        }
    }

    // With the same gradient always, the average has the same eigenvectors always: they are found at once, and the power iteration leaves them.
    [Fact]
    public void Along_its_axes_the_average_is_diagonal()
    {
        var w = Parameter.Of("w", Numbers.Tame(30, 1), 5, 6);
        using var optimizer = new SOAP([w], Fast with { PreconditionFrequency = 1 });
        for (int i = 0; i < 6; i++)
        {
            w.Gradient = Gradient(30, 3);
            optimizer.Step();
            double[] q = optimizer.StateOf(w)!.TensorList("Q")[0], gg = optimizer.StateOf(w)!.TensorList("GG")[0];
            double[] diagonal = Matrix.Product(Matrix.Product(Matrix.Transposed(q, 5, 5), gg, 5), q, 5);
            for (int j = 0; j < 25; j++)
            {
                if (j % 6 != 0)
                    Assert.Equal(0, diagonal[j], 1e-12);
                else if (j > 0)
                    Assert.True(diagonal[j] < diagonal[j - 6], "the largest eigenvalue comes first");
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Training_goes_on_with_the_same_bits_whether_axes_were_due_or_not(int at)
    {
        foreach (string extension in new[] { ".pt", ".safetensors" })
        {
            string path = Path.Combine(Path.GetTempPath(), $"soap-{Guid.NewGuid():N}{extension}");
            try
            {
                Parameter<float> a = Matrix(), b = Matrix();
                using SOAP first = new([a], Fast with { PreconditionFrequency = 3 }), second = new([b]);
                Step(first, a, 0, at);
                Checkpoint.Save(path, first.StateDict());
                second.LoadStateDict(Checkpoint.Load(path));
                a.Values.CopyTo(b.Values);
                Step(first, a, at, 10);
                Step(second, b, at, 10);
                Assert.Equal(a.Values.ToArray(), b.Values.ToArray());
                Assert.Equal(first.StateOf(a)!.TensorList("Q"), second.StateOf(b)!.TensorList("Q"));
            }
            finally
            {
                File.Delete(path);
            }
        }

        static Parameter<float> Matrix() => Parameter.Of("w", Array.ConvertAll(Numbers.Tame(20, 1), x => (float)x), 4, 5);

        static void Step(SOAP optimizer, Parameter<float> parameter, int from, int to)
        {
            for (; from < to; from++)
            {
                parameter.Gradient = Array.ConvertAll(Gradient(20, from), x => (float)x);
                optimizer.Step();
            }
        }
    }

    [Theory]
    [InlineData("max_precond_dim", 3)]
    [InlineData("merge_dims", true)]
    public void What_is_turned_is_settled_by_the_first_gradient(string option, object value)
    {
        double[] values = Numbers.Tame(20, 1), before = [.. values];
        var w = Parameter.Of("w", values, 4, 5);
        w.Gradient = Gradient(20, 0);
        using var optimizer = new SOAP([w]);
        optimizer.Step();
        optimizer.ParameterGroups[0][option] = value;
        Assert.StartsWith("State 'GG' of parameter 'w' [4, 5] Float64 has matrices of [4 × 4, 5 × 5], but with the present options it has [", Assert.Throws<InvalidOperationException>(optimizer.Step).Message, StringComparison.Ordinal);
        Assert.Equal(before, values);
        Assert.Equal(0, optimizer.StateOf(w)!.Step);
    }

    [Theory]
    [InlineData("GG", 3, "State 'state.0.GG' has a matrix of 3 rows for dimension 0 of parameter 'w' [4, 5] Float64")]
    [InlineData("Q", 0, "State 'state.0.Q' must have matrices of the sizes that 'GG' has")]
    [InlineData("Q", 6, "State 'state.0.Q' has a matrix of 6 rows for dimension 0 of parameter 'w' [4, 5] Float64")]
    public void Matrices_of_another_size_are_not_loaded(string key, int rows, string message)
    {
        var w = Parameter.Of("w", new double[20], 4, 5);
        w.Gradient = Gradient(20, 0);
        using SOAP optimizer = new([w]), other = new([w]);
        optimizer.Step();
        var saved = optimizer.StateDict();
        var entry = saved.GetDict("state").GetDict(0);
        entry[key] = new[] { rows == 0 ? Array.Empty<object?>() : (object)TensorData.Of<double>(new double[rows * rows], rows, rows), entry.GetList(key)[1] };
        Assert.StartsWith(message, Assert.Throws<StateDictException>(() => other.LoadStateDict(saved)).Message, StringComparison.Ordinal);
        Assert.Null(other.StateOf(w));
    }

    [Fact]
    public void More_dimensions_than_sixteen_and_complex_numbers_are_refused()
    {
        Parameter[] deep = [Parameter.Of("deep", new float[1], [.. Enumerable.Repeat(1L, 17)])], complex = [Parameter.Of("z", new Complex64[1])];
        Assert.StartsWith("SOAP's parameters have at most 16 dimensions, but 'deep'", Assert.Throws<ArgumentException>(() => new SOAP(deep)).Message, StringComparison.Ordinal);
        Assert.StartsWith("SOAP does not take complex parameters", Assert.Throws<ArgumentException>(() => new SOAP(complex)).Message, StringComparison.Ordinal);
    }

    static bool Near(double a, double b) => Math.Abs(a - b) < 1e-13;

    static double[] Gradient(int count, int step) => Numbers.Tame(count, 100 + (ulong)step);

    static double[] Run(Func<Parameter, Optimizer> make, int[] shape, int steps, Func<double[], double[]>? all = null, Func<double[], double[]>? gradient = null)
    {
        int count = shape.Aggregate((a, b) => a * b);
        double[] values = (all ?? (x => x))(Numbers.Tame(count, 1));
        var w = Parameter.Of("w", values, Array.ConvertAll(shape, n => (long)n));
        using var optimizer = make(w);
        for (int i = 0; i < steps; i++)
        {
            w.Gradient = (gradient ?? all ?? (x => x))(Gradient(count, i));
            optimizer.Step();
        }
        return values;
    }

    /// <summary>Turns in the planes of axes 0 and 1, then 1 and 2, then 2 and 3.</summary>
    static double[] Rotation(int n, double angle, double next)
    {
        double[] all = Identity();
        for (int plane = 0; plane + 1 < n; plane++)
        {
            double[] one = Identity();
            double a = angle + plane * next;
            (one[plane * (n + 1)], one[plane * (n + 1) + 1], one[(plane + 1) * n + plane], one[(plane + 1) * (n + 1)]) = (Math.Cos(a), -Math.Sin(a), Math.Sin(a), Math.Cos(a));
            all = Matrix.Product(one, all, n);
        }
        return all;

        double[] Identity() => [.. Enumerable.Range(0, n * n).Select(i => i % (n + 1) == 0 ? 1.0 : 0)];
    }
}
