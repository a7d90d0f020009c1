using OptimSharp.Conformance;
using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.Optimizers;

/// <summary>Wrong options and parameters: type and message, and nothing made.</summary>
public class OptionErrorTests
{
    // test_errors: PyTorch's error inputs, and what it lets pass.
    [Theory]
    [InlineData("Adadelta", "rho", 1.1, "Rho must be in [0, 1], but is 1.1.")]
    [InlineData("Adadelta", "eps", -1.0, "Epsilon must be ≥ 0, but is -1.")]
    [InlineData("Adafactor", "beta2_decay", 0.5, "Beta2Decay must be ≤ 0, but is 0.5.")]
    [InlineData("Adafactor", "d", 0.5, "ClippingThreshold must be ≥ 1, but is 0.5.")]
    [InlineData("AdEMAMix", "alpha", -1.0, "Alpha must be ≥ 0, but is -1.")]
    [InlineData("AdEMAMix", "beta3_warmup", -1.0, "Beta3Warmup must be ≥ 0, but is -1.")]
    [InlineData("ADOPT", "clip_exponent", -0.5, "ClipExponent must be ≥ 0, but is -0.5.")]
    [InlineData("Adagrad", "lr_decay", -0.5, "LearningRateDecay must be ≥ 0, but is -0.5.")]
    [InlineData("Adagrad", "initial_accumulator_value", -1.0, "InitialAccumulatorValue must be ≥ 0, but is -1.")]
    [InlineData("ASGD", "weight_decay", -0.5, "WeightDecay must be ≥ 0, but is -0.5.")]
    [InlineData("ASGD", "lambd", -0.5, "Lambda must be ≥ 0, but is -0.5.")]
    [InlineData("LAMB", "max_grad_norm", 0.0, "MaxGradientNorm must be > 0, but is 0.")]
    [InlineData("LARS", "trust_coeff", -1.0, "TrustCoefficient must be ≥ 0, but is -1.")]
    [InlineData("LBFGS", "max_iter", 0.0, "MaxIterations must be ≥ 1, but is 0.")]
    [InlineData("LBFGS", "history_size", 0.0, "HistorySize must be ≥ 1, but is 0.")]
    [InlineData("Muon", "ns_steps", 100.0, "NewtonSchulzSteps must be in [0, 100), but is 100.")]
    [InlineData("Muon", "momentum", -0.1, "Momentum must be in [0, 1], but is -0.1.")]
    [InlineData("NAdam", "momentum_decay", -0.2, "MomentumDecay must be ≥ 0, but is -0.2.")]
    [InlineData("RMSprop", "momentum", -1.0, "Momentum must be ≥ 0, but is -1.")]
    [InlineData("RMSprop", "alpha", 1.5, "Alpha must be in [0, 1], but is 1.5.")]
    [InlineData("SGD", "momentum", -0.5, "Momentum must be ≥ 0, but is -0.5.")]
    [InlineData("SparseAdam", "eps", 0.0, "Epsilon must be > 0, but is 0.")]
    public void An_option_out_of_range_is_named_with_its_value(string optimizer, string key, double value, string message)
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => OptimizerDriver.For(optimizer).Create([Parameter.Of("w", new float[4], 2, 2)], [new(key, value)]));
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Rows.Optimizers), MemberType = typeof(Rows))]
    public void A_negative_rate_and_one_that_is_no_number_are_refused(string optimizer)
    {
        foreach (double rate in new[] { -1, double.NaN })
        {
            var error = Assert.Throws<ArgumentOutOfRangeException>(() => OptimizerDriver.For(optimizer).Create([Parameter.Of("w", new float[4], 2, 2)], [new("lr", rate)]));
            Assert.StartsWith($"LearningRate must be ≥ 0, but is {rate}.", error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("Adam", 1.0, 0.0, "Betas[0] must be in [0, 1), but is 1.")]
    [InlineData("Adamax", 0.0, 1.0, "Betas[1] must be in [0, 1), but is 1.")]
    [InlineData("Lion", 0.9, 1.0, "Betas[1] must be in [0, 1), but is 1.")]
    [InlineData("NAdam", 0.9, -0.1, "Betas[1] must be in [0, 1), but is -0.1.")]
    [InlineData("RAdam", 1.5, 0.9, "Betas[0] must be in [0, 1), but is 1.5.")]
    [InlineData("SparseAdam", 1.0, 0.9, "Betas[0] must be in [0, 1), but is 1.")]
    public void So_are_betas(string optimizer, double beta1, double beta2, string message)
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => OptimizerDriver.For(optimizer).Create([Parameter.Of("w", new float[4])], [new("betas", new[] { beta1, beta2 })]));
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rprops_pairs_must_be_in_order()
    {
        Parameter[] parameters = [Parameter.Of("w", new float[4])];
        Assert.StartsWith("Etas must be below and above 1, but are 1 and 0.5.", Assert.Throws<ArgumentException>(() => new Rprop(parameters, new() { Etas = (1, 0.5) })).Message, StringComparison.Ordinal);
        Assert.StartsWith("Etas[0] must be > 0, but is 0.", Assert.Throws<ArgumentOutOfRangeException>(() => new Rprop(parameters, new() { Etas = (0, 1.5) })).Message, StringComparison.Ordinal);
        Assert.StartsWith("StepSizes must be in order, but are 2 and 1.", Assert.Throws<ArgumentException>(() => new Rprop(parameters, new() { StepSizes = (2, 1) })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Adafactors_first_epsilon_may_be_left_to_the_type_but_not_be_negative()
    {
        Parameter[] parameters = [Parameter.Of("w", new float[4])];
        using var optimizer = new Adafactor(parameters);
        ParameterGroup group = optimizer.ParameterGroups[0];
        Assert.Equal([null, 1e-3], (object?[])group["eps"]!);
        group["eps"] = new object?[] { 1e-10, 1e-2 };
        Assert.Equal((1e-10, 1e-2), optimizer.ParameterGroups[0].Options.Epsilon);
        group["eps"] = new object?[] { null, 1e-2 };
        Assert.Null(optimizer.ParameterGroups[0].Options.Epsilon.Epsilon1);
        Assert.Throws<ArgumentOutOfRangeException>(() => group["eps"] = new object?[] { -1.0, 1e-2 });
    }

    [Fact]
    public void Choices_have_torch_names()
    {
        using var muon = new Muon([Parameter.Of("w", new float[4], 2, 2)]);
        ParameterGroup group = muon.ParameterGroups[0];
        Assert.Equal("original", group["adjust_lr_fn"]);
        group["adjust_lr_fn"] = "match_rms_adamw";
        Assert.Equal(MuonRateAdjustment.MatchRmsAdamW, muon.ParameterGroups[0].Options.RateAdjustment);
        group["adjust_lr_fn"] = null;
        Assert.Equal(MuonRateAdjustment.Original, muon.ParameterGroups[0].Options.RateAdjustment);
        var error = Assert.Throws<ArgumentException>(() => group["adjust_lr_fn"] = "arbitrary");
        Assert.StartsWith("RateAdjustment ('adjust_lr_fn') is one of original, match_rms_adamw, spectral_unclamped and cannot be arbitrary.", error.Message, StringComparison.Ordinal);

        using var lbfgs = new LBFGS([Parameter.Of("w", new float[4])], new() { LineSearch = LineSearch.StrongWolfe });
        group = lbfgs.ParameterGroups[0];
        Assert.Equal("strong_wolfe", group["line_search_fn"]);
        group["line_search_fn"] = null;
        Assert.Equal(LineSearch.None, lbfgs.ParameterGroups[0].Options.LineSearch);
        error = Assert.Throws<ArgumentException>(() => group["line_search_fn"] = "weak_wolfe");
        Assert.StartsWith("LineSearch ('line_search_fn') is one of none, strong_wolfe and cannot be weak_wolfe.", error.Message, StringComparison.Ordinal);
    }

    public static TheoryData<long[]> NoMatrices => new((long[])[4], (long[])[2, 2, 1], (long[])[1]);

    [Theory]
    [MemberData(nameof(NoMatrices))]
    public void Muon_refuses_what_is_no_matrix_in_later_groups_too(long[] shape)
    {
        Parameter[] wrong = [Parameter.Of("w", new float[shape.Aggregate(1L, (a, b) => a * b)], shape)];
        Assert.StartsWith("Muon's parameters must be matrices, but 'w'", Assert.Throws<ArgumentException>(() => new Muon(wrong)).Message, StringComparison.Ordinal);
        using var optimizer = new Muon([Parameter.Of("m", new float[4], 2, 2)]);
        Assert.Throws<ArgumentException>(() => optimizer.AddParameterGroup(new(wrong)));
        Assert.Single(optimizer.ParameterGroups);
    }

    [Theory]
    [InlineData("SparseAdam", "Adam")]
    [InlineData("Adafactor", "Adam")]
    [InlineData("Muon", "AdamW")]
    public void Complex_parameters_are_refused_where_they_make_no_sense(string optimizer, string alternative)
    {
        var error = Assert.Throws<ArgumentException>(() => OptimizerDriver.For(optimizer).Create([Parameter.Of("z", new Complex64[4], 2, 2)], []));
        Assert.StartsWith($"{optimizer} does not take complex parameters, but 'z' [2, 2] Complex64 is one. {alternative} does.", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Rows.Optimizers), MemberType = typeof(Rows))]
    public void Overrides_of_a_group_are_checked_too(string optimizer)
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => OptimizerDriver.For(optimizer).Create([([Parameter.Of("w", new float[4], 2, 2)], [new("lr", -1)])], []));
        Assert.StartsWith("LearningRate must be ≥ 0, but is -1 (parameter group 0).", error.Message, StringComparison.Ordinal);
    }
}
