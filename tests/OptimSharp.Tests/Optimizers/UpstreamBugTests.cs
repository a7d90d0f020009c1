
namespace OptimSharp.Tests.Optimizers;

/// <summary>Bugs of PyTorch and of TorchSharp's optimizers that are not repeated here. Numbers with # are PyTorch's issues.</summary>
public class UpstreamBugTests
{
    // PyTorch: KeyError for a key that was not made on the first step.
    [Fact]
    public void AMSGrad_can_be_switched_on_later() => SwitchOn(new Adam([Weight]), o => o with { AMSGrad = true }, "max_exp_avg_sq");

    [Fact]
    public void Centering_can_be_switched_on_later() => SwitchOn(new RMSprop([Weight]), o => o with { Centered = true }, "grad_avg");

    [Fact]
    public void RMSprops_momentum_can_be_switched_on_later() => SwitchOn(new RMSprop([Weight]), o => o with { Momentum = 0.9 }, "momentum_buffer");

    [Fact]
    public void SGDs_momentum_can_be_switched_on_later() => SwitchOn(new SGD([Weight]), o => o with { Momentum = 0.9 }, "momentum_buffer");

    // PyTorch up to 2.6: no state for groups added after construction; from then on, state from the defaults instead of the group.
    [Fact]
    public void Adagrad_takes_groups_later_with_their_own_initial_value()
    {
        Parameter<double> first = Weight, late = Parameter.Of("late", new double[] { 1 });
        using var optimizer = new Adagrad([first]);
        optimizer.AddParameterGroup(new([late], o => o with { InitialAccumulatorValue = 3, LearningRate = 1 }));
        late.Gradient = new double[] { 1 };
        optimizer.Step();
        Assert.Equal([4], optimizer.StateOf(late)!.Tensor("sum"));
        Assert.Equal(0.5, late.Values.Span[0], 1e-9); // 1 − 1/√(3 + 1)
    }

    // PyTorch normalizes bfloat16 momentum in place when there is no Nesterov step.
    [Fact]
    public void Muons_bfloat16_buffer_without_Nesterov_is_the_running_average()
    {
        var parameter = Parameter.Of("w", new BFloat16[4], 2, 2);
        parameter.Gradient = (BFloat16[])[(BFloat16)1f, (BFloat16)2f, (BFloat16)3f, (BFloat16)4f];
        using var optimizer = new Muon([parameter], new() { Nesterov = false, Momentum = 0.5, StatePrecision = StatePrecision.Parameter });
        optimizer.Step();
        Assert.Equal([0.5, 1, 1.5, 2], optimizer.StateOf(parameter)!.Tensor("momentum_buffer"));
    }

    // #125440, #126375: the power on the wrong operand.
    [Fact]
    public void ASGDs_rate_falls_by_the_power_alpha()
    {
        var parameter = Weight;
        parameter.UseGradient().Fill(1);
        using var optimizer = new ASGD([parameter], new() { LearningRate = 0.1, Lambda = 0.5, Alpha = 0.75 });
        optimizer.Step();
        Assert.Equal(0.1 / Math.Pow(1 + 0.5 * 0.1 * 1, 0.75), optimizer.StateOf(parameter)!.Scalar("eta"), 1e-15);
    }

    // #193772, #193303: negative values are accepted and may divide by zero.
    [Fact]
    public void ASGD_refuses_negative_lambda_and_alpha()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new ASGD([Weight], new() { Lambda = -1 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ASGD([Weight], new() { Alpha = -1 }));
    }

    // #92699: PyTorch up to 1.13.1 multiplied by the momentum twice.
    [Fact]
    public void NAdams_next_momentum_enters_once()
    {
        // By hand: t = 1, β₁ = 0.9, ψ = 0.004, g = 1, so m = 0.1, √(v/(1 − β₂)) = 1.
        double mu = 0.9 * (1 - 0.5 * Math.Pow(0.96, 0.004)), next = 0.9 * (1 - 0.5 * Math.Pow(0.96, 0.008));
        double expected = 1 - 0.1 * (1 - mu) / (1 - mu) / (1 + 1e-8) - 0.1 * next / (1 - mu * next) * 0.1 / (1 + 1e-8);
        var parameter = Parameter.Of("w", new double[] { 1 });
        parameter.UseGradient().Fill(1);
        using var optimizer = new NAdam([parameter], new() { LearningRate = 0.1 });
        optimizer.Step();
        Assert.Equal(expected, parameter.Values.Span[0], 1e-12);
    }

