using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Schedulers;
using OptimSharp.Tests.Support;

namespace OptimSharp.Tests;

/// <summary>
/// PyTorch's own tests of all optimizers (TestOptimRenewed), by intent: the upstream name is above each. Those of hooks,
/// groups and options are with <see cref="HookTests"/>, <see cref="ParameterGroupTests"/> and <see cref="Options.OptionTests"/>.
/// </summary>
public class UpstreamTests
{
    // test_forloop_goes_right_direction
    [Theory]
    [MemberData(nameof(Rows.Optimizers), MemberType = typeof(Rows))]
    public void Goes_in_the_right_direction(string optimizer)
    {
        foreach (bool withSchedule in new[] { false, true })
        {
            var problem = new LeastSquares();
            using var made = OptimizerDriver.For(optimizer).Create(Of(problem, optimizer), []);
            var schedule = withSchedule ? new StepLR(made, stepSize: 10, gamma: 0.9) : null;
            double before = problem.Loss(), after = Run(made, problem, optimizer, schedule);
            Assert.True(after < before, $"{optimizer}: the loss went from {before} to {after}.");
        }
    }

    // test_forloop_goes_right_direction, with maximize
    [Theory]
    [MemberData(nameof(Rows.Maximizing), MemberType = typeof(Rows))]
    public void Goes_the_other_way_to_maximize(string optimizer)
    {
        var driver = OptimizerDriver.For(optimizer);
        var problem = new LeastSquares();
        using var made = driver.Create(Of(problem, optimizer), [new("maximize", true), new("lr", 1e-3)]);
        double before = problem.Loss(), after = Run(made, problem, optimizer);
        Assert.True(after > before, $"{optimizer}: the loss went from {before} to {after}.");
    }

    // test_param_group_with_lrscheduler_goes_right_direction
    [Theory]
    [MemberData(nameof(Rows.Grouping), MemberType = typeof(Rows))]
    public void Groups_with_rates_of_their_own_go_in_the_right_direction(string optimizer)
    {
        var problem = new LeastSquares();
        using var made = OptimizerDriver.For(optimizer).Create([([problem.Weight], []), ([problem.Bias], [new("lr", 0.01)])], []);
        double before = problem.Loss(), after = Run(made, problem, optimizer, new StepLR(made, stepSize: 10, gamma: 0.9));
        Assert.True(after < before, $"{optimizer}: the loss went from {before} to {after}.");
    }

    // test_param_groups_lr: rates that are next to nothing leave a parameter where it is. (Rprop does not use its rate after
    // the first step: its smallest step is what holds it, and it moves by the least that etas allow.)
    [Theory]
    [MemberData(nameof(Rows.Grouping), MemberType = typeof(Rows))]
    public void A_group_without_rate_stays_where_it_is_and_another_moves(string optimizer)
    {
        var problem = new LeastSquares();
        KeyValuePair<string, object?>[] still = optimizer == "Rprop" ? [new("lr", 1e-28), new("step_sizes", new object[] { 0.0, 1e-28 })] : [new("lr", 1e-28)];
        using var made = OptimizerDriver.For(optimizer).Create([([problem.Bias], still), ([problem.Weight], [])], [new("lr", 0.01)]);
        double[] bias = problem.Bias.Values.ToArray(), weight = problem.Weight.Values.ToArray();
        Run(made, problem, optimizer);
        Assert.All(bias.Zip(problem.Bias.Values.ToArray()), p => Assert.Equal(p.First, p.Second, 1e-15));
        Assert.All(weight.Zip(problem.Weight.Values.ToArray()), p => Assert.NotEqual(p.First, p.Second, 1e-6));
    }

