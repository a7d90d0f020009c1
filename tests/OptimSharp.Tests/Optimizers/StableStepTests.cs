namespace OptimSharp.Tests.Optimizers;

/// <summary>MARS and StableAdamW: where they are special cases of others, and bugs of their references that are not repeated here.</summary>
public class StableStepTests
{
    static readonly double[] Start = Numbers.Tame(12, 40);

    // The authors keep the gradient's own tensor: where the next one is written into it, the gradient has not changed, ever.
    [Fact]
    public void MARS_copies_the_last_gradient()
    {
        double[] expected = Run(p => new MARS([p], new() { LearningRate = 0.05 })), values = [.. Start], gradient = new double[12];
        var p = Parameter.Of("w", values, 3, 4);
        p.Gradient = gradient;
        using var optimizer = new MARS([p], new() { LearningRate = 0.05 });
        for (int i = 0; i < 8; i++)
        {
            Gradient(i).CopyTo(gradient, 0);
            optimizer.Step();
        }
        Assert.Equal(expected, values);
        Assert.Equal(Gradient(7), optimizer.StateOf(p)!.Tensor("last_grad"));
        Assert.NotEqual(expected, Run(p => new MARS([p], new() { LearningRate = 0.05, Gamma = 0 })));
    }

    // The authors have ε, γ and the rest from the optimizer, whatever a group says.
    [Theory]
    [InlineData("eps", 0.5)]
    [InlineData("gamma", 0.5)]
    [InlineData("mars_type", "mars-lion")]
    [InlineData("optimize_1d", true)]
    [InlineData("lr_1d_factor", 0.5)]
    [InlineData("weight_decay_1d", 0.5)]
    public void MARSs_options_are_a_groups_own_and_as_they_are_now(string key, object value)
    {
        double[] Stepped(Action<ParameterGroup> set, bool group)
        {
            double[] values = [.. Start, .. Start];
            Parameter<double> m = Parameter.Of("m", values.AsMemory(0, 12), 3, 4), v = Parameter.Of("v", values.AsMemory(12), 12);
            using var optimizer = group ? new MARS([new([Parameter.Of("other", new double[4])]), new([m, v])], new() { LearningRate = 0.05 }) : new MARS([m, v], new() { LearningRate = 0.05 });
            set(optimizer.ParameterGroups[^1]);
            for (int i = 0; i < 4; i++)
            {
                (m.Gradient, v.Gradient) = (Gradient(i), Gradient(i + 10));
                optimizer.Step();
            }
            return values;
        }
        double[] plain = Stepped(_ => { }, false), alone = Stepped(g => g[key] = value, false), inGroup = Stepped(g => g[key] = value, true);
        Assert.NotEqual(plain, alone);
        Assert.Equal(alone, inGroup);
    }

    [Fact]
    public void MARS_without_correction_is_AdamW() => Near(1e-14,
        Run(p => new AdamW([p], new() { LearningRate = 0.05, WeightDecay = 0.1, Betas = (0.9, 0.99) }), scale: 0.1),
        Run(p => new MARS([p], new() { LearningRate = 0.05, WeightDecay = 0.1, Betas = (0.9, 0.99), Gamma = 0 }), scale: 0.1)); // norms below 1

    [Theory]
    [InlineData(12L)]
    [InlineData(3L, 2L, 2L)]
    public void MARS_steps_what_is_no_matrix_as_AdamW(params long[] shape) => Near(1e-14,
        Run(p => new AdamW([p], new() { LearningRate = 0.025, WeightDecay = 0.2, Betas = (0.5, 0.75), AMSGrad = true }), shape: shape),
        Run(p => new MARS([p], new() { LearningRate = 0.05, OthersRateFactor = 0.5, OthersBetas = (0.5, 0.75), OthersWeightDecay = 0.2, AMSGrad = true }), shape: shape));

    [Fact]
    public void MARS_keeps_no_gradient_of_what_it_does_not_correct()
    {
        Parameter<double> m = Parameter.Of("m", new double[4], 2, 2), v = Parameter.Of("v", new double[2]);
        using var optimizer = new MARS([m, v]);
        (m.Gradient, v.Gradient) = (new double[4], new double[2]);
        optimizer.Step();
        Assert.Equal(["exp_avg", "exp_avg_sq", "last_grad"], optimizer.StateOf(m)!.TensorKeys.Order());
        Assert.Equal(["exp_avg", "exp_avg_sq"], optimizer.StateOf(v)!.TensorKeys.Order());
    }

