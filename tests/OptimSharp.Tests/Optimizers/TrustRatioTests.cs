using System.Numerics;
using OptimSharp.Rules;

namespace OptimSharp.Tests.Optimizers;

/// <summary>LAMB and LARS: the laws between them and others, the lengths of their steps, and where ours differ from timm's on purpose.</summary>
public class TrustRatioTests
{
    const int Count = 100;

    static double[] Gradient(int step) => Numbers.Tame(Count, (ulong)step);

    [Fact]
    public void LAMB_without_decay_is_Adam() => Close(
        p => new LAMB([p], new() { LearningRate = 0.1, WeightDecay = 0, Epsilon = 1e-8, MaxGradientNorm = null }),
        p => new Adam([p], new() { LearningRate = 0.1 }));

    // The clip takes the ratio down to 1 where the weights are longer than the direction.
    [Fact]
    public void LAMB_with_trust_ratio_1_is_AdamW() => Close(
        p => new LAMB([p], new() { LearningRate = 0.1, WeightDecay = 0.2, DecoupledDecay = true, TrustClip = true, Epsilon = 1e-8, MaxGradientNorm = null }),
        p => new AdamW([p], new() { LearningRate = 0.1, WeightDecay = 0.2 }), size: 1000);

    [Fact]
    public void And_with_another_one_it_is_not() => Assert.NotEqual(
        Run(p => new LAMB([p], new() { LearningRate = 0.1, WeightDecay = 0.2, DecoupledDecay = true, Epsilon = 1e-8, MaxGradientNorm = null }), 3, 1000)[0],
        Run(p => new AdamW([p], new() { LearningRate = 0.1, WeightDecay = 0.2 }), 3, 1000)[0], 1e-3);

    [Theory]
    [InlineData(false, null)]
    [InlineData(false, 0.5)]
    [InlineData(true, null)]
    [InlineData(true, 0.5)]
    public void A_step_of_LAMB_is_as_long_as_the_weights_times_the_rate(bool caution, double? maxNorm)
    {
        double[] start = Start(3), after = [.. start];
        var p = Parameter.Of("w", after);
        using var optimizer = new LAMB([p], new() { LearningRate = 0.25, WeightDecay = 0.5, Caution = caution, MaxGradientNorm = maxNorm, Betas = (0.5, 0.9) });
        for (int i = 0; i < 4; i++)
        {
            start = [.. after];
            p.Gradient = Gradient(i);
            optimizer.Step();
            Assert.Equal(0.25 * Norm(start), Norm(after.Zip(start, (a, b) => a - b)), 1e-12 * Norm(start));
        }
    }

    [Fact]
    public void LARS_without_decay_is_SGD() => Assert.Equal(
        Run(p => new LARS([p], new() { LearningRate = 0.1, Momentum = 0.9, Dampening = 0.5 }), 8, 1),
        Run(p => new SGD([p], new() { LearningRate = 0.1, Momentum = 0.9, Dampening = 0.5 }), 8, 1));

    [Fact]
    public void A_step_of_LARS_does_not_depend_on_the_size_of_the_gradient()
    {
        double[] Stepped(double size)
        {
            double[] values = Start(1);
            var p = Parameter.Of("w", values);
            p.Gradient = Array.ConvertAll(Gradient(1), x => size * x);
            using var optimizer = new LARS([p], new() { TrustCoefficient = 0.1, AlwaysAdapt = true, Epsilon = 0 });
            optimizer.Step();
            return values;
        }
        double[] small = Stepped(1), large = Stepped(1 << 20);
        Assert.Equal(small, large);
        Assert.Equal(0.1 * Norm(Start(1)), Norm(small.Zip(Start(1), (a, b) => a - b)), 1e-13);
    }

