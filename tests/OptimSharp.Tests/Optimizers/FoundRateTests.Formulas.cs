namespace OptimSharp.Tests.Optimizers;

// The formulas once more, for plain numbers, and what they become when the estimate stays as it is.
public partial class FoundRateTests
{
    /// <summary>Gradients that agree, so that the estimate grows.</summary>
    static double[] Steady(int step, int seed = 0) => [.. Gradient(0, seed).Zip(Gradient(step, seed), (x, y) => x + 0.1 * y)];

    // The formulas once more, for plain numbers: two groups, a parameter whose first gradient comes late, one that has none now and then.
    [Theory]
    [InlineData(1e-6, 1e-9)] // d is made of differences of weights of this size
    [InlineData(0.01, 1e-12)]
    public void Prodigy_is_its_formula(double d0, double tolerance)
    {
        double[][] theta = [Start(0), Start(1), Start(2)], mine = [.. theta.Select(x => x.ToArray())];
        Parameter<double>[] p = [.. mine.Select((x, i) => Parameter.Of($"p{i}", x, 11, 3))];
        using var optimizer = new Prodigy([new(p[..2]), new(p[2..], o => o with { WeightDecay = 0.2, Decouple = false, SafeguardWarmup = true })],
            new() { D0 = d0, LearningRate = 2, WeightDecay = 0.1, UseBiasCorrection = true, Betas = (0.8, 0.9), GrowthRate = 3, DCoefficient = 4 });
        double[][] m = Zeros(), v = Zeros(), s = Zeros();
        double[]?[] first = new double[3][];
        double d = d0, max = d0, numerator = 0, beta3 = Math.Sqrt(0.9);
        for (int t = 1; t <= 8; t++)
        {
            double dlr = d * 2 * Math.Sqrt(1 - Math.Pow(0.9, t)) / (1 - Math.Pow(0.8, t)), size = 0;
            numerator *= beta3;
            double[]?[] g = [Steady(t), t == 4 ? null : Steady(t, 1), t < 4 ? null : Steady(t, 2)];
            for (int k = 0; k < 3; k++)
            {
                p[k].Gradient = g[k];
                if (g[k] is not { } gk)
                    continue;
                first[k] ??= [.. theta[k]];
                for (int i = 0; i < Count; i++)
                {
                    double x = k == 2 ? gk[i] + 0.2 * theta[k][i] : gk[i];
                    numerator += d / d0 * dlr * x * (first[k]![i] - theta[k][i]);
                    m[k][i] = 0.8 * m[k][i] + d * (1 - 0.8) * x;
                    v[k][i] = 0.9 * v[k][i] + d * d * (1 - 0.9) * x * x;
                    s[k][i] = beta3 * s[k][i] + d / d0 * (k == 2 ? d : dlr) * x;
                    size += Math.Abs(s[k][i]);
                }
            }
            double hat = 4 * numerator / size;
            if (d == d0)
                d = Math.Max(d, hat);
            max = Math.Max(max, hat);
            d = Math.Min(max, d * 3);
            for (int k = 0; k < 3; k++)
            {
                for (int i = 0; g[k] is not null && i < Count; i++)
                    theta[k][i] -= (k == 2 ? 0 : 0.1 * dlr * theta[k][i]) + dlr * m[k][i] / (Math.Sqrt(v[k][i]) + d * 1e-8);
            }
            optimizer.Step();
            for (int k = 0; k < 3; k++)
                Near(theta[k], mine[k], tolerance);
            Assert.Equal(1, NumberOf(optimizer, "d") / d, tolerance);
            Assert.Equal(1, NumberOf(optimizer, "d_max") / max, tolerance);
        }
        Assert.True(d > 2 * d0, $"The estimate was to grow, but it is {d}.");
        Assert.Equal(8L, optimizer.StateDict().GetDicts("param_groups")[1]["k"]);
    }

