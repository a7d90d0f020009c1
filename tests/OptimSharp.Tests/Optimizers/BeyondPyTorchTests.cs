namespace OptimSharp.Tests.Optimizers;

/// <summary>
/// AdEMAMix, Adan, ADOPT and AdaBelief: where they are special cases of others, and bugs of their authors' code that are not repeated here.
/// </summary>
public class BeyondPyTorchTests
{
    static readonly double[] Start = Numbers.Tame(11, 40);

    [Fact]
    public void AdEMAMix_without_its_slow_average_is_AdamW() => Near(1e-14,
        Run(p => new AdEMAMix([p], new() { Alpha = 0, LearningRate = 0.05, WeightDecay = 0.1 })),
        Run(p => new AdamW([p], new() { LearningRate = 0.05, WeightDecay = 0.1 })));

    // m/(1 − β₁ᵗ) + αs with s = m is (1 + α(1 − β₁ᵗ)) times Adam's step; with β₁ = 0 it is 1 + α times.
    [Fact]
    public void AdEMAMix_with_no_memory_at_all_steps_farther_by_alpha() => Near(1e-14,
        Run(p => new AdEMAMix([p], new() { Betas = (0, 0.9, 0), Alpha = 2, LearningRate = 0.05 })),
        Run(p => new Adam([p], new() { Betas = (0, 0.9), LearningRate = 0.15 })));

    [Fact]
    public void AdEMAMixs_warm_ups_end() => Assert.Equal(
        Run(p => new AdEMAMix([p], new() { LearningRate = 0.05 })),
        Run(p => new AdEMAMix([p], new() { LearningRate = 0.05, AlphaWarmup = 1, Beta3Warmup = 0 })));

    // Half-lives: of β₁ = ½ one step, of β₃ = ½^(1/9) nine; half-way five, so β₃(1) = ½^(1/5), and s = (1 − β₃(1))g. (The authors add 1e-8 to β.)
    [Fact]
    public void AdEMAMixs_half_life_grows_evenly()
    {
        var w = Parameter.Of("w", new double[] { 1 });
        w.Gradient = new double[] { 1 };
        using var optimizer = new AdEMAMix([w], new() { Betas = (0.5, 0.9, Math.Pow(0.5, 1 / 9.0)), Beta3Warmup = 2 });
        optimizer.Step();
        Assert.Equal(1 - Math.Pow(0.5, 1 / 5.0), optimizer.StateOf(w)!.Tensor("exp_avg_slow")[0], 1e-7);
    }

    // The authors' state has no fast average when the first step had β₁ = 0, and fails later.
    [Fact]
    public void AdEMAMixs_fast_average_can_be_switched_on_later()
    {
        var w = Parameter.Of("w", new double[] { 1 });
        w.Gradient = new double[] { 1 };
        using var optimizer = new AdEMAMix([w], new() { Betas = (0, 0.9, 0.99) });
        optimizer.Step();
        Assert.DoesNotContain("exp_avg_fast", optimizer.StateOf(w)!.TensorKeys);
        optimizer.ParameterGroups[0].Options = optimizer.ParameterGroups[0].Options with { Betas = (0.9, 0.9, 0.99) };
        optimizer.Step();
        Assert.Equal(0.1, optimizer.StateOf(w)!.Tensor("exp_avg_fast")[0], 1e-15);
    }

    // With β₂ = 0 the change of the gradient has no part in the step: Adam remains, with (β₁, β₃).
    [Fact]
    public void Adan_that_looks_at_no_change_is_Adam() => Near(1e-14,
        Run(p => new Adan([p], new() { Betas = (0.9, 0, 0.99), LearningRate = 0.05 })),
        Run(p => new Adam([p], new() { Betas = (0.9, 0.99), LearningRate = 0.05 })));

    [Fact]
    public void Adan_without_proximal_decay_decays_as_AdamW() => Near(1e-14,
        Run(p => new Adan([p], new() { Betas = (0.9, 0, 0.99), LearningRate = 0.05, WeightDecay = 0.1, NoProximal = true })),
        Run(p => new AdamW([p], new() { Betas = (0.9, 0.99), LearningRate = 0.05, WeightDecay = 0.1 })));

    // θ/(1 + ηλ) after a step of nothing.
    [Fact]
    public void Adans_proximal_decay_divides() => Near(1e-15,
        Run(p => new Adan([p], new() { LearningRate = 0.5, WeightDecay = 0.5 }), steps: 1, scale: 0),
        Array.ConvertAll(Start, x => x / 1.25));

    // The authors count the group's steps: a parameter that comes late has other bias corrections than at the start.
    [Fact]
    public void Adans_late_parameter_starts_as_any_other()
    {
        double[] early = [.. Start], late = [.. Start];
        Parameter<double> a = Parameter.Of("a", early), b = Parameter.Of("b", late);
        using var optimizer = new Adan([a, b], new() { LearningRate = 0.05 });
        for (int i = 0; i < 10; i++)
        {
            a.Gradient = i < 5 ? Numbers.Tame(Start.Length, (ulong)i) : null;
            b.Gradient = i >= 5 ? Numbers.Tame(Start.Length, (ulong)i - 5) : null;
            optimizer.Step();
        }
        Assert.Equal(early, late);
    }

