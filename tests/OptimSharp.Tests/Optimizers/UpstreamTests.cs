using System.Numerics;
using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Schedulers;
using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.Optimizers;

/// <summary>PyTorch's own tests of its optimizers, by intent. Their names are in the comments.</summary>
public class UpstreamTests
{
    // test_forloop_goes_right_direction, test_sgd, test_adam, test_lbfgs and their like: the loss (Wx + b)² falls, or rises when maximized.
    [Theory]
    [MemberData(nameof(Rows.Optimizers), MemberType = typeof(Rows))]
    public void The_loss_goes_in_the_right_direction(string optimizer)
    {
        var driver = OptimizerDriver.For(optimizer);
        foreach (bool maximize in new[] { false, true })
        {
            if (maximize && driver.Options.All(o => o.Key != "maximize"))
                continue;
            var problem = new Linear(driver.Type);
            using var made = driver.Create(problem.Parameters, [.. Rate(optimizer), .. maximize ? [new("maximize", true)] : Array.Empty<KeyValuePair<string, object?>>()]);
            double first = problem.Backward();
            for (int i = 0; i < 20; i++)
                problem.Step(made);
            double last = problem.Backward();
            Assert.True(maximize ? last > first : last < first, $"{optimizer}, maximize {maximize}: {first} to {last}");
        }
    }

    /// <summary>LARS's default rate is for steps that are adapted, and without decay it is SGD. DAdaptAdam looks for the rate for so few steps too far.</summary>
    static KeyValuePair<string, object?>[] Rate(string optimizer) => optimizer switch { "LARS" => [new("lr", 0.01)], "DAdaptAdam" => [new("lr", 0.1)], _ => [] };

    /// <summary>Whether all groups have one rate, or 0.</summary>
    static bool HasOneRate(string optimizer) => optimizer is "Prodigy" or "DAdaptAdam";

    // test_param_group_with_lrscheduler_goes_right_direction: two groups, one with a rate of its own, and a scheduler.
    [Theory]
    [MemberData(nameof(Rows.Steppable), MemberType = typeof(Rows))]
    public void So_it_does_with_two_groups_and_a_scheduler(string optimizer)
    {
        var driver = OptimizerDriver.For(optimizer);
        var problem = new Linear(driver.Type);
        var groups = problem.Parameters.Select((p, i) => ((IReadOnlyList<Parameter>)[p], i == 0 || HasOneRate(optimizer) ? Array.Empty<KeyValuePair<string, object?>>() : [new("lr", 0.01)]));
        using var made = driver.Create(groups, HasOneRate(optimizer) ? Rate(optimizer) : []);
        var scheduler = new StepLR(made, stepSize: 10, gamma: 0.9);
        double first = problem.Backward();
        for (int i = 0; i < 20; i++)
        {
            problem.Step(made);
            scheduler.Step();
        }
        Assert.True(problem.Backward() < first);
    }

    // test_rosenbrock_sparse, test_sgd_sparse, test_adagrad_sparse: sparse gradients, uncoalesced, go the way of dense ones and get nearer.
    [Theory]
    [InlineData("SGD", 0.0048)]
    [InlineData("Adagrad", 0.1)]
    [InlineData("SparseAdam", 0.04)]
    public void Rosenbrock_with_sparse_gradients(string optimizer, double lr)
    {
        double[] start = [1.5, 1.5], a = [.. start], b = [.. start];
        Parameter<double> sparse = Parameter.Of("sparse", a), dense = Parameter.Of("dense", b);
        using var made = OptimizerDriver.For(optimizer).Create([sparse], [new("lr", lr)]);
        using var reference = optimizer == "SparseAdam" ? null : OptimizerDriver.For(optimizer).Create([dense], [new("lr", lr)]);
        for (int i = 0; i < 1800; i++)
        {
            int coordinate = i % 2;
            double g = Objective.Rosenbrock.At(a).Gradient[coordinate];
            // In three parts that sum to it, as an uncoalesced tensor has them.
            sparse.SparseGradient = new((long[])[coordinate, coordinate, coordinate], (double[])[g * 0.25, g * 0.5, g * 0.25]);
            made.Step();
            double[] full = new double[2];
            full[coordinate] = Objective.Rosenbrock.At(b).Gradient[coordinate];
            dense.Gradient = full;
            reference?.Step();
        }
        if (reference is not null)
            Assert.All(a.Zip(b), p => Assert.Equal(p.First, p.Second, 5e-6));
        Assert.True(Distance(a) < Distance(start), $"({a[0]}, {a[1]})");

        static double Distance(double[] x) => Math.Sqrt((x[0] - 1) * (x[0] - 1) + (x[1] - 1) * (x[1] - 1));
    }

