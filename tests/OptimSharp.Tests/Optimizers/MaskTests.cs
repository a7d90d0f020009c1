namespace OptimSharp.Tests.Optimizers;

/// <summary>Masks as an option: the rule over the rule is tested in <c>AuthorTests</c>.</summary>
public class MaskTests
{
    static readonly Dictionary<string, Func<Parameter, StepMask, bool, StatePrecision, Optimizer>> All = new()
    {
        ["Adam"] = (p, mask, up, kept) => new Adam([p], new() { LearningRate = 0.05, Mask = mask, Maximize = up, StatePrecision = kept }),
        ["AdamW"] = (p, mask, up, kept) => new AdamW([p], new() { LearningRate = 0.05, WeightDecay = 0, Mask = mask, Maximize = up, StatePrecision = kept }),
        ["AMSGrad"] = (p, mask, up, kept) => new AdamW([p], new() { LearningRate = 0.05, WeightDecay = 0, AMSGrad = true, Mask = mask, Maximize = up, StatePrecision = kept }),
        ["NAdam"] = (p, mask, up, kept) => new NAdam([p], new() { LearningRate = 0.05, Mask = mask, Maximize = up, StatePrecision = kept }),
        ["RAdam"] = (p, mask, up, kept) => new RAdam([p], new() { LearningRate = 0.05, Betas = (0.9, 0.9), Mask = mask, Maximize = up, StatePrecision = kept }),
        ["Adamax"] = (p, mask, up, kept) => new Adamax([p], new() { LearningRate = 0.05, Mask = mask, Maximize = up, StatePrecision = kept }),
        ["AdaBelief"] = (p, mask, up, kept) => new AdaBelief([p], new() { LearningRate = 0.05, Rectify = false, Mask = mask, Maximize = up, StatePrecision = kept }),
        ["ADOPT"] = (p, mask, up, kept) => new ADOPT([p], new() { LearningRate = 0.05, Mask = mask, Maximize = up, StatePrecision = kept }),
        ["Adan"] = (p, mask, up, kept) => new Adan([p], new() { LearningRate = 0.05, Mask = mask, Maximize = up, StatePrecision = kept }),
        ["AdEMAMix"] = (p, mask, up, kept) => new AdEMAMix([p], new() { LearningRate = 0.05, Mask = mask, Maximize = up, StatePrecision = kept }),
        ["Lion"] = (p, mask, up, kept) => new Lion([p], new() { LearningRate = 0.05, Mask = mask, Maximize = up, StatePrecision = kept }),
    };

    public static TheoryData<string> Names => [.. All.Keys];

    // A mask that hides what is no number would hide it for good: m and v are lost.
    [Fact]
    public void What_is_no_number_is_seen()
    {
        Optimizer[] made = [new AdamW([Parameter.Of("a", new float[] { 1, 2 })], new() { Mask = StepMask.Cautious }), new LAMB([Parameter.Of("a", new float[] { 1, 2 })], new() { Caution = true })];
        foreach (var optimizer in made)
        {
            var parameter = (Parameter<float>)optimizer.ParameterGroups[0].Parameters[0];
            parameter.Gradient = new float[] { float.NaN, 1 };
            optimizer.Step();
            Assert.True(float.IsNaN(parameter.Values.Span[0]), optimizer.GetType().Name);
            optimizer.Dispose();
        }
    }

    [Fact]
    public void Every_optimizer_with_the_option_is_among_them()
    {
        string[] have = [.. typeof(Optimizer).Assembly.GetExportedTypes().Where(type => type.IsAssignableTo(typeof(OptimizerOptions)) && type.GetProperty("Mask")?.PropertyType == typeof(StepMask)).Select(type => type.Name[..^"Options".Length])];
        Assert.Equal(All.Keys.Where(name => name != "AMSGrad").Order(), have.Order());
    }