    // #70230: RAdam's foreach variant had no ε.
    [Fact]
    public void RAdam_has_its_epsilon() => Assert.NotEqual(AfterTen(1e-8), AfterTen(1));

    static double AfterTen(double epsilon)
    {
        var parameter = Parameter.Of("w", new double[] { 1 });
        parameter.UseGradient().Fill(1);
        using var optimizer = new RAdam([parameter], new() { Epsilon = epsilon });
        for (int i = 0; i < 10; i++)
            optimizer.Step();
        return parameter.Values.Span[0];
    }

    // Adafactor: PyTorch takes ε₁ from the first parameter's type for the whole group.
    [Fact]
    public void Adafactors_epsilon_is_of_each_parameters_own_type()
    {
        Assert.Equal(Alone(), Together());

        static double Alone()
        {
            var parameter = Tiny();
            using var optimizer = new Adafactor([parameter]);
            optimizer.Step();
            return parameter.Values.Span[0];
        }

        static double Together()
        {
            var half = Parameter.Of("h", new BFloat16[] { (BFloat16)1f });
            half.Gradient = (BFloat16[])[(BFloat16)1f];
            var parameter = Tiny();
            using var optimizer = new Adafactor([half, parameter]);
            optimizer.Step();
            return parameter.Values.Span[0];
        }

        static Parameter<double> Tiny()
        {
            var parameter = Parameter.Of("d", new double[] { 1 });
            parameter.Gradient = new double[] { 1e-6 };
            return parameter;
        }
    }

    // #82486: empty sparse gradients crashed SparseAdam up to 1.13.
    [Fact]
    public void SparseAdam_takes_gradients_without_rows()
    {
        var parameter = Parameter.Of("table", new double[6], 2, 3);
        parameter.SparseGradient = new(default, default);
        using var optimizer = new SparseAdam([parameter]);
        optimizer.Step();
        Assert.Equal(1, optimizer.StateOf(parameter)!.Step);
    }

    // #47594, #47838, #86209: SparseAdam used up a generator while checking it.
    [Fact]
    public void Parameters_may_come_from_a_generator_that_runs_once()
    {
        using var optimizer = new SparseAdam(Once());
        Assert.Single(optimizer.ParameterGroups[0].Parameters);

        static IEnumerable<Parameter> Once()
        {
            yield return Weight;
        }
    }

    // #18732 and its like: a gradient belongs to the user.
    [Fact]
    public void A_step_does_not_change_the_gradient()
    {
        var parameter = Weight;
        double[] gradient = [1, 2, 3];
        parameter.Gradient = gradient;
        using var optimizer = new Rprop([parameter], new() { Maximize = true });
        optimizer.Step();
        Array.Reverse(gradient);
        optimizer.Step();
        Assert.Equal([3, 2, 1], gradient);
    }

    // #187309: maximizing needs the loss and the gradient negated.
    [Theory]
    [InlineData(LineSearch.None)]
    [InlineData(LineSearch.StrongWolfe)]
    public void LBFGS_maximizes(LineSearch search)
    {
        var parameter = Parameter.Of("x", new double[] { 1 });
        using var optimizer = new LBFGS([parameter], new() { Maximize = true, LineSearch = search, LearningRate = 0.5 });
        for (int i = 0; i < 3; i++)
        {
            optimizer.Step(() =>
            {
                double x = parameter.Values.Span[0];
                parameter.Gradient = new[] { -2 * x };
                return -x * x;
            });
        }
        Assert.Equal(0, parameter.Values.Span[0], 1e-4);
    }