    // 1 + γβ₁/(1 − β₁) = 1 + 0.025 · 19 = 1.475, and no longer than 1: of (0.1, −0.2) 1.475 times, of (300, −400) the direction.
    [Theory]
    [InlineData(0.1, -0.2, 0.1475, -0.295)]
    [InlineData(300.0, -400.0, 0.6, -0.8)]
    public void MARSs_first_gradient_is_all_change_and_is_made_no_longer_than_1(double g1, double g2, double c1, double c2)
    {
        var p = Parameter.Of("p", new double[2], 1, 2);
        using var optimizer = new MARS([p]);
        p.Gradient = new[] { g1, g2 };
        optimizer.Step();
        Near(1e-15, [0.05 * c1, 0.05 * c2], optimizer.StateOf(p)!.Tensor("exp_avg"));
    }

    // By hand: c = 0.5 + γ · 19 · (0.5 − 0.2) with γ = 0.1.
    [Fact]
    public void MARS_adds_how_the_gradient_changed()
    {
        var p = Parameter.Of("p", new double[1], 1, 1);
        using var optimizer = new MARS([p], new() { Gamma = 0.01 });
        p.Gradient = new[] { 0.2 };
        optimizer.Step();
        double before = optimizer.StateOf(p)!.Tensor("exp_avg")[0];
        p.Gradient = new[] { 0.5 };
        optimizer.Step();
        Assert.Equal(0.95 * before + 0.05 * (0.5 + 0.01 * 19 * (0.5 - 0.2)), optimizer.StateOf(p)!.Tensor("exp_avg")[0], 1e-15);
    }

    [Fact]
    public void MARSs_Lion_moves_every_element_by_the_rate()
    {
        double[] values = Run(p => new MARS([p], new() { LearningRate = 0.25, Variant = MARSVariant.Lion }), 1);
        Assert.Equal(Start.Zip(Gradient(0), (x, g) => x - 0.25 * Math.Sign(g)), values);
    }

    [Fact]
    public void MARSs_variants_have_the_authors_names_and_one_is_left_out()
    {
        using var optimizer = new MARS([Parameter.Of("w", new double[4], 2, 2)]);
        ParameterGroup group = optimizer.ParameterGroups[0];
        group["mars_type"] = "mars-lion";
        Assert.Equal(MARSVariant.Lion, optimizer.ParameterGroups[0].Options.Variant);
        Assert.StartsWith("Variant ('mars_type') is one of mars-adamw, mars-lion and cannot be mars-shampoo.",
            Assert.Throws<ArgumentException>(() => group["mars_type"] = "mars-shampoo").Message, StringComparison.Ordinal);
    }

    // β̂ = 0 at first: m = g, v = g², √mean(g²/v) = 1.
    [Fact]
    public void StableAdamWs_first_step_is_the_gradients_sign() => Near(1e-15,
        [.. Start.Zip(Gradient(0), (x, g) => x * (1 - 0.1 * 0.5) - 0.1 * g / (Math.Abs(g) + 1e-3))],
        Run(p => new StableAdamW([p], new() { LearningRate = 0.1, WeightDecay = 0.5, Epsilon = 1e-3 }), 1));

    // Averages with β̂ are Adam's after its bias correction. Gradients that only become smaller are nowhere larger than √v.
    [Fact]
    public void StableAdamW_is_AdamW_where_it_expects_more_than_it_gets()
    {
        Near(1e-13, Fading(p => new AdamW([p], new() { LearningRate = 0.05, WeightDecay = 0.1, Betas = (0.9, 0.99), Epsilon = 1e-6 })),
            Fading(p => new StableAdamW([p], new() { LearningRate = 0.05, WeightDecay = 0.1 })));

        static double[] Fading(Func<Parameter, Optimizer> make)
        {
            double[] values = [.. Start];
            var p = Parameter.Of("w", values);
            using var optimizer = make(p);
            for (int i = 0; i < 10; i++)
            {
                p.Gradient = Array.ConvertAll(Gradient(3), x => x * Math.Pow(0.9, i));
                optimizer.Step();
            }
            return values;
        }
    }

    // With β₁ = 0, so m = g; by hand, for g = 1 and then 10: β̂₂ = 0.5 · 0.5/0.75 = 1/3, v = 1/3 + 2/3 · 100, rms = 10/√v.
    [Fact]
    public void StableAdamW_steps_less_by_as_much_as_it_expected_too_little()
    {
        var p = Parameter.Of("p", new double[] { 0 });
        using var optimizer = new StableAdamW([p], new() { LearningRate = 0.1, Beta1 = 0, Beta2 = 0.5, Epsilon = 0, WeightDecay = 0 });
        p.Gradient = new double[] { 1 };
        optimizer.Step();
        p.Gradient = new double[] { 10 };
        optimizer.Step();
        double v = 1 / 3.0 + 200 / 3.0, rms = 10 / Math.Sqrt(v);
        Assert.True(rms > 1.2);
        Assert.Equal(-0.1 - 0.1 / rms * 10 / Math.Sqrt(v), p.Values.Span[0], 1e-14);
    }