    // test_param_groups_weight_decay
    [Theory]
    [MemberData(nameof(Rows.Decaying), MemberType = typeof(Rows))]
    public void A_group_without_weight_decay_goes_in_the_right_direction_too(string optimizer)
    {
        var driver = OptimizerDriver.For(optimizer);
        var problem = new LeastSquares();
        using var made = driver.Create([([problem.Weight], [new("weight_decay", 0.1)]), ([problem.Bias], [])], [new("weight_decay", 0.0)]);
        double before = problem.Loss(), after = Run(made, problem, optimizer);
        Assert.True(after < before, $"{optimizer}: the loss went from {before} to {after}.");
    }

    // test_step_is_noop_when_params_have_no_grad, test_no_grad_for_all_params
    [Theory]
    [MemberData(nameof(Rows.Optimizers), MemberType = typeof(Rows))]
    public void Without_gradients_a_step_does_nothing(string optimizer)
    {
        var problem = new LeastSquares();
        using var made = OptimizerDriver.For(optimizer).Create(Of(problem, optimizer), []);
        double[] weight = problem.Weight.Values.ToArray(), bias = problem.Bias.Values.ToArray();
        Assert.Equal(1, made.Step(() => 1));
        Assert.Equal(weight, problem.Weight.Values.ToArray());
        Assert.Equal(bias, problem.Bias.Values.ToArray());
        if (optimizer != "LBFGS") // which counts evaluations
            Assert.Null(made.StateOf(problem.Weight));
    }

    // test_step_is_noop_for_zero_grads
    [Theory]
    [MemberData(nameof(Rows.Optimizers), MemberType = typeof(Rows))]
    public void With_zero_gradients_and_no_decay_a_step_moves_nothing(string optimizer)
    {
        var driver = OptimizerDriver.For(optimizer);
        KeyValuePair<string, object?>[] noDecay = [.. driver.Options.Where(o => o.Key is "weight_decay" or "lambd").Select(o => new KeyValuePair<string, object?>(o.Key, 0.0))];
        var problem = new LeastSquares();
        using var made = driver.Create(Of(problem, optimizer), noDecay);
        double[] weight = problem.Weight.Values.ToArray();
        made.Step(() =>
        {
            if (optimizer == "SparseAdam")
                (problem.Weight.SparseGradient, problem.Bias.SparseGradient) = (new(default, default), new(default, default));
            else
                (problem.Weight.Gradient, problem.Bias.Gradient) = (new double[50], new double[10]);
            return 1;
        });
        Assert.Equal(weight, problem.Weight.Values.ToArray());
    }

    // test_optimizer_can_be_printed
    [Theory]
    [MemberData(nameof(Rows.Optimizers), MemberType = typeof(Rows))]
    public void Can_be_printed(string optimizer)
    {
        using var made = OptimizerDriver.For(optimizer).Create([Parameter.Of("w", new float[4], 2, 2)], []);
        string text = made.ToString()!;
        Assert.StartsWith($"{optimizer} (\nParameter Group 0\n", text, StringComparison.Ordinal);
        Assert.All(Options.PyTorchOptions.Of[optimizer], key => Assert.Contains($"\n    {key}: ", text, StringComparison.Ordinal));
    }

    // test_non_empty_state
    [Theory]
    [MemberData(nameof(Rows.Optimizers), MemberType = typeof(Rows))]
    public void Every_parameter_that_was_stepped_has_state(string optimizer)
    {
        var problem = new LeastSquares();
        KeyValuePair<string, object?>[] options = optimizer == "SGD" ? [new("momentum", 0.9)] : [];
        using var made = OptimizerDriver.For(optimizer).Create(Of(problem, optimizer), options);
        Run(made, problem, optimizer);
        foreach (var parameter in optimizer == "LBFGS" ? [problem.Weight] : Of(problem, optimizer))
            Assert.False(made.StateOf(parameter)!.IsEmpty);
    }

