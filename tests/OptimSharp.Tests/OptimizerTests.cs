using System.Globalization;
using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Tests.Support;

namespace OptimSharp.Tests;

/// <summary>What all optimizers have in common: gradients, closures, state, printing.</summary>
public class OptimizerTests
{
    [Fact]
    public void Parameters_without_gradient_are_left_out()
    {
        var (with, without) = (Of("a", 1), Of("b", 1));
        using var optimizer = new Adam([with, without], new() { WeightDecay = 0.5 });
        with.Gradient = new double[] { 1 };
        optimizer.Step();
        optimizer.Step();
        without.Gradient = new double[] { 1 };
        optimizer.Step();
        Assert.Equal(3, optimizer.StateOf(with)!.Step);
        Assert.Equal(1, optimizer.StateOf(without)!.Step);
    }

    [Fact]
    public void A_zero_gradient_is_a_gradient()
    {
        var (none, zero) = (Of("a", 2), Of("b", 2));
        using var optimizer = new SGD([none, zero], new() { LearningRate = 0.1, WeightDecay = 0.5, Momentum = 0.9 });
        zero.Gradient = new double[1];
        optimizer.Step();
        Assert.Equal([2], none.Values.ToArray());
        Assert.Null(optimizer.StateOf(none));
        Assert.Equal([2 - 0.1 * (0.5 * 2)], zero.Values.ToArray());
        Assert.NotNull(optimizer.StateOf(zero));
    }

    [Fact]
    public void ZeroGrad_removes_gradients_or_fills_them_with_zeros()
    {
        var (removed, zeroed, none) = (Of("a", 1), Of("b", 1), Of("c", 1));
        removed.Gradient = new double[] { 3 };
        double[] gradient = [3];
        zeroed.Gradient = gradient;
        using SGD first = new([removed, none]), second = new([zeroed]);
        first.ZeroGrad();
        second.ZeroGrad(setToNull: false);
        Assert.False(removed.HasGradient);
        Assert.True(zeroed.HasGradient);
        Assert.Equal([0], gradient);
        Assert.False(none.HasGradient);
        first.ZeroGrad(setToNull: false);
        Assert.False(none.HasGradient);
    }

    [Fact]
    public void The_closure_runs_once_and_first_and_its_value_is_returned()
    {
        var parameter = Of("a", 5);
        using var optimizer = new SGD([parameter], new() { LearningRate = 1 });
        int calls = 0;
        double seen = 0;
        string loss = optimizer.Step(() =>
        {
            calls++;
            seen = parameter.Values.Span[0];
            parameter.Gradient = new double[] { 2 };
            optimizer.ParameterGroups[0].LearningRate = 0.5; // read after the closure
            return "loss";
        });
        Assert.Equal((1, 5, "loss"), (calls, seen, loss));
        Assert.Equal([5 - 0.5 * 2], parameter.Values.ToArray());
    }

    [Fact]
    public void A_closure_that_throws_changes_nothing()
    {
        var parameter = Of("a", 5);
        parameter.Gradient = new double[] { 2 };
        using var optimizer = new Adam([parameter]);
        optimizer.Step();
        double[] values = parameter.Values.ToArray(), average = optimizer.StateOf(parameter)!.Tensor("exp_avg");
        var thrown = new FormatException("mine");
        Assert.Same(thrown, Assert.Throws<FormatException>(() => optimizer.Step<double>(() => throw thrown)));
        Assert.Equal(values, parameter.Values.ToArray());
        Assert.Equal(average, optimizer.StateOf(parameter)!.Tensor("exp_avg"));
        Assert.Equal(1, optimizer.StateOf(parameter)!.Step);
        optimizer.Step();
        Assert.Equal(2, optimizer.StateOf(parameter)!.Step);
    }

    [Fact]
    public void A_null_closure_is_refused() =>
        Assert.Throws<ArgumentNullException>("closure", () => new SGD([Of("a", 1)]).Step((Func<double>)null!));

    [Fact]
    public unsafe void A_step_that_fails_half_way_changes_nothing()
    {
        // State for the second parameter can't be allocated: no address has so many bits.
        var small = Of("small", 5);
        small.Gradient = new double[] { 1 };
        double* nowhere = (double*)(1L << 60); // never looked at, and apart from all that there is
        var huge = Parameter.Of("huge", nowhere, 1L << 58);
        using var optimizer = new Adam([small, huge]);
        optimizer.Step();
        double after = small.Values.Span[0];
        optimizer.ParameterGroups[0].Options = optimizer.ParameterGroups[0].Options with { AMSGrad = true }; // small needs another tensor, too
        huge.SetGradient(nowhere);

        Assert.Throws<OutOfMemoryException>(optimizer.Step);

        Assert.Equal(after, small.Values.Span[0]);
        Assert.Equal(1, optimizer.StateOf(small)!.Step);
        Assert.Equal(["exp_avg", "exp_avg_sq"], optimizer.StateOf(small)!.TensorKeys);
        Assert.Null(optimizer.StateOf(huge));
        huge.SetGradient(null);
        optimizer.Step();
        Assert.Equal(2, optimizer.StateOf(small)!.Step);
        Assert.Equal(["exp_avg", "exp_avg_sq", "max_exp_avg_sq"], optimizer.StateOf(small)!.TensorKeys);
    }