    [Fact]
    public void DAdaptAdam_is_its_formula()
    {
        double[][] theta = [Start(0), Start(1), Start(2)], mine = [.. theta.Select(x => x.ToArray())];
        Parameter<double>[] p = [.. mine.Select((x, i) => Parameter.Of($"p{i}", x, 11, 3))];
        using var optimizer = new DAdaptAdam([new(p[..2]), new(p[2..], o => o with { WeightDecay = 0.2, Decouple = false, LayerScale = 0.25 })],
            new() { D0 = 1e-3, LearningRate = 0.5, WeightDecay = 0.1, Decouple = true, UseBiasCorrection = true, Betas = (0.8, 0.9), GrowthRate = 2 });
        double[][] m = Zeros(), v = Zeros(), s = Zeros();
        double d = 1e-3, weighted = 0, beta3 = Math.Sqrt(0.9);
        for (int t = 1; t <= 8; t++)
        {
            double dlr = d * 0.5 * Math.Sqrt(1 - Math.Pow(0.9, t)) / (1 - Math.Pow(0.8, t)), size = 0, sum = 0;
            double[]?[] g = [Steady(t), t == 4 ? null : Steady(t, 1), t < 4 ? null : Steady(t, 2)];
            for (int k = 0; k < 3; k++)
            {
                p[k].Gradient = g[k];
                double r = k == 2 ? 0.25 : 1;
                for (int i = 0; g[k] is not null && i < Count; i++)
                {
                    double x = k == 2 ? g[k]![i] + 0.2 * theta[k][i] : g[k]![i];
                    sum += r * dlr * x * s[k][i] / (Math.Sqrt(v[k][i]) + 1e-8);
                    m[k][i] = 0.8 * m[k][i] + r * dlr * (1 - 0.8) * x;
                    v[k][i] = 0.9 * v[k][i] + (1 - 0.9) * x * x;
                    s[k][i] = beta3 * s[k][i] + dlr * (1 - beta3) * x;
                    size += r * Math.Abs(s[k][i]);
                    theta[k][i] -= (k == 2 ? 0 : 0.1 * dlr * theta[k][i]) + m[k][i] / (Math.Sqrt(v[k][i]) + 1e-8);
                }
            }
            weighted = beta3 * weighted + (1 - beta3) * sum;
            d = Math.Max(d, Math.Min(weighted / ((1 - beta3) * size), d * 2));
            optimizer.Step();
            for (int k = 0; k < 3; k++)
                Near(theta[k], mine[k], 1e-12);
            Assert.Equal(1, NumberOf(optimizer, "d") / d, 1e-12);
        }
        Assert.True(d > 2e-3, $"The estimate was to grow, but it is {d}.");
    }

    // m and v are d and d² times Adam's, which the fraction does not show. LAMB without decay and clipping is an Adam whose bias correction can be switched off.
    [Fact]
    public void Prodigy_that_does_not_believe_its_estimate_is_Adam_with_the_rate_d0() => Near(
        Run(p => new LAMB([p], new() { LearningRate = 0.05 * 0.5, WeightDecay = 0, MaxGradientNorm = null, BiasCorrection = false, Epsilon = 1e-3 })),
        Run(p => new Prodigy([p], new() { D0 = 0.05, LearningRate = 0.5, DCoefficient = 1e-300, Epsilon = 1e-3 })), 1e-13);

    [Fact]
    public void DAdaptAdam_that_may_not_grow_is_Adam_with_the_rate_d0() => Near(
        Run(p => new LAMB([p], new() { LearningRate = 0.05 * 0.5, WeightDecay = 0, MaxGradientNorm = null, BiasCorrection = false, Epsilon = 1e-3 })),
        Run(p => new DAdaptAdam([p], new() { D0 = 0.05, LearningRate = 0.5, GrowthRate = 1, Epsilon = 1e-3 })), 1e-13);

    static double[][] Zeros() => [new double[Count], new double[Count], new double[Count]];

    static double[] Run(Func<Parameter, Optimizer> make)
    {
        double[] values = Start(0);
        var p = Parameter.Of("p", values);
        using var optimizer = make(p);
        for (int i = 0; i < 8; i++)
        {
            p.Gradient = Gradient(i);
            optimizer.Step();
        }
        return values;
    }

    static void Near(double[] expected, double[] actual, double tolerance) => Assert.All(expected.Zip(actual), x => Assert.Equal(x.First, x.Second, tolerance));
}
