using OptimSharp.Tests.Options;

namespace OptimSharp.Tests.Optimizers;

/// <summary>Muon's options beyond PyTorch's, and NorMuon: the matrices that a parameter is, laws, and bugs of their authors' code that are not repeated here.</summary>
public class MuonTests
{
    static readonly MuonOptions Some = new() { LearningRate = 0.1, WeightDecay = 0.2 };

    public static TheoryData<bool> Kinds => [false, true];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Filters_are_the_matrix_of_their_rows(bool normalized)
    {
        double[] filters = Start(8 * 2 * 3 * 2), matrix = [.. filters];
        Run(Make(normalized, Some with { Shape = MuonShape.Filters }, Parameter.Of("w", filters, 8, 2, 3, 2)));
        Run(Make(normalized, Some, Parameter.Of("w", matrix, 8, 12)));
        Assert.Equal(matrix, filters);
    }

    // Keller Jordan's code has it from the last two dimensions of a filter, which are the kernel's: 1 here, instead of √(12/3).
    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_ratio_of_filters_is_that_of_their_matrix(bool normalized)
    {
        double[] filters = new double[12 * 3];
        var w = Parameter.Of("w", filters, 12, 3, 1, 1);
        using var optimizer = Make(normalized, new() { LearningRate = 1, WeightDecay = 0, Shape = MuonShape.Filters, SinglePrecision = true, NewtonSchulzSchedule = NewtonSchulzSchedule.PolarExpress8, NewtonSchulzSteps = 20 }, w);
        w.Gradient = Numbers.Tame(36, 3);
        optimizer.Step();
        Assert.Equal(Math.Sqrt(12.0 / 3) * Math.Sqrt(3), Math.Sqrt(filters.Sum(x => x * x)), 1e-4); // three singular values of 1, times the ratio
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_stack_is_its_matrices(bool normalized)
    {
        double[] stack = Start(2 * 3 * 20);
        double[][] each = [.. Enumerable.Range(0, 6).Select(i => stack[(i * 20)..((i + 1) * 20)])];
        Run(Make(normalized, Some with { Shape = MuonShape.Stacks }, Parameter.Of("w", stack, 2, 3, 4, 5)));
        Run(Make(normalized, Some, [.. each.Select((values, i) => Parameter.Of($"w{i}", values, 4, 5))]));
        Assert.Equal(each.SelectMany(x => x), stack);
    }

    [Theory]
    [InlineData(false, MuonShape.Matrices)]
    [InlineData(true, MuonShape.Matrices)]
    [InlineData(false, MuonShape.Filters)]
    [InlineData(true, MuonShape.Filters)]
    [InlineData(false, MuonShape.Stacks)]
    [InlineData(true, MuonShape.Stacks)]
    public void A_fused_parameter_is_its_parts(bool normalized, MuonShape shape)
    {
        const int Columns = 4;
        long[] parts = [7, 2, 3], sizes = shape switch { MuonShape.Matrices => [12, Columns], MuonShape.Filters => [12, 2, 1, 2], _ => [2, 12, Columns] };
        int stack = shape == MuonShape.Stacks ? 2 : 1;
        double[] fused = Start(stack * 12 * Columns);
        var each = new List<double[]>();
        for (int i = 0, first = 0; i < stack * 3; i++)
        {
            int count = (int)parts[i % 3] * Columns;
            each.Add(fused[first..(first + count)]);
            first += count;
        }
        Run(Make(normalized, Some with { Shape = shape, Splits = [7, 2, 3] }, Parameter.Of("w", fused, sizes)));
        Run(Make(normalized, Some, [.. each.Select((values, i) => Parameter.Of($"w{i}", values, values.Length / Columns, Columns))]));
        Assert.Equal(each.SelectMany(x => x), fused);
    }

    // Keller Jordan's code and NorMuon's give it a gradient of zeros: it goes on by its momentum.
    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_parameter_without_a_gradient_does_not_move(bool normalized)
    {
        double[] values = Start(6);
        var w = Parameter.Of("w", values, 2, 3);
        using var optimizer = Make(normalized, Some, w);
        w.Gradient = Numbers.Tame(6, 1);
        optimizer.Step();
        double[] moved = [.. values], buffer = optimizer.StateOf(w)!.Tensor("momentum_buffer");
        w.Gradient = null;
        optimizer.Step();
        Assert.Equal(moved, values);
        Assert.Equal(buffer, optimizer.StateOf(w)!.Tensor("momentum_buffer"));
    }

    // g = R(α)·diag(3, ½)·R(β) with rotations R: the orthogonal matrix nearest to it is R(α + β). The last coefficients of Polar Express have 1 as their fixed point.
    [Theory]
    [InlineData(NewtonSchulzSchedule.PolarExpress8, 20, 1e-5)]
    [InlineData(NewtonSchulzSchedule.PolarExpress5, 5, 0.15)]
    [InlineData(NewtonSchulzSchedule.Quintic, 5, 0.04)]
    public void A_step_is_the_nearest_orthogonal_matrix(NewtonSchulzSchedule schedule, int iterations, double tolerance)
    {
        const double Alpha = 0.4, Beta = 1.1;
        var (sa, ca) = Math.SinCos(Alpha);
        var (sb, cb) = Math.SinCos(Beta);
        double[] values = new double[4];
        var w = Parameter.Of("w", values, 2, 2);
        w.Gradient = new double[] { 3 * ca * cb - 0.5 * sa * sb, -3 * ca * sb - 0.5 * sa * cb, 3 * sa * cb + 0.5 * ca * sb, -3 * sa * sb + 0.5 * ca * cb };
        using var optimizer = new Muon([w], new() { LearningRate = 1, WeightDecay = 0, Nesterov = false, Momentum = 0, NewtonSchulzSchedule = schedule, NewtonSchulzSteps = iterations, SinglePrecision = true });
        optimizer.Step();
        var (sine, cosine) = Math.SinCos(Alpha + Beta);
        foreach (var (expected, actual) in new[] { -cosine, sine, -sine, -cosine }.Zip(values))
            Assert.Equal(expected, actual, tolerance);
    }

    [Fact]
    public void In_single_precision_it_is_the_formula_and_in_bfloat16_it_is_near()
    {
        double[] g = Numbers.Tame(6, 9), expected = Iterated(g), single = Step(true), rounded = Step(false);
        for (int i = 0; i < 6; i++)
        {
            Assert.Equal(expected[i], single[i], 1e-5);
            Assert.Equal(expected[i], rounded[i], 0.05);
        }
        Assert.NotEqual(single[0], rounded[0], 1e-5);

        double[] Step(bool inSingle)
        {
            double[] values = new double[6];
            var w = Parameter.Of("w", values, 2, 3);
            w.Gradient = g;
            using var optimizer = new Muon([w], new() { LearningRate = 1, WeightDecay = 0, SinglePrecision = inSingle });
            optimizer.Step();
            return Array.ConvertAll(values, x => -x);
        }

        static double[] Iterated(double[] x)
        {
            double norm = Math.Sqrt(x.Sum(v => v * v));
            x = Array.ConvertAll(x, v => v / norm);
            for (int k = 0; k < 5; k++)
            {
                double p = Row(x, 0, 0), q = Row(x, 0, 1), r = Row(x, 1, 1);   // A = [p q; q r]
                double b = -4.775, c = 2.0315;
                double b0 = b * p + c * (p * p + q * q), b1 = b * q + c * (p * q + q * r), b2 = b * r + c * (q * q + r * r);
                x = [.. Enumerable.Range(0, 6).Select(i => 3.4445 * x[i] + (i < 3 ? b0 * x[i] + b1 * x[i + 3] : b1 * x[i - 3] + b2 * x[i]))];
            }
            return x;
        }

        static double Row(double[] x, int i, int j) => Enumerable.Range(0, 3).Sum(k => x[3 * i + k] * x[3 * j + k]);
    }

    [Fact]
    public void Rows_of_NorMuons_first_step_are_of_one_length()
    {
        double[] values = new double[15], unscaled = new double[15], g = [.. Numbers.Tame(15, 4).Select((x, i) => i < 5 ? x / 100 : x)];
        Parameter<double> w = Parameter.Of("w", values, 3, 5), v = Parameter.Of("v", unscaled, 3, 5);
        w.Gradient = v.Gradient = g;
        using var optimizer = new NorMuon([w], new() { LearningRate = 1, NewtonSchulzSteps = 1 }); // one iteration leaves the first row short
        using var plain = new Muon([v], new() { LearningRate = 1, WeightDecay = 0, NewtonSchulzSteps = 1 });
        optimizer.Step();
        plain.Step();
        double[] lengths = [.. values.Chunk(5).Select(row => Math.Sqrt(row.Sum(x => x * x)))];
        double all = Math.Sqrt(unscaled.Sum(x => x * x));
        Assert.All(lengths, length => Assert.Equal(all / Math.Sqrt(3), length, 1e-6));
    }

    // Then the average stays 0: each row is divided by the same number, which the length takes back.
    [Fact]
    public void NorMuon_that_remembers_no_squares_is_Muon()
    {
        double[] a = Start(35), b = [.. a];
        Run(new NorMuon([Parameter.Of("a", a, 5, 7)], new() { LearningRate = 0.1, WeightDecay = 0.2, Beta2 = 1 }));
        Run(new Muon([Parameter.Of("b", b, 5, 7)], Some));
        Assert.All(a.Zip(b), pair => Assert.Equal(pair.Second, pair.First, 1e-9));
    }

    [Fact]
    public void NorMuons_averages_are_of_rows_matrices_rows_or_filters()
    {
        Parameter[] all = [Parameter.Of("matrix", new float[6], 2, 3), Parameter.Of("stack", new float[24], 4, 2, 3), Parameter.Of("filters", new float[24], 4, 2, 3)];
        using var optimizer = new NorMuon([new([all[0]]), new([all[1]], o => o with { Shape = MuonShape.Stacks }), new([all[2]], o => o with { Shape = MuonShape.Filters })]);
        foreach (var p in all.Cast<Parameter<float>>())
            p.Gradient = Array.ConvertAll(Numbers.Tame(p.Values.Length, 2), x => (float)x);
        optimizer.Step();
        var state = optimizer.StateDict();
        Assert.Equal([2, 1], state.GetDict("state").GetDict(0).GetTensor("second_momentum_buffer").Shape.ToArray());
        Assert.Equal([4, 2, 1], state.GetDict("state").GetDict(1).GetTensor("second_momentum_buffer").Shape.ToArray());
        Assert.Equal([4, 1, 1], state.GetDict("state").GetDict(2).GetTensor("second_momentum_filters").Shape.ToArray());
        optimizer.LoadStateDict(state);
        Assert.Equal(state.ToString(), optimizer.StateDict().ToString());
    }

    [Fact]
    public void A_state_has_PyTorchs_options_alone_until_others_are_used()
    {
        var w = Parameter.Of("w", new float[4], 2, 2);
        using var plain = new Muon([w]);
        var group = plain.StateDict().GetDicts("param_groups")[0];
        Assert.Equal(PyTorchOptions.Of["Muon"].Concat(["params", "param_names"]).Order(StringComparer.Ordinal), group.Keys.Select(k => k.Name!).Order(StringComparer.Ordinal));

        using var other = new Muon([w], new() { Shape = MuonShape.Filters, Splits = [1, 1], SinglePrecision = true, NewtonSchulzSchedule = NewtonSchulzSchedule.Quintic });
        var state = other.StateDict();
        group = state.GetDicts("param_groups")[0];
        Assert.Equal("filters", group["matrix_shape"]);
        Assert.Equal("quintic", group["ns_schedule"]);
        Assert.Equal(true, group["ns_float32"]);
        Assert.Equal([1L, 1L], group.GetList("split_sizes"));
        plain.LoadStateDict(state);
        Assert.Equal(other.ParameterGroups[0].Options, plain.ParameterGroups[0].Options);
        Assert.NotSame(other.ParameterGroups[0].Options.Splits, plain.ParameterGroups[0].Options.Splits);

        using var standard = new Muon([w]);
        plain.LoadStateDict(standard.StateDict()); // without them they are as by default
        Assert.Equal(new MuonOptions(), plain.ParameterGroups[0].Options);
    }

    // Its groups have nothing but these.
    [Fact]
    public void A_state_of_Keller_Jordans_code_loads()
    {
        var w = Parameter.Of("w", new float[4], 2, 2);
        using var optimizer = new Muon([w]);
        optimizer.LoadStateDict(new()
        {
            { "state", new StateDict { { 0, new StateDict { { "momentum_buffer", TensorData.Of(new float[] { 1, 2, 3, 4 }, 2, 2) } } } } },
            { "param_groups", new[] { new StateDict { { "lr", 0.02 }, { "weight_decay", 0.0 }, { "momentum", 0.9 }, { "params", new long[] { 0 } } } } },
        });
        Assert.Equal(new MuonOptions { LearningRate = 0.02, WeightDecay = 0, Momentum = 0.9 }, optimizer.ParameterGroups[0].Options);
        Assert.Equal([1, 2, 3, 4], optimizer.StateOf(w)!.Tensor("momentum_buffer"));
    }

    [Fact]
    public void Options_that_do_not_fit_the_parameters_are_refused_wherever_they_come_from()
    {
        double[] values = Start(16);
        var w = Parameter.Of("w", values, 2, 2, 4);
        using var optimizer = new Muon([w], new() { Shape = MuonShape.Stacks, Splits = [1, 1] });
        Starts("Splits, [1, 2], add up to 3, but 'w' [2, 2, 4] Float64 has 2 rows.", () => new Muon([w], new() { Shape = MuonShape.Stacks, Splits = [1, 2] }));
        Starts("Splits, [3], add up to 3, but 'v' [2, 2] Float32 has 2 rows.", () => { optimizer.AddParameterGroup(new([Parameter.Of("v", new float[4], 2, 2)], o => o with { Splits = [3] })); return null; });
        Assert.Single(optimizer.ParameterGroups);
        Starts("NorMuon's parameters must be matrices, but 'w' [2, 2, 4] Float64 is not. Shape (MuonShape.Filters, MuonShape.Stacks) says which matrices it is;", () => new NorMuon([w]));

        w.Gradient = Numbers.Tame(16, 1);
        optimizer.Step();
        double[] before = [.. values];
        optimizer.ParameterGroups[0].Options = optimizer.ParameterGroups[0].Options with { Splits = [], Shape = MuonShape.Matrices };
        Starts("Muon's parameters must be matrices, but 'w'", () => { optimizer.Step(); return null; });
        Assert.Equal(before, values);
        optimizer.ParameterGroups[0].Options = optimizer.ParameterGroups[0].Options with { Shape = MuonShape.Stacks };

        using var matrix = new Muon([Parameter.Of("w", new double[16], 4, 4)]);
        var state = matrix.StateDict();
        var error = Assert.Throws<StateDictException>(() => optimizer.LoadStateDict(state));
        Assert.Contains("param_groups[0]", error.Message, StringComparison.Ordinal);
        Assert.Contains("Muon's parameters must be matrices, but 'w'", error.Message, StringComparison.Ordinal);
        Assert.Equal(MuonShape.Stacks, optimizer.ParameterGroups[0].Options.Shape);
        optimizer.LoadStateDict(state, new() { Keep = ["matrix_shape"] });
        Assert.Equal(MuonShape.Stacks, optimizer.ParameterGroups[0].Options.Shape);

        static void Starts(string message, Func<object?> action) => Assert.StartsWith(message, Assert.Throws<ArgumentException>(action).Message, StringComparison.Ordinal);
    }

    static double[] Start(int count) => Numbers.Tame(count, 77);

    static Optimizer Make(bool normalized, MuonOptions options, params Parameter[] parameters) => !normalized ? new Muon(parameters, options) : new NorMuon(parameters, new()
    {
        LearningRate = options.LearningRate,
        WeightDecay = options.WeightDecay,
        Shape = options.Shape,
        Splits = options.Splits,
        SinglePrecision = options.SinglePrecision,
        NewtonSchulzSchedule = options.NewtonSchulzSchedule,
        NewtonSchulzSteps = options.NewtonSchulzSteps,
        Beta2 = 0.5,
    });

    /// <summary>Some steps. Gradients are one stream of numbers over all parameters: where these are parts of one, they have the same.</summary>
    static void Run(Optimizer optimizer)
    {
        using var disposed = optimizer;
        Parameter<double>[] parameters = [.. optimizer.ParameterGroups.SelectMany(g => g.Parameters).Cast<Parameter<double>>()];
        for (int step = 0; step < 4; step++)
        {
            double[] all = Numbers.Tame(parameters.Sum(p => p.Values.Length), (ulong)step);
            int first = 0;
            foreach (var p in parameters)
            {
                p.Gradient = all.AsMemory(first, p.Values.Length);
                first += p.Values.Length;
            }
            optimizer.Step();
        }
    }
}