    [Fact]
    public void StableAdamW_looks_at_each_tensor_by_itself()
    {
        double[] alone = Run(p => new StableAdamW([p])), values = [.. Start];
        Parameter<double> p = Parameter.Of("w", values, 3, 4), jumping = Parameter.Of("jumping", new double[3]);
        using var optimizer = new StableAdamW([jumping, p]);
        for (int i = 0; i < 8; i++)
        {
            jumping.Gradient = new double[] { Math.Pow(10, i), 1, 1 };
            p.Gradient = Gradient(i);
            optimizer.Step();
        }
        Assert.Equal(alone, values);
    }

    // λη̃/η₀: with the rate of the optimizer's own options, λ itself; with half of it, λ/2.
    [Theory]
    [InlineData(1.0)]
    [InlineData(0.5)]
    public void StableAdamWs_decay_can_follow_the_schedule_and_not_the_rate(double part)
    {
        double[] values = [.. Start];
        var p = Parameter.Of("w", values);
        using var optimizer = new StableAdamW([p], new() { LearningRate = 0.1, WeightDecay = 0.02, DecoupleLearningRate = true });
        optimizer.ParameterGroups[0].LearningRate *= part;
        p.Gradient = new double[12];
        optimizer.Step();
        Near(1e-15, Array.ConvertAll(Start, x => x * (1 - 0.02 * part)), values);
    }

    // The reference counts the steps of a group.
    [Fact]
    public void StableAdamWs_late_parameter_starts_as_any_other()
    {
        double[] early = [.. Start], late = [.. Start];
        Parameter<double> a = Parameter.Of("a", early), b = Parameter.Of("b", late);
        using var optimizer = new StableAdamW([a, b], new() { LearningRate = 0.05 });
        for (int i = 0; i < 10; i++)
        {
            a.Gradient = i < 5 ? Gradient(i) : null;
            b.Gradient = i >= 5 ? Gradient(i - 5) : null;
            optimizer.Step();
        }
        Assert.Equal(early, late);
    }

    // Of optimi: the group has the count, and its parameters what it computes with. A scheduler has left a max_lr.
    [Fact]
    public void StableAdamWs_checkpoints_load_with_a_groups_count()
    {
        double[] expected = Run(p => new StableAdamW([p], new() { LearningRate = 0.05 }), 6), values = [.. Start];
        var p = Parameter.Of("w", values, 3, 4);
        using var before = new StableAdamW([p], new() { LearningRate = 0.05 });
        Step(before, p, 0, 3);
        var state = before.StateDict();
        var entry = state.GetDict("state").GetDict(0);
        entry.Remove("step");
        entry["eps_sq"] = TensorData.Of(new double[] { 1e-12 });
        entry["kahan_comp"] = null;
        var group = state.GetDicts("param_groups")[0];
        (group["step"], group["max_lr"], group["setup"]) = (TensorData.Of(new[] { 3 }), null, true);
        using var after = new StableAdamW([p]);
        after.LoadStateDict(state);
        Step(after, p, 3, 6);
        Assert.Equal(expected, values);
    }

    [Theory]
    [InlineData("MARS")]
    [InlineData("StableAdamW")]
    public void Complex_parameters_are_refused_as_the_references_squares_are_complex(string optimizer)
    {
        Parameter[] z = [Parameter.Of("z", new Complex64[2], 2)];
        var error = Assert.Throws<ArgumentException>(() =>
        {
            using Optimizer made = optimizer == "MARS" ? new MARS(z) : new StableAdamW(z);
        });
        Assert.StartsWith($"{optimizer} does not take complex parameters, but 'z' [2] Complex64 is one. AdamW does.", error.Message, StringComparison.Ordinal);
    }

    static double[] Gradient(int step) => Numbers.Tame(12, (ulong)step);

    static double[] Run(Func<Parameter, Optimizer> make, int steps = 8, double scale = 1, params long[] shape)
    {
        double[] values = [.. Start];
        var p = Parameter.Of("w", values, shape.Length > 0 ? shape : [3, 4]);
        using var optimizer = make(p);
        Step(optimizer, p, 0, steps, scale);
        return values;
    }

    static void Step(Optimizer optimizer, Parameter<double> p, int from, int to, double scale = 1)
    {
        for (int i = from; i < to; i++)
        {
            p.Gradient = Array.ConvertAll(Gradient(i), x => scale * x);
            optimizer.Step();
        }
    }

    static void Near(double tolerance, double[] expected, double[] actual) =>
        Assert.All(expected.Zip(actual), x => Assert.Equal(x.First, x.Second, tolerance));
}