    [Fact]
    public void Adans_count_of_steps_is_found_in_the_group_of_its_authors_checkpoints()
    {
        double[] expected = Run(p => new Adan([p], new() { LearningRate = 0.05 }), 6), values = [.. Start];
        var w = Parameter.Of("w", values);
        using var before = new Adan([w], new() { LearningRate = 0.05 });
        Step(before, w, 0, 3);
        var state = before.StateDict();
        state.GetDict("state").GetDict(0).Remove("step");
        state.GetDicts("param_groups")[0]["step"] = 3;
        state.GetDicts("param_groups")[0]["max_grad_norm"] = 0.0;
        using var after = new Adan([w]);
        after.LoadStateDict(state);
        Step(after, w, 3, 6);
        Assert.Equal(expected, values);
    }

    [Fact]
    public void Adan_clips_by_the_norm_of_all_gradients_and_leaves_them_as_they_are()
    {
        double[] a = [1, 2], b = [3];
        Parameter<double> p = Parameter.Of("p", a), q = Parameter.Of("q", b), p2 = Parameter.Of("p", a.ToArray()), q2 = Parameter.Of("q", b.ToArray());
        using var clipping = new Adan([new([p]), new([q])], new() { MaxGradientNorm = 0.5, Epsilon = 0.01, LearningRate = 0.1 });
        using var plain = new Adan([p2, q2], new() { Epsilon = 0.01, LearningRate = 0.1 });
        foreach (double scale in (double[])[1, -2, 0.01])
        {
            double factor = Math.Min(1, 0.5 / (Math.Abs(scale) * 13 + 0.01)); // ‖(3, 4, 12)‖ = 13
            (p.Gradient, q.Gradient) = (new[] { 3 * scale, 4 * scale }, new[] { 12 * scale });
            (p2.Gradient, q2.Gradient) = (new[] { 3 * scale * factor, 4 * scale * factor }, new[] { 12 * scale * factor });
            clipping.Step();
            plain.Step();
            Assert.Equal(12 * scale, q.Gradient!.Value.Span[0]);
            Assert.Equal([.. p2.Values.ToArray(), .. q2.Values.ToArray()], [.. p.Values.ToArray(), .. q.Values.ToArray()], (x, y) => Math.Abs(x - y) < 1e-14);
        }
    }

    // With β₁ = 0 and no clipping: θ ← θ − ηg/max(√v, ε), v of the steps before. By hand: v = 4 from the first step, which moves nothing.
    [Fact]
    public void ADOPTs_first_step_only_measures()
    {
        var w = Parameter.Of("w", new double[] { 1 });
        using var optimizer = new ADOPT([w], new() { Betas = (0, 0.5), LearningRate = 0.1, ClipExponent = null, WeightDecay = 0.5, DecoupledWeightDecay = true });
        w.Gradient = new double[] { 2 };
        optimizer.Step();
        Assert.Equal(1, w.Values.Span[0]);
        Assert.Equal([4], optimizer.StateOf(w)!.Tensor("exp_avg_sq"));
        w.Gradient = new double[] { 6 };
        optimizer.Step();
        Assert.Equal(0.95 - 0.1 * 3, w.Values.Span[0], 1e-15);      // 6/√4
        Assert.Equal([20], optimizer.StateOf(w)!.Tensor("exp_avg_sq")); // ½ · 4 + ½ · 36
    }

    // At the second step the limit is 1ᶜ, at the third 2ᶜ.
    [Theory]
    [InlineData(0.25)]
    [InlineData(1.0)]
    public void ADOPT_clips_to_a_power_of_the_steps_before(double exponent)
    {
        var w = Parameter.Of("w", new double[] { 0, 0 });
        using var optimizer = new ADOPT([w], new() { Betas = (0, 0.5), LearningRate = 1, ClipExponent = exponent });
        foreach (double g in new[] { 1.0, 1e3, 1e9 })
        {
            w.Gradient = new[] { g, -g };
            optimizer.Step();
        }
        Near(1e-15, [-1 - Math.Pow(2, exponent), 1 + Math.Pow(2, exponent)], w.Values.ToArray());
    }

    // s grows by ε at each step, of a gradient that is just as believed: 0 always.
    [Fact]
    public void AdaBeliefs_epsilon_stays_in_its_state()
    {
        var w = Parameter.Of("w", new double[] { 1 });
        using var optimizer = new AdaBelief([w], new() { Betas = (0.9, 0.5), Epsilon = 0.25 });
        w.Gradient = new double[] { 0 };
        optimizer.Step();
        optimizer.Step();
        Assert.Equal([0.25 / 2 + 0.25], optimizer.StateOf(w)!.Tensor("exp_avg_var"));
    }