    // test_complex: a complex parameter is stepped as its pairs of reals, bitwise.
    [Theory]
    [MemberData(nameof(Rows.ElementwiseByType), MemberType = typeof(Rows))]
    public void Complex_parameters_are_pairs_of_reals(string optimizer, ElementType type)
    {
        if (type is not (ElementType.Complex64 or ElementType.Complex128))
            return;
        var driver = OptimizerDriver.For(optimizer);
        foreach (var options in OptimizerSamples.OptionSets(driver.Type))
        {
            double[] values = Numbers.Tame(26, 1);
            var pairs = new Complex[13];
            var singles = new Complex64[13];
            var reals = (double[])values.Clone();
            var halves = Array.ConvertAll(values, x => (float)x);
            for (int i = 0; i < 13; i++)
                (pairs[i], singles[i]) = (new(values[2 * i], values[2 * i + 1]), new((float)values[2 * i], (float)values[2 * i + 1]));
            Parameter<Complex> p = Parameter.Of("p", pairs);
            Parameter<Complex64> s = Parameter.Of("s", singles);
            Parameter<double> r = Parameter.Of("r", reals);
            Parameter<float> f = Parameter.Of("f", halves);
            using var complex = driver.Create([p, s], options);
            using var real = driver.Create([r, f], options);
            for (int step = 0; step < 5; step++)
            {
                double[] g = Numbers.Tame(26, (ulong)step + 5);
                r.Gradient = g;
                f.Gradient = Array.ConvertAll(g, x => (float)x);
                p.Gradient = g.Chunk(2).Select(x => new Complex(x[0], x[1])).ToArray();
                s.Gradient = g.Chunk(2).Select(x => new Complex64((float)x[0], (float)x[1])).ToArray();
                complex.Step();
                real.Step();
            }
            Assert.Equal(reals, pairs.SelectMany(x => new[] { x.Real, x.Imaginary }));
            Assert.Equal(halves, singles.SelectMany(x => new[] { x.Real, x.Imaginary }));
            foreach (string key in real.StateOf(r)?.TensorKeys ?? [])
                Assert.Equal(real.StateOf(r)!.Tensor(key), complex.StateOf(p)!.Tensor(key));
        }
    }

    // test_complex_2d, for LBFGS: a complex point and its parts apart lead the closure through the same values.
    [Theory]
    [InlineData(LineSearch.None)]
    [InlineData(LineSearch.StrongWolfe)]
    public void Complex_2d_under_LBFGS(LineSearch search)
    {
        var point = new Complex[] { new(1.5, 1.5) };
        double[] re = [1.5], im = [1.5];
        Parameter<Complex> complex = Parameter.Of("z", point);
        Parameter<double> x = Parameter.Of("x", re), y = Parameter.Of("y", im);
        LBFGSOptions options = new() { LineSearch = search, LearningRate = search == LineSearch.None ? 1e-3 : 1 };
        using var one = new LBFGS([complex], options);
        using var two = new LBFGS([x, y], options);
        List<double> first = [], second = [];
        for (int i = 0; i < 3; i++)
        {
            one.Step(() =>
            {
                var (value, g) = Objective.Rosenbrock.At([point[0].Real, point[0].Imaginary]);
                complex.Gradient = new Complex[] { new(g[0], g[1]) };
                first.Add(value);
                return value;
            });
            two.Step(() =>
            {
                var (value, g) = Objective.Rosenbrock.At([re[0], im[0]]);
                x.Gradient = g.AsMemory(0, 1);
                y.Gradient = g.AsMemory(1, 1);
                second.Add(value);
                return value;
            });
        }
        Assert.Equal(second, first);
        Assert.Equal((re[0], im[0]), (point[0].Real, point[0].Imaginary));
    }