    // TorchSharp 1: its RAdam multiplies the rectified update by the rate twice, so that step six all but stands still.
    [Fact]
    public void RAdams_sixth_step_is_not_a_hundred_times_shorter()
    {
        var parameter = Parameter.Of("w", new double[] { 0 });
        parameter.UseGradient().Fill(1);
        using var optimizer = new RAdam([parameter], new() { LearningRate = 0.1 });
        var lengths = new List<double>();
        for (int i = 0; i < 6; i++)
        {
            double before = parameter.Values.Span[0];
            optimizer.Step();
            lengths.Add(before - parameter.Values.Span[0]);
        }
        Assert.All(lengths[..5], x => Assert.Equal(0.1, x, 1e-9));
        // By hand: ρ∞ = 1999, ρ₆ = 1999 − 12·0.999⁶/(1 − 0.999⁶); m̂ = 1 and √v̂ = 1, so the step is ηr.
        double power = Math.Pow(0.999, 6), rho = 1999 - 12 * power / (1 - power);
        double r = Math.Sqrt((rho - 4) * (rho - 2) * 1999 / ((1999.0 - 4) * (1999 - 2) * rho));
        Assert.Equal(0.1 * r, lengths[5], 1e-7);
    }

    // TorchSharp 2: maximizing turns its weight decay into growth (1.05 instead of 0.95).
    [Fact]
    public void Maximizing_SGD_still_decays()
    {
        var parameter = Parameter.Of("w", new double[] { 1 });
        parameter.UseGradient();
        using var optimizer = new SGD([parameter], new() { LearningRate = 0.1, WeightDecay = 0.5, Maximize = true });
        optimizer.Step();
        Assert.Equal(0.95, parameter.Values.Span[0], 1e-15);
    }

    // TorchSharp 3: its LBFGS needs max_eval to be given.
    [Fact]
    public void LBFGS_needs_no_max_eval()
    {
        using var optimizer = new LBFGS([Weight]);
        Assert.Null(optimizer.Defaults.MaxEvaluations);
        Assert.Equal(1, optimizer.Step(() => 1));
    }

    // TorchSharp 13: no validation.
    [Fact]
    public void A_parameter_twice_or_none_at_all_are_refused()
    {
        var parameter = Weight;
        Assert.Throws<ArgumentException>(() => new NAdam([parameter, parameter]));
        Assert.Throws<ArgumentException>(() => new NAdam([new([parameter]), new([parameter])]));
        Assert.Throws<ArgumentException>(() => new NAdam(Array.Empty<Parameter>()));
    }

    static Parameter<double> Weight => Parameter.Of("w", new double[] { 1, 2, 3 });

    static void SwitchOn<TOptions>(Optimizer<TOptions> optimizer, Func<TOptions, TOptions> change, string key) where TOptions : OptimizerOptions, new()
    {
        using (optimizer)
        {
            var parameter = (Parameter<double>)optimizer.ParameterGroups[0].Parameters[0];
            parameter.Gradient = Numbers.Tame(3, 1);
            optimizer.Step();
            Assert.DoesNotContain(key, optimizer.StateOf(parameter)?.TensorKeys ?? []);
            optimizer.ParameterGroups[0].Options = change(optimizer.ParameterGroups[0].Options);
            optimizer.Step();
            Assert.Contains(key, optimizer.StateOf(parameter)!.TensorKeys);
            Assert.All(parameter.Values.ToArray(), x => Assert.True(double.IsFinite(x)));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void RMSprop_in_Float16_is_finite_unless_state_is_kept_as_PyTorch_keeps_it(bool centered)
    {
        Assert.Equal(1f, Step(StatePrecision.Compute, 1e-8));
        Assert.True(float.IsNaN(Step(StatePrecision.Parameter, 1e-8))); // as PyTorch 2.14's: the epsilon is 0 in Float16
        Assert.Equal(1f, Step(StatePrecision.Parameter, 1e-7));

        float Step(StatePrecision precision, double epsilon)
        {
            Half[] w = [(Half)1, (Half)2];
            var parameter = Parameter.Of("w", w);
            using var optimizer = new RMSprop([parameter], new() { LearningRate = 0.5, Centered = centered, Epsilon = epsilon, StatePrecision = precision });
            parameter.Gradient = new Half[] { (Half)0, (Half)1 };
            optimizer.Step();
            Assert.True(Half.IsFinite(w[1]));
            return (float)w[0];
        }
    }
}