    // test_rosenbrock_sparse: a sparse gradient gives what the same one with zeros gives.
    [Theory]
    [InlineData("SGD")]
    [InlineData("Adagrad")]
    public void A_sparse_gradient_gives_what_a_dense_one_gives(string optimizer)
    {
        var driver = OptimizerDriver.For(optimizer);
        foreach (var options in OptimizerSamples.SparseOptionSets(driver.Type))
        {
            var (sparse, dense) = (Parameter.Of("sparse", Numbers.Tame(21, 1), 7, 3), Parameter.Of("dense", Numbers.Tame(21, 1), 7, 3));
            using Optimizer first = driver.Create([sparse], options), second = driver.Create([dense], options);
            for (int step = 0; step < 8; step++)
            {
                long[] indices = [(step + 3) % 7, step % 7, (step + 3) % 7, 0];
                double[] rows = Numbers.Tame(12, 50 + (ulong)step), full = new double[21];
                for (int i = 0; i < 12; i++)
                    full[indices[i / 3] * 3 + i % 3] += rows[i];
                sparse.SparseGradient = new(indices, rows);
                dense.Gradient = full;
                first.Step();
                second.Step();
                Assert.Equal(dense.Values.ToArray(), sparse.Values.ToArray());
            }
        }
    }

    // test_complex, test_complex_2d: a complex parameter is a parameter of pairs of reals, to the bit.
    [Theory]
    [MemberData(nameof(Rows.Complex), MemberType = typeof(Rows))]
    public void Complex_parameters_are_pairs_of_reals(string optimizer)
    {
        var kind = OptimizerDriver.For(optimizer).Type;
        foreach (var complex in Workload.All(kind, ElementType.Complex64).Where(w => !w.Sparse))
        {
            Assert.Null((complex with { Sizes = [66, 300] }).Run().Difference((complex with { Type = ElementType.Float32, Sizes = [132, 600] }).Run()));
            Assert.Null((complex with { Type = ElementType.Complex128, Sizes = [66, 300] }).Run().Difference((complex with { Type = ElementType.Float64, Sizes = [132, 600] }).Run()));
        }
    }

    // test_errors: the table of wrong options, with the values that upstream tries.
    [Theory]
    [InlineData("Adadelta", "lr", -0.01, "LearningRate must be ≥ 0, but is -0.01.")]
    [InlineData("Adadelta", "rho", 1.1, "Rho must be in [0, 1], but is 1.1.")]
    [InlineData("Adafactor", "lr", -1.0, "LearningRate must be ≥ 0, but is -1.")]
    [InlineData("Adagrad", "lr_decay", -0.5, "LearningRateDecay must be ≥ 0, but is -0.5.")]
    [InlineData("Adam", "lr", -0.01, "LearningRate must be ≥ 0, but is -0.01.")]
    [InlineData("Adam", "lr", double.NaN, "LearningRate must be ≥ 0, but is NaN.")]
    [InlineData("Adam", "weight_decay", -1.0, "WeightDecay must be ≥ 0, but is -1.")]
    [InlineData("AdamW", "eps", -1.0, "Epsilon must be ≥ 0, but is -1.")]
    [InlineData("ASGD", "weight_decay", -0.5, "WeightDecay must be ≥ 0, but is -0.5.")]
    [InlineData("NAdam", "momentum_decay", -0.2, "MomentumDecay must be ≥ 0, but is -0.2.")]
    [InlineData("RAdam", "weight_decay", -1.0, "WeightDecay must be ≥ 0, but is -1.")]
    [InlineData("RMSprop", "momentum", -1.0, "Momentum must be ≥ 0, but is -1.")]
    [InlineData("SGD", "momentum", -0.5, "Momentum must be ≥ 0, but is -0.5.")]
    [InlineData("SGD", "lr", double.NaN, "LearningRate must be ≥ 0, but is NaN.")]
    [InlineData("SGD", "dampening", double.NaN, "Dampening must be a number, but is NaN.")]
    [InlineData("SparseAdam", "eps", 0.0, "Epsilon must be > 0, but is 0.")]
    public void A_wrong_option_is_refused(string optimizer, string key, double value, string message) => Refused(optimizer, key, value, message);