    // test_param_groups_lr: a group whose rate is next to nothing stays where it is, the other moves.
    [Theory]
    [MemberData(nameof(Rows.Steppable), MemberType = typeof(Rows))]
    public void A_group_with_a_tiny_rate_stays_put(string optimizer)
    {
        var type = OptimizerDriver.For(optimizer).Type;
        float[] still = [1, 2, 3], moving = [1, 2, 3];
        Parameter<float> a = Parameter.Of("still", still, OptimizerSamples.ShapeOf(type, 3, 0)), b = Parameter.Of("moving", moving, OptimizerSamples.ShapeOf(type, 3, 0));
        KeyValuePair<string, object?>[] tiny = optimizer == "Rprop" ? [new("lr", 0), new("step_sizes", new double[] { 0, 50 })] : [new("lr", HasOneRate(optimizer) ? 0 : 1e-28)];
        using var made = OptimizerDriver.For(optimizer).Create([([a], tiny), ([b], [])], optimizer switch { "ASGD" => [new("lambd", 0)], "RAdamScheduleFree" => [new("silent_sgd_phase", false)], _ => Array.Empty<KeyValuePair<string, object?>>() });
        for (int i = 0; i < 3; i++)
        {
            a.Gradient = new float[] { 1, -1, 0.5f };
            b.Gradient = new float[] { 1, -1, 0.5f };
            made.Step();
        }
        Assert.Equal([1, 2, 3], still);
        Assert.NotEqual([1, 2, 3], moving);
    }

    // test_param_groups_weight_decay: decay for the matrix, none for the bias.
    [Theory]
    [MemberData(nameof(Rows.SteppableWith), "weight_decay", MemberType = typeof(Rows))]
    public void Weight_decay_by_group(string optimizer)
    {
        var driver = OptimizerDriver.For(optimizer);
        var problem = new Linear(driver.Type);
        var groups = problem.Parameters.Select((p, i) => ((IReadOnlyList<Parameter>)[p], (KeyValuePair<string, object?>[])[new("weight_decay", i == 0 ? 0.1 : 0)]));
        using var made = driver.Create(groups, Rate(optimizer));
        double first = problem.Backward();
        for (int i = 0; i < 20; i++)
            problem.Step(made);
        Assert.True(problem.Backward() < first);
    }

    // test_step_is_noop_when_params_have_no_grad, test_no_grad_for_all_params
    [Theory]
    [MemberData(nameof(Rows.Optimizers), MemberType = typeof(Rows))]
    public void Without_gradients_a_step_changes_nothing(string optimizer)
    {
        float[] values = [1, 2, 3, 4];
        var parameter = Parameter.Of("w", values, 2, 2);
        using var made = OptimizerDriver.For(optimizer).Create([parameter], []);
        Assert.Equal(7, made.Step(() => 7));
        Assert.Equal([1, 2, 3, 4], values);
        Assert.Equal(0, made.StateOf(parameter)?.Step ?? 0);
    }

    // test_step_is_noop_for_zero_grads: but for decay, which zero gradients do not stop.
    [Theory]
    [MemberData(nameof(Rows.Optimizers), MemberType = typeof(Rows))]
    public void With_gradients_of_zeros_nothing_moves_without_decay(string optimizer)
    {
        float[] values = [1, 2, 3, 4];
        var parameter = Parameter.Of("w", values, 2, 2);
        var driver = OptimizerDriver.For(optimizer);
        var decays = driver.Options.Where(o => o.Key is "weight_decay" or "lambd").Select(o => KeyValuePair.Create<string, object?>(o.Key, 0));
        using var made = driver.Create([parameter], decays);
        for (int i = 0; i < 7; i++)
        {
            if (!OptimizerSamples.TakesDenseGradients(driver.Type))
                parameter.SparseGradient = new(default, default); // an empty one, #82486
            else
                parameter.Gradient = new float[4];
            made.Step(() => 1);
        }
        Assert.Equal([1, 2, 3, 4], values);
    }

    // test_non_empty_state: whoever remembers something, shows it. (Plain SGD has nothing to remember, nor has LARS.)
    [Theory]
    [MemberData(nameof(Rows.Steppable), MemberType = typeof(Rows))]
    public void Every_parameter_that_was_stepped_has_state(string optimizer)
    {
        var parameter = Parameter.Of("w", new float[4], 2, 2);
        using var made = OptimizerDriver.For(optimizer).Create([parameter], optimizer is "SGD" or "LARS" ? [new("momentum", 0.9)] : []);
        parameter.UseGradient().Fill(1);
        made.Step();
        Assert.NotNull(made.StateOf(parameter));
    }