    // With β₁ = 0, m = g, and s has nothing but ε: √s = √ε at the first step.
    [Fact]
    public void AdaBelief_believes_what_it_sees_without_a_memory()
    {
        var w = Parameter.Of("w", new double[] { 1 });
        using var optimizer = new AdaBelief([w], new() { Betas = (0, 0), Epsilon = 0.25, Rectify = false, LearningRate = 0.1 });
        w.Gradient = new double[] { 3 };
        optimizer.Step();
        Assert.Equal(1 - 0.1 * 3 / (0.5 + 0.25), w.Values.Span[0], 1e-15);
    }

    // ρₜ passes 5 at the sixth step with the default β₂, as RAdam's.
    [Fact]
    public void AdaBelief_waits_as_RAdam_does() => Near(1e-15,
        Run(p => new AdaBelief([p], new() { LearningRate = 0.1 }), 5),
        Run(p => new RAdam([p], new() { LearningRate = 0.1 }), 5));

    [Fact]
    public void AdaBelief_that_is_no_SGD_only_decays_while_it_waits() => Near(1e-15,
        Run(p => new AdaBelief([p], new() { LearningRate = 0.1, WeightDecay = 0.5, DegeneratedToSGD = false }), 1),
        Array.ConvertAll(Start, x => x * 0.95));

    // The authors' rectified step divides by s, whatever the maximum.
    [Fact]
    public void AdaBeliefs_AMSGrad_works_with_rectification()
    {
        var options = new AdaBeliefOptions { Betas = (0.5, 0.9), LearningRate = 0.1 };
        double[] with = Fading(options with { AMSGrad = true }), without = Fading(options);
        Assert.True(Math.Abs(with[1]) < Math.Abs(without[1]) / 2, $"{with[1]} and {without[1]}");

        // What the last of the steps moves by, after one of 100: with the largest s so far it is small.
        static double[] Fading(AdaBeliefOptions options)
        {
            var w = Parameter.Of("w", new double[] { 0 });
            using var optimizer = new AdaBelief([w], options);
            double before = 0;
            for (int i = 0; i < 60; i++)
            {
                before = w.Values.Span[0];
                w.Gradient = new double[] { i == 0 ? 100 : i % 2 == 0 ? 1 : -0.25 };
                optimizer.Step();
            }
            return [w.Values.Span[0], w.Values.Span[0] - before];
        }
    }

    // The authors' groups share a table of rectifications by step, which the first group's betas fill.
    [Fact]
    public void AdaBeliefs_groups_rectify_by_their_own_betas_when_these_change()
    {
        double[] alone = Second(together: false), beside = Second(together: true);
        Assert.Equal(alone, beside);

        static double[] Second(bool together)
        {
            double[] values = [.. Start];
            Parameter<double> first = Parameter.Of("first", new double[] { 1 }), second = Parameter.Of("second", values);
            ParameterGroup<AdaBeliefOptions>[] groups = together ? [new([first]), new([second])] : [new([second])];
            using var optimizer = new AdaBelief(groups, new() { LearningRate = 0.1 });
            optimizer.ParameterGroups[^1].Options = optimizer.ParameterGroups[^1].Options with { Betas = (0.9, 0.9) };
            first.Gradient = new double[] { 1 };
            Step(optimizer, second, 0, 8);
            return values;
        }
    }

    [Theory]
    [InlineData("AdEMAMix")]
    [InlineData("Adan")]
    [InlineData("AdaBelief")]
    public void Complex_parameters_are_refused_as_the_authors_squares_are_complex(string optimizer)
    {
        Parameter[] z = [Parameter.Of("z", new Complex64[2], 2)];
        var error = Assert.Throws<ArgumentException>(() =>
        {
            using Optimizer made = optimizer switch { "AdEMAMix" => new AdEMAMix(z), "Adan" => new Adan(z), _ => new AdaBelief(z) };
        });
        Assert.StartsWith($"{optimizer} does not take complex parameters, but 'z' [2] Complex64 is one.", error.Message, StringComparison.Ordinal);
    }

    static double[] Run(Func<Parameter, Optimizer> make, int steps = 8, double scale = 1)
    {
        double[] values = [.. Start];
        var parameter = Parameter.Of("w", values);
        using var optimizer = make(parameter);
        Step(optimizer, parameter, 0, steps, scale);
        return values;
    }

    static void Step(Optimizer optimizer, Parameter<double> parameter, int from, int to, double scale = 1)
    {
        for (int i = from; i < to; i++)
        {
            parameter.Gradient = Array.ConvertAll(Numbers.Tame(Start.Length, (ulong)i), x => scale * x);
            optimizer.Step();
        }
    }

    static void Near(double tolerance, double[] expected, double[] actual)
    {
        double largest = expected.Max(Math.Abs);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], tolerance * largest);
    }
}