    [Fact]
    public void A_gradient_of_the_wrong_kind_is_refused_before_anything_is_changed()
    {
        var (dense, sparse) = (Parameter.Of("dense", new double[2]), Parameter.Of("sparse", new double[2], 2, 1));
        dense.Gradient = new double[] { 1, 1 };
        sparse.SparseGradient = new(new long[] { 1 }, new double[] { 1 });
        using var optimizer = new Adam([dense, sparse]);
        var error = Assert.Throws<InvalidOperationException>(optimizer.Step);
        Assert.Equal("Adam does not take sparse gradients. SparseAdam, Adagrad, SGD and LBFGS do; or give a dense one. (Parameter 'sparse' [2, 1] Float64.)", error.Message);
        Assert.Equal([0, 0], dense.Values.ToArray());
        Assert.Null(optimizer.StateOf(dense));
    }

    [Fact]
    public void A_disposed_optimizer_does_not_step_and_can_be_disposed_again()
    {
        var parameter = Of("a", 1);
        parameter.Gradient = new double[] { 1 };
        var optimizer = new Adam([parameter]);
        optimizer.Step();
        optimizer.Dispose();
        optimizer.Dispose();
        double value = parameter.Values.Span[0];
        Assert.Throws<ObjectDisposedException>(optimizer.Step);
        Assert.Throws<ObjectDisposedException>(() => optimizer.Step(() =>
        {
            Assert.Fail("The closure ran.");
            return 0;
        }));
        Assert.Equal(value, parameter.Values.Span[0]);
    }

    [Fact]
    public void State_is_read_by_PyTorchs_names()
    {
        var parameter = Parameter.Of("w", new float[6], 2, 3);
        using var optimizer = new Adam([parameter]);
        Assert.Null(optimizer.StateOf(parameter));
        parameter.Gradient = new float[] { 1, 2, 3, 4, 5, 6 };
        optimizer.Step();
        var state = optimizer.StateOf(parameter)!;
        Assert.Equal(["exp_avg", "exp_avg_sq"], state.TensorKeys);
        Assert.Empty(state.ScalarKeys);
        Assert.Equal([2, 3], state.ShapeOf("exp_avg").ToArray());
        Assert.Equal(6, state.Tensor("exp_avg").Length);
        Assert.Equal(0.1 * 6, state.Tensor("exp_avg")[5], 1e-7);
        state.Tensor("exp_avg")[5] = 99; // a copy
        Assert.Equal(0.1 * 6, state.Tensor("exp_avg")[5], 1e-7);
        Assert.Contains("there are: exp_avg, exp_avg_sq", Assert.Throws<KeyNotFoundException>(() => state.Tensor("momentum")).Message, StringComparison.Ordinal);
        Assert.Throws<KeyNotFoundException>(() => state.Scalar("momentum"));
        Assert.Throws<KeyNotFoundException>(() => state.ShapeOf("momentum").Length);
        Assert.Throws<KeyNotFoundException>(() => state.TypeOf("momentum"));
        Assert.Throws<ArgumentNullException>(() => optimizer.StateOf(null!));
        Assert.Null(optimizer.StateOf(Of("another", 1)));
    }

    [Fact]
    public void State_of_half_parameters_is_kept_in_single_precision_unless_asked_otherwise()
    {
        // 1 + 2⁻⁹ is no bfloat16, but a float.
        double Second(StatePrecision precision)
        {
            var parameter = Parameter.Of("w", new[] { (BFloat16)0 });
            using var optimizer = new SGD([parameter], new() { Momentum = 1, StatePrecision = precision });
            parameter.Gradient = new[] { (BFloat16)1 };
            optimizer.Step();
            parameter.Gradient = new[] { (BFloat16)(1f / 512) };
            optimizer.Step();
            Assert.Equal(precision == StatePrecision.Compute ? ElementType.Float32 : ElementType.BFloat16, optimizer.StateOf(parameter)!.TypeOf("momentum_buffer"));
            return optimizer.StateOf(parameter)!.Tensor("momentum_buffer")[0];
        }
        Assert.Equal(1 + 1.0 / 512, Second(StatePrecision.Compute));
        Assert.Equal(1, Second(StatePrecision.Parameter));
    }

    [Theory]
    [InlineData(StatePrecision.Compute, StatePrecision.Parameter)]
    [InlineData(StatePrecision.Parameter, StatePrecision.Compute)]
    public void State_stays_of_one_type_when_its_precision_is_changed(StatePrecision first, StatePrecision then)
    {
        var parameter = Parameter.Of("w", new BFloat16[100]);
        parameter.UseGradient().Fill((BFloat16)1);
        using var optimizer = new Adam([parameter], new() { StatePrecision = first });
        optimizer.Step();
        optimizer.ParameterGroups[0].Options = optimizer.ParameterGroups[0].Options with { StatePrecision = then, AMSGrad = true };
        optimizer.Step();
        var state = optimizer.StateOf(parameter)!;
        Assert.Equal(state.Find("exp_avg")!.Type, state.Find("max_exp_avg_sq")!.Type);
        // The gradient is 1 in both steps: v = 1 − 0.999², and so is its maximum.
        Assert.All(state.Tensor("max_exp_avg_sq"), x => Assert.Equal(1 - 0.999 * 0.999, x, 1e-5));
    }