    // test_optimizer_can_be_printed
    [Theory]
    [MemberData(nameof(Rows.Optimizers), MemberType = typeof(Rows))]
    public void An_optimizer_prints_its_options_by_torch_names_in_order(string optimizer)
    {
        using var made = OptimizerDriver.For(optimizer).Create([Parameter.Of("w", new float[4], 2, 2)], []);
        string text = made.ToString();
        Assert.StartsWith($"{optimizer} (\nParameter Group 0\n", text, StringComparison.Ordinal);
        var keys = text.Split('\n').Where(l => l.StartsWith("    ", StringComparison.Ordinal)).Select(l => l.Trim().Split(':')[0]).ToArray();
        Assert.Contains("lr", keys);
        Assert.Equal(keys.Order(StringComparer.Ordinal), keys);
    }

    // Not a test of PyTorch's, but what Python's max(limit, nan) makes of it: the limit.
    [Theory]
    [InlineData(double.NaN, 1, 0.9)]  // 1 − 0.1 · 2/√4: the root mean square of the update is NaN and does not count
    [InlineData(1, double.NaN, 1 - 1e-4)] // that of the parameter is: ε₂ = 0.001 takes its place
    public void An_element_that_is_NaN_leaves_the_others_of_Adafactors_tensor(double gradient, double value, double expected)
    {
        var parameter = Parameter.Of("w", new double[] { value, 1 });
        parameter.Gradient = new double[] { gradient, 2 };
        using var optimizer = new Adafactor([parameter], new() { LearningRate = 0.1 });
        optimizer.Step();
        Assert.Equal(double.NaN, parameter.Values.Span[0]);
        Assert.Equal(expected, parameter.Values.Span[1], 1e-15);
    }

    // test_second_order_optims_return_consistent_types (#7586), test_lbfgs_return_type
    [Fact]
    public void LBFGS_returns_what_the_closure_returned_also_when_it_stops_at_once()
    {
        var parameter = Parameter.Of("w", new double[] { 3 });
        using var optimizer = new LBFGS([parameter]);
        float moving = optimizer.Step(() => { parameter.Gradient = parameter.Values.ToArray(); return 4.5f; });
        float still = optimizer.Step(() => { parameter.Gradient = new double[1]; return 0.25f; });
        Assert.Equal((4.5f, 0.25f), (moving, still));
    }

    /// <summary>The loss |Wx + b|² of PyTorch's tests.</summary>
    sealed class Linear
    {
        readonly float[] weight, bias;
        readonly double[] input = Numbers.Tame(5, 3);
        readonly Parameter<float> w, b;

        public Linear(Type optimizer)
        {
            weight = Array.ConvertAll(Numbers.Tame(50, 1), x => (float)x);
            bias = Array.ConvertAll(Numbers.Tame(10, 2), x => (float)x);
            w = Parameter.Of("weight", weight, 10, 5);
            b = Parameter.Of("bias", bias);
            Parameters = OptimizerSamples.TakesVectors(optimizer) ? [w, b] : [w];
        }

        public Parameter[] Parameters { get; }

        public double Backward()
        {
            double loss = 0;
            float[] gw = new float[50], gb = new float[10];
            for (int i = 0; i < 10; i++)
            {
                double y = bias[i] + Enumerable.Range(0, 5).Sum(j => weight[i * 5 + j] * input[j]);
                loss += y * y;
                gb[i] = (float)(2 * y);
                for (int j = 0; j < 5; j++)
                    gw[i * 5 + j] = (float)(2 * y * input[j]);
            }
            w.Gradient = gw;
            b.Gradient = gb;
            return loss;
        }

        public void Step(Optimizer optimizer)
        {
            if (!OptimizerSamples.TakesDenseGradients(optimizer.GetType()))
            {
                Backward();
                w.SparseGradient = new(Enumerable.Range(0, 10).Select(i => (long)i).ToArray(), w.Gradient!.Value);
                b.SparseGradient = new(Enumerable.Range(0, 10).Select(i => (long)i).ToArray(), b.Gradient!.Value);
                optimizer.Step();
            }
            else
            {
                optimizer.Step(Backward);
            }
        }
    }
}