    [Fact]
    public void LARC_takes_no_longer_step_than_SGD() => Assert.Equal(
        Run(p => new LARS([p], new() { LearningRate = 1e-4, TrustCoefficient = 10, AlwaysAdapt = true, TrustClip = true }), 8, 1),
        Run(p => new SGD([p], new() { LearningRate = 1e-4 }), 8, 1));

    // timm has its bias correction from the group's count of steps.
    [Fact]
    public void A_parameter_of_LAMB_that_starts_late_is_corrected_by_its_own_steps()
    {
        double[] early = Start(1), late = Start(2), alone = Start(2);
        Parameter<double> a = Parameter.Of("early", early), b = Parameter.Of("late", late), c = Parameter.Of("alone", alone);
        LAMBOptions options = new() { LearningRate = 0.1, MaxGradientNorm = null };
        using var both = new LAMB([a, b], options);
        using var single = new LAMB([c], options);
        for (int i = 0; i < 6; i++)
        {
            a.Gradient = Gradient(10 + i);
            if (i >= 3)
                b.Gradient = c.Gradient = Gradient(i);
            both.Step();
            if (i >= 3)
                single.Step();
        }
        Assert.Equal(alone, late);
    }

    [Fact]
    public void LAMB_clips_by_the_norm_of_all_groups_and_types_and_a_group_by_its_own_limit()
    {
        double[] a = Start(1), b = Start(1), c = Start(2), d = Start(2);
        float[] e = new float[2];
        Parameter<double> pa = Parameter.Of("a", a), pb = Parameter.Of("b", b), pc = Parameter.Of("c", c), pd = Parameter.Of("d", d);
        var pe = Parameter.Of("e", e);
        using var clipped = new LAMB([new([pa]), new([pc, pe], o => o with { MaxGradientNorm = 2 })], new() { LearningRate = 0.1 });
        using var plain = new LAMB([pb, pd], new() { LearningRate = 0.1, MaxGradientNorm = null });
        for (int i = 0; i < 3; i++)
        {
            (pa.Gradient, pc.Gradient, pe.Gradient) = (Gradient(i), Gradient(i + 5), new float[] { 3, 4 });
            double norm = Math.Sqrt(Gradient(i).Concat(Gradient(i + 5)).Sum(x => x * x) + 25);
            (pb.Gradient, pd.Gradient) = (Array.ConvertAll(Gradient(i), x => x / norm), Array.ConvertAll(Gradient(i + 5), x => x / (norm / 2)));
            clipped.Step();
            plain.Step();
        }
        Assert.All(a.Zip(b), p => Assert.Equal(p.Second, p.First, 1e-13));
        Assert.All(c.Zip(d), p => Assert.Equal(p.Second, p.First, 1e-13));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Complex_elements_are_pairs_of_real_ones_to_LAMB(bool caution)
    {
        double[] pairs = Start(1);
        var numbers = new Complex[Count / 2];
        for (int i = 0; i < numbers.Length; i++)
            numbers[i] = new(pairs[2 * i], pairs[2 * i + 1]);
        var p = Parameter.Of("pairs", pairs);
        var q = Parameter.Of("numbers", numbers);
        LAMBOptions options = new() { LearningRate = 0.1, Caution = caution };
        using var real = new LAMB([p], options);
        using var complex = new LAMB([q], options);
        for (int i = 0; i < 4; i++)
        {
            double[] g = Gradient(i);
            (p.Gradient, q.Gradient) = (g, Enumerable.Range(0, Count / 2).Select(k => new Complex(g[2 * k], g[2 * k + 1])).ToArray());
            real.Step();
            complex.Step();
        }
        Assert.Equal(pairs, numbers.SelectMany(z => new[] { z.Real, z.Imaginary }));
    }

    // timm's checkpoints have the count of steps in the group.
    [Fact]
    public void A_groups_count_of_steps_becomes_its_parameters()
    {
        double[] a = Start(1), b = [.. a];
        Parameter<double> p = Parameter.Of("w", a), q = Parameter.Of("w", b);
        using var first = new LAMB([p]);
        p.Gradient = q.Gradient = Gradient(1);
        first.Step();
        first.Step();
        var state = first.StateDict();
        var group = state.GetDicts("param_groups")[0];
        state.GetDict("state").GetDict(0).Remove("step");
        group["step"] = 2.0;
        a.CopyTo(b, 0);
        using var second = new LAMB([q]);
        second.LoadStateDict(state);
        Assert.Equal(2, second.StateOf(q)!.Step);
        Assert.False(second.ParameterGroups[0].Extras.ContainsKey("step"));
        first.Step();
        second.Step();
        Assert.Equal(a, b);
    }

    [Fact]
    public void The_norm_that_rules_have_is_of_all_gradients_as_they_will_see_them()
    {
        Parameter<float> dense = Parameter.Of("dense", new float[3]), table = Parameter.Of("table", new float[8], 4, 2);
        Parameter<double> other = Parameter.Of("other", new double[2]);
        Parameter<BFloat16> half = Parameter.Of("half", new BFloat16[1]);
        Parameter[] all = [dense, table, other, half];
        void Fill()
        {
            dense.Gradient = new float[] { 1, 2, 3 };
            table.SparseGradient = new(new long[] { 3, 1, 3 }, new float[] { 1, 1, 2, 2, 3, 3 }); // rows (4, 4) and (2, 2)
            other.Gradient = new double[] { 4, 5 };
            half.Gradient = new[] { (BFloat16)6f };
        }
        double expected = Math.Sqrt(1 + 4 + 9 + 2 * 16 + 2 * 4 + 16 + 25 + 36);
        foreach (bool densify in new[] { false, true })
        {
            using var optimizer = new NormKeeper(all, densify);
            Fill();
            optimizer.Step();
            Assert.All(all, p => Assert.Equal(expected, optimizer.StateOf(p)!.Scalar("norm"), 1e-14));
            var step = new TrainingStep(optimizer, new() { MaxNorm = 1 });
            Fill();
            step.Step();
            Assert.All(all, p => Assert.Equal(expected / (expected + 1e-6), optimizer.StateOf(p)!.Scalar("norm"), 0.01)); // bfloat16's 6 is clipped, too
            Assert.All(all, p => Assert.Equal(optimizer.StateOf(dense)!.Scalar("norm"), optimizer.StateOf(p)!.Scalar("norm")));
        }
    }

    sealed record NormOptions : OptimizerOptions
    {
        public override double LearningRate { get; init; } = 1;
    }

    sealed class NormKeeper(IEnumerable<Parameter> parameters, bool densify) : Optimizer<NormOptions>(Group(parameters), null)
    {
        static readonly StateEntry Norm = StateEntry.Number("norm");
        static readonly StateEntry[] Entries = [Norm];

        protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Entries;

        protected override string? Refuses(bool sparse, NormOptions options) => null;

        protected override void Update<T>(GroupStep<T> group, NormOptions options)
        {
            foreach (var x in group)
            {
                if (densify)
                    x.Densify();
                x.SetNumber(Norm, group.GradientNorm());
            }
        }
    }

    static double Norm(IEnumerable<double> x) => Math.Sqrt(x.Sum(y => y * y));

    static double[] Start(double size) => Array.ConvertAll(Numbers.Tame(Count, 11), x => size * x);

    static void Close(Func<Parameter, Optimizer> one, Func<Parameter, Optimizer> other, double size = 1) =>
        Assert.All(Run(one, 8, size).Zip(Run(other, 8, size)), p => Assert.Equal(p.Second, p.First, 1e-13 * size));

    static double[] Run(Func<Parameter, Optimizer> make, int steps, double size)
    {
        double[] values = Start(size);
        var p = Parameter.Of("w", values);
        using var optimizer = make(p);
        for (int i = 0; i < steps; i++)
        {
            p.Gradient = Gradient(i);
            optimizer.Step();
        }
        return values;
    }
}