    // Upstream: test_mixed_device_dtype.
    [Theory]
    [MemberData(nameof(Rows.Steppable), MemberType = typeof(Rows))]
    public void Parameters_of_all_types_step_together_as_they_would_alone(string optimizer)
    {
        var driver = OptimizerDriver.For(optimizer);
        // Sums over all make them another step than alone.
        var options = OptimizerSamples.SumsOverAll(driver.Type) ? OptimizerSamples.OptionsOfItsOwn(driver.Type) : OptimizerSamples.OptionSets(driver.Type)[^1];
        var alone = All().Select(parameter =>
        {
            Give(parameter);
            using var one = driver.Create([parameter], options);
            one.Step();
            one.Step();
            return Values(parameter);
        }).ToArray();
        var together = All();
        together.ForEach(Give);
        using var all = driver.Create([(together[..3], []), (together[3..], [])], options);
        all.Step();
        all.Step();
        Assert.Equal(alone, together.Select(Values));

        List<Parameter> All() =>
        [
            Of(0, x => (float)x), Of(1, x => x), Of(2, x => (Half)x), Of(3, x => (BFloat16)(float)x),
            Of(4, x => (float)x), Of(5, x => x), Of(6, x => (Half)x), Of(7, x => (BFloat16)(float)x),
        ];

        Parameter Of<T>(int i, Func<double, T> store) where T : unmanaged =>
            Parameter.Of($"p{i}", Array.ConvertAll(Numbers.Tame(48, (ulong)i), x => store(x)), OptimizerSamples.ShapeOf(driver.Type, 48, i));
    }

    [Fact]
    public void Prints_class_groups_and_options_as_PyTorch_does()
    {
        using var optimizer = new SGD(
            [
                new([Parameter.Of("a", new float[1])]),
                new([Parameter.Of("b", new float[1])], o => o with { LearningRate = 0.5, Nesterov = true }),
            ],
            new() { LearningRate = 0.1, Momentum = 0.9 });
        Assert.Equal("""
            SGD (
            Parameter Group 0
                dampening: 0
                lr: 0.1
                maximize: false
                momentum: 0.9
                nesterov: false
                weight_decay: 0

            Parameter Group 1
                dampening: 0
                lr: 0.5
                maximize: false
                momentum: 0.9
                nesterov: true
                weight_decay: 0
            )
            """.ReplaceLineEndings("\n"), optimizer.ToString());
    }

    [Fact]
    public void Prints_the_same_in_every_culture()
    {
        var culture = CultureInfo.CurrentCulture;
        var other = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        other.NumberFormat.NumberDecimalSeparator = ",";
        other.NumberFormat.NegativeSign = "~";
        try
        {
            CultureInfo.CurrentCulture = other;
            using var optimizer = new Adam([Parameter.Of("a", new float[1])]);
            Assert.Contains("    betas: (0.9, 0.999)\n", optimizer.ToString(), StringComparison.Ordinal);
            var error = Assert.ThrowsAny<ArgumentException>(() => optimizer.ParameterGroups[0].LearningRate = -0.5);
            Assert.Contains("but is -0.5 ", error.Message, StringComparison.Ordinal);
        }
        finally
        {
            CultureInfo.CurrentCulture = culture;
        }
    }

    static Parameter<double> Of(string name, double value) => Parameter.Of(name, new[] { value });

    static void Give(Parameter parameter)
    {
        switch (parameter)
        {
            case Parameter<float> p:
                Fill(p, x => (float)x);
                break;
            case Parameter<double> p:
                Fill(p, x => x);
                break;
            case Parameter<Half> p:
                Fill(p, x => (Half)x);
                break;
            case Parameter<BFloat16> p:
                Fill(p, x => (BFloat16)(float)x);
                break;
        }

        static void Fill<T>(Parameter<T> parameter, Func<double, T> store) where T : unmanaged =>
            Array.ConvertAll(Numbers.Tame((int)parameter.Count, 99), x => store(x)).CopyTo(parameter.UseGradient());
    }

    static double[] Values(Parameter parameter) => parameter switch
    {
        Parameter<float> p => Array.ConvertAll(p.Values.ToArray(), x => (double)x),
        Parameter<double> p => p.Values.ToArray(),
        Parameter<Half> p => Array.ConvertAll(p.Values.ToArray(), x => (double)x),
        Parameter<BFloat16> p => Array.ConvertAll(p.Values.ToArray(), x => (double)(float)x),
        _ => throw new ArgumentException($"{parameter}"),
    };
}