    [Theory]
    [InlineData("Adam", "betas", 1.0, 0.0, "Betas[0] must be in [0, 1), but is 1.")]
    [InlineData("SparseAdam", "betas", 1.0, 0.0, "Betas[0] must be in [0, 1), but is 1.")]
    [InlineData("Adamax", "betas", 0.0, 1.0, "Betas[1] must be in [0, 1), but is 1.")]
    [InlineData("NAdam", "betas", 0.9, -0.1, "Betas[1] must be in [0, 1), but is -0.1.")]
    [InlineData("RAdam", "betas", double.NaN, 0.9, "Betas[0] must be in [0, 1), but is NaN.")]
    [InlineData("Rprop", "etas", 1.0, 0.5, "Etas must be below and above 1, but are 1 and 0.5.")]
    [InlineData("Rprop", "step_sizes", 2.0, 1.0, "StepSizes must be in order, but are 2 and 1.")]
    public void A_wrong_pair_is_refused(string optimizer, string key, double first, double second, string message) =>
        Refused(optimizer, key, new object[] { first, second }, message);

    // test_errors: Muon takes matrices only, complex numbers are not for SparseAdam, Adafactor and Muon.
    [Theory]
    [InlineData("Muon", ElementType.Float32, 3)]
    [InlineData("Muon", ElementType.Float32, 1)]
    [InlineData("Muon", ElementType.Complex64, 2)]
    [InlineData("Adafactor", ElementType.Complex64, 2)]
    [InlineData("SparseAdam", ElementType.Complex64, 2)]
    public void A_parameter_that_an_optimizer_can_not_have_is_refused_by_name(string optimizer, ElementType type, int dimensions)
    {
        long[] shape = [.. Enumerable.Repeat(2L, dimensions)];
        int count = 1 << dimensions;
        Parameter parameter = type == ElementType.Float32 ? Parameter.Of("w", new float[count], shape) : Parameter.Of("w", new Complex64[count], shape);
        var good = Parameter.Of("good", new float[4], 2, 2);
        var driver = OptimizerDriver.For(optimizer);
        Assert.Contains("'w'", Assert.ThrowsAny<ArgumentException>(() => driver.Create([good, parameter], [])).Message, StringComparison.Ordinal);
        using var made = driver.Create([good], []);
        Assert.Contains("'w'", Assert.ThrowsAny<ArgumentException>(() => driver.AddGroup(made, [parameter], [])).Message, StringComparison.Ordinal);
        Assert.Single(made.ParameterGroups);
    }

    [Fact]
    public void SparseAdam_refuses_dense_gradients()
    {
        var problem = new LeastSquares();
        problem.Loss();
        using var optimizer = new SparseAdam([problem.Weight]);
        double[] before = problem.Weight.Values.ToArray();
        Assert.Equal("SparseAdam takes sparse gradients only. Adam takes dense ones. (Parameter 'weight' [10, 5] Float64.)",
            Assert.Throws<InvalidOperationException>(optimizer.Step).Message);
        Assert.Equal(before, problem.Weight.Values.ToArray());
    }

    static void Refused(string optimizer, string key, object value, string message)
    {
        var parameter = Parameter.Of("w", new float[4], 2, 2);
        var error = Assert.ThrowsAny<ArgumentException>(() => OptimizerDriver.For(optimizer).Create([parameter], [new(key, value)]));
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
    }

    static Parameter[] Of(LeastSquares problem, string optimizer) =>
        optimizer == "Muon" ? [problem.Weight] : [problem.Weight, problem.Bias];

    /// <summary>Twenty steps; the loss after them.</summary>
    static double Run(Optimizer optimizer, LeastSquares problem, string name, StepLR? schedule = null)
    {
        Func<double> closure = name == "SparseAdam" ? problem.SparseLoss : problem.Loss;
        for (int step = 0; step < 20; step++)
        {
            optimizer.Step(closure);
            schedule?.Step();
        }
        return problem.Loss();
    }
}
