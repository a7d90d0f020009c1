using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.Optimizers;

/// <summary>Optimizers that are special cases of others, or of themselves: the same bits.</summary>
public class AlgebraicLawTests
{
    static readonly double[] Start = Numbers.Tame(11, 100);

    [Fact]
    public void AdamW_without_decay_is_Adam() => Same(
        p => new AdamW([p], new() { WeightDecay = 0 }),
        p => new Adam([p]));

    [Fact]
    public void Adam_with_decoupled_decay_is_AdamW() => Same(
        p => new Adam([p], new() { DecoupledWeightDecay = true, WeightDecay = 0.1, LearningRate = 0.1 }),
        p => new AdamW([p], new() { WeightDecay = 0.1, LearningRate = 0.1 }));

    [Fact]
    public void SGD_with_momentum_0_is_plain_SGD() => Same(
        p => new SGD([p], new() { LearningRate = 0.1, Momentum = 0, Dampening = 0.5 }),
        p => new SGD([p], new() { LearningRate = 0.1 }));

    [Fact]
    public void RMSprop_with_alpha_0_and_Adagrad_divide_a_first_gradient_by_its_size() => Same(
        p => new RMSprop([p], new() { Alpha = 0, LearningRate = 0.1, Epsilon = 1e-10 }),
        p => new Adagrad([p], new() { LearningRate = 0.1, Epsilon = 1e-10 }),
        steps: 1);

    // ρₜ passes 5 at the sixth step with the default betas; up to then RAdam is momentum with its bias corrected.
    [Fact]
    public void RAdam_before_its_sixth_step_is_unadapted() => Same(
        p => new RAdam([p], new() { LearningRate = 0.1 }),
        p => new RAdam([p], new() { LearningRate = 0.1, Epsilon = 1e6 }), // ε appears in the denominator only
        steps: 5);

    [Fact]
    public void And_from_the_sixth_on_it_is_not() => Assert.NotEqual(
        Run(p => new RAdam([p], new() { LearningRate = 0.1 }), 6),
        Run(p => new RAdam([p], new() { LearningRate = 0.1, Epsilon = 1e6 }), 6));

    [Fact]
    public void RAdam_with_too_short_a_memory_never_adapts() => Same( // ρ∞ = 2/(1 − 0.5) − 1 = 3
        p => new RAdam([p], new() { Betas = (0.9, 0.5) }),
        p => new RAdam([p], new() { Betas = (0.9, 0.5), Epsilon = 1e6 }),
        steps: 20);

    [Fact]
    public void ASGD_without_lambda_and_decay_is_SGD() => Same(
        p => new ASGD([p], new() { LearningRate = 0.1, Lambda = 0 }),
        p => new SGD([p], new() { LearningRate = 0.1 }));

    [Theory]
    [MemberData(nameof(Rows.SteppableWith), "maximize", MemberType = typeof(Rows))]
    public void Maximizing_is_minimizing_the_negative(string optimizer)
    {
        var driver = OptimizerDriver.For(optimizer);
        foreach (var set in OptimizerSamples.OptionSets(driver.Type))
        {
            KeyValuePair<string, object?>[] others = [.. set.Where(o => o.Key != "maximize")];
            Optimizer Make(Parameter p, bool maximize) => driver.Create([p], [.. others, new("maximize", maximize)]);
            Assert.Equal(Run(p => Make(p, false), 7), Run(p => Make(p, true), 7, negate: true));
        }
    }

    [Fact]
    public void A_group_split_in_two_is_one_group() => Assert.All(
        new Func<IEnumerable<ParameterGroup<NAdamOptions>>, Optimizer>[] { groups => new NAdam(groups) },
        make =>
        {
            double[] a = [.. Start], b = [.. Start], c = [.. Start], d = [.. Start];
            Parameter<double>[] p = [Parameter.Of("a", a), Parameter.Of("b", b), Parameter.Of("c", c), Parameter.Of("d", d)];
            using var one = make([new(p[..2])]);
            using var two = make([new(p[2..3]), new(p[3..])]);
            for (int i = 0; i < 7; i++)
            {
                foreach (var x in p)
                    x.Gradient = Numbers.Tame(Start.Length, (ulong)i);
                one.Step();
                two.Step();
            }
            Assert.Equal(a, c);
            Assert.Equal(b, d);
        });

    [Fact]
    public void Muon_steps_by_orthogonal_matrices()
    {
        // The Newton–Schulz iteration takes singular values into about [0.7, 1.2]; the rows of a 2 × 64 update are then nearly orthogonal.
        float[] values = new float[128];
        var parameter = Parameter.Of("w", values, 2, 64);
        parameter.Gradient = Array.ConvertAll(Numbers.Tame(128, 5), x => (float)x);
        using var optimizer = new Muon([parameter], new() { LearningRate = 1, WeightDecay = 0 });
        optimizer.Step();
        double[] a = Array.ConvertAll(values[..64], x => (double)x), b = Array.ConvertAll(values[64..], x => (double)x);
        Assert.InRange(a.Sum(x => x * x), 0.4, 1.5);
        Assert.InRange(b.Sum(x => x * x), 0.4, 1.5);
        Assert.InRange(a.Zip(b).Sum(p => p.First * p.Second), -0.3, 0.3);
    }

    [Fact]
    public void Muon_of_a_transposed_matrix_is_transposed()
    {
        float[] g = Array.ConvertAll(Numbers.Tame(35, 6), x => (float)x), tall = new float[35], wide = new float[35];
        Parameter<float> a = Parameter.Of("tall", tall, 7, 5), b = Parameter.Of("wide", wide, 5, 7);
        a.Gradient = g;
        b.Gradient = Enumerable.Range(0, 35).Select(i => g[i % 7 * 5 + i / 7]).ToArray();
        using var optimizer = new Muon([a, b], new() { WeightDecay = 0, RateAdjustment = MuonRateAdjustment.MatchRmsAdamW });
        optimizer.Step();
        // The norm is summed in another order: the last bits may differ.
        for (int i = 0; i < 35; i++)
            Assert.Equal(tall[i % 7 * 5 + i / 7], wide[i], 1e-7f);
    }

    static void Same(Func<Parameter, Optimizer> one, Func<Parameter, Optimizer> other, int steps = 8) => Assert.Equal(Run(one, steps), Run(other, steps));

    static double[] Run(Func<Parameter, Optimizer> make, int steps, bool negate = false)
    {
        double[] values = [.. Start];
        var parameter = Parameter.Of("w", values);
        using var optimizer = make(parameter);
        for (int i = 0; i < steps; i++)
        {
            parameter.Gradient = Array.ConvertAll(Numbers.Tame(Start.Length, (ulong)i), x => negate ? -x : x);
            optimizer.Step();
        }
        return values;
    }
}