    // Without decay the step is how far a plain optimizer moves from the same state; the masked one must move so far or not at all, by the paper's formula.
    [Theory]
    [MemberData(nameof(Names))]
    public void A_cautious_step_is_the_plain_one_where_it_goes_down_the_gradient(string name)
    {
        foreach (bool up in new[] { false, true })
            Compare(name, StepMask.Cautious, up, (plain, g) =>
            {
                bool[] down = [.. plain.Zip(g, (u, x) => u * (up ? -x : x) > 0)];
                double scale = 1 / Math.Max(down.Average(d => d ? 1 : 0), 0.001);
                Assert.InRange(down.Count(d => d), 1, down.Length - 1);
                return [.. plain.Select((u, i) => down[i] ? u * scale : 0)];
            });
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_step_by_Grams_is_as_long_and_down_the_gradient(string name)
    {
        foreach (bool up in new[] { false, true })
            Compare(name, StepMask.Grams, up, (plain, g) => [.. plain.Zip(g, (u, x) => Math.Sign(up ? -x : x) * Math.Abs(u))]);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_mask_that_is_all_ones_changes_nothing(string name)
    {
        double[] plain = Run(StepMask.None);
        Assert.Equal(plain, Run(StepMask.Cautious));
        Assert.Equal(plain, Run(StepMask.Grams));

        double[] Run(StepMask mask)
        {
            double[] values = [1, -2, 3];
            var w = Parameter.Of("w", values);
            using var optimizer = All[name](w, mask, false, StatePrecision.Compute);
            for (int i = 0; i < 5; i++)
            {
                w.Gradient = new[] { 1.0, 2, -3 };
                optimizer.Step();
            }
            return values;
        }
    }

    // With state in half precision NAdam writes its parameters in two parts: a mask is for both.
    [Theory]
    [MemberData(nameof(Names))]
    public void Nothing_moves_against_the_gradient_in_half_precision(string name)
    {
        foreach (var mask in new[] { StepMask.Cautious, StepMask.Grams })
        {
            BFloat16[] values = [.. Numbers.Tame(64, 1).Select(x => (BFloat16)(float)x)];
            var w = Parameter.Of("w", values);
            using var optimizer = All[name](w, mask, false, StatePrecision.Parameter);
            for (int i = 0; i < 5; i++)
            {
                BFloat16[] g = [.. Numbers.Tame(64, (ulong)i + 2).Select(x => (BFloat16)(float)x)], before = [.. values];
                w.Gradient = g;
                optimizer.Step();
                for (int k = 0; k < g.Length; k++)
                    Assert.True(((float)values[k] - (float)before[k]) * (float)g[k] <= 0, $"{mask}, step {i}, element {k}");
            }
        }
    }

    [Theory]
    [InlineData(StepMask.Cautious)]
    [InlineData(StepMask.Grams)]
    public void A_masked_optimizer_keeps_all_laws(StepMask mask)
    {
        OptimizerLaws.Check(p => new AdamW(p, new() { Mask = mask, AMSGrad = true }), new() { Elementwise = mask == StepMask.Grams });
        OptimizerLaws.Check(p => new Lion(p, new() { LearningRate = 0.01, Mask = mask }), new() { Elementwise = mask == StepMask.Grams });
    }

    [Fact]
    public void In_files_it_is_caution_and_only_where_it_is_set()
    {
        var w = Parameter.Of("w", new double[] { 1 });
        using Optimizer plain = new AdamW([w]), cautious = new AdamW([w], new() { Mask = StepMask.Cautious }), grams = new AdamW([w], new() { Mask = StepMask.Grams });
        Assert.False(plain.StateDict().GetDicts("param_groups")[0].ContainsKey("caution"));
        Assert.Equal(true, cautious.StateDict().GetDicts("param_groups")[0]["caution"]);
        Assert.Equal("grams", grams.StateDict().GetDicts("param_groups")[0]["caution"]);
        plain.LoadStateDict(grams.StateDict());
        Assert.Equal(StepMask.Grams, ((AdamWOptions)plain.ParameterGroups[0].CurrentOptions).Mask);
        grams.LoadStateDict(cautious.StateDict());
        Assert.Equal(StepMask.Cautious, ((AdamWOptions)grams.ParameterGroups[0].CurrentOptions).Mask);
        using var fresh = new AdamW([w]);
        grams.LoadStateDict(fresh.StateDict());
        Assert.Equal(StepMask.None, ((AdamWOptions)grams.ParameterGroups[0].CurrentOptions).Mask);
        var wrong = cautious.StateDict();
        wrong.GetDicts("param_groups")[0]["caution"] = "very";
        Assert.Contains("caution", Assert.Throws<StateDictException>(() => plain.LoadStateDict(wrong)).Message, StringComparison.Ordinal);
    }

    static void Compare(string name, StepMask mask, bool up, Func<double[], double[], double[]> expected)
    {
        double[] a = Numbers.Tame(64, 1), b = [.. a];
        Parameter<double> one = Parameter.Of("w", a), other = Parameter.Of("w", b);
        using Optimizer plain = All[name](one, StepMask.None, up, StatePrecision.Compute), masked = All[name](other, mask, up, StatePrecision.Compute);
        for (int i = 0; i < 8; i++)
        {
            b.CopyTo(a.AsSpan()); // the states are the same: gradients are given, and nothing else goes into them
            double[] g = Array.ConvertAll(Numbers.Tame(64, (ulong)i + 2), x => i < 3 ? 30 * x : x), before = [.. a];
            (one.Gradient, other.Gradient) = (g, g.ToArray());
            plain.Step();
            masked.Step();
            double[] plainStep = [.. before.Zip(a, (x, y) => x - y)], step = [.. before.Zip(b, (x, y) => x - y)];
            if (i < 3 || plainStep.All(u => u == 0))
                continue; // nothing to see yet
            double[] right = expected(plainStep, g);
            for (int k = 0; k < right.Length; k++)
                Assert.Equal(right[k], step[k], 1e-12);
        }
    }
}
