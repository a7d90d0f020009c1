using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace OptimSharp.Torch.Tests;

/// <summary>Rules over the names that modules have.</summary>
public sealed class GroupRulesTests : IDisposable
{
    readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    static GroupRules<AdamWOptions> Rules => new GroupRules<AdamWOptions>().NoDecayOnVectors().LayerDecay(0.5, "blocks.{i}.**", first: "{tokens,positions}.*", last: "norm.*");

    [Fact]
    public void A_models_names_are_ruled_and_tied_weights_are_one()
    {
        using var model = new TiedGPT();
        using var optimizer = new AdamW(Rules.RequireAll().Of(model.Parameters()), new() { LearningRate = 1 });
        Assert.Equal([(0.125, 0.01), (0.25, 0), (0.25, 0.01), (0.5, 0), (0.5, 0.01), (1, 0)], optimizer.ParameterGroups.Select(g => (g.LearningRate, g.Options.WeightDecay)));
        Assert.Equal(["tokens.weight positions.weight", "norm.weight norm.bias"], ((int[])[0, 5]).Select(i => string.Join(' ', optimizer.ParameterGroups[i].Parameters.Select(p => p.Name))));
        Assert.Equal(["attention.weight", "projection.weight", "wide.weight", "narrow.weight"], optimizer.ParameterGroups[2].Parameters.Select(p => p.Name["blocks.0.".Length..]));
        var refused = Assert.Throws<ArgumentException>(() => Rules.For("head.*", o => o).Of(model.Parameters()));
        Assert.StartsWith("The rule 'head.*' finds no parameter.", refused.Message, StringComparison.Ordinal); // it is "tokens.weight", which came first
        Assert.Equal(88 + 48 + 2 * 872 + 16, optimizer.Audit().Total.Count);
    }

    [Fact]
    public void The_encoder_of_torch_has_pytorchs_names()
    {
        using var model = TransformerEncoder(TransformerEncoderLayer(8, 2, 16), 3);
        var rules = new GroupRules<AdamWOptions>().For("layers.*.self_attn.**", o => o with { LearningRate = 2 }).For("layers.{i}.norm{1,2}.*", (o, i) => o with { WeightDecay = i }).Freeze("layers.*.linear{1,2}.*");
        var ruled = rules.Of(model.Parameters());
        using var optimizer = new AdamW(ruled);
        Assert.Equal(12, ruled.Frozen.Count);
        Assert.Equal(12, optimizer.ParameterGroups.Single(g => g.LearningRate == 2).Parameters.Count);
        Assert.Equal([0, 1, 2], optimizer.ParameterGroups.Where(g => g.LearningRate != 2).Select(g => g.Options.WeightDecay));
        Assert.Contains("layers.0.self_attn.in_proj_weight", optimizer.Audit().Rows.Select(row => row.Name));
    }

    [Fact]
    public void What_is_frozen_stays_and_needs_no_gradient()
    {
        using var model = Models.Small();
        var ruled = new GroupRules<SGDOptions>().Freeze("first.*").Of(model.Parameters());
        using var optimizer = new SGD(ruled, new() { LearningRate = 0.1 });
        var (input, target) = Models.Data();
        double[] before = [.. model.parameters().Take(2).SelectMany(p => Models.Values(p))];

        Models.Backward(model, input, target);
        Assert.Equal("'first.weight', 'first.bias' are frozen, but have a gradient, which nothing uses: it need not be computed.", Assert.Single(optimizer.Audit().Warnings));
        foreach (var parameter in ruled.Frozen.Cast<TorchParameter>())
        {
            parameter.Tensor.requires_grad = false;
            parameter.Tensor.grad = null;
        }
        double first = Models.Backward(model, input, target);
        optimizer.Step();
        Assert.Equal(before, model.parameters().Take(2).SelectMany(p => Models.Values(p)));
        Assert.Empty(optimizer.Audit().Warnings);
        optimizer.ZeroGrad();
        Assert.True(Models.Backward(model, input, target) < first);
    }

    [Fact]
    public void A_model_that_moves_takes_frozen_parameters_along()
    {
        using var model = Models.Small();
        var rules = new GroupRules<AdamWOptions>().NoDecayOnVectors().Freeze("first.*");
        using var optimizer = new AdamW(rules.Of(model.Parameters()));
        string before = optimizer.Audit().ToString();
        model.to(float64);
        Assert.Empty(Warned(() => optimizer.Rebind(model.Parameters())));
        Assert.Equal(before, optimizer.Audit().ToString());
        optimizer.AddParameterGroups(rules.Thaw("**").Of(model.Parameters()));
        Assert.All(optimizer.ParameterGroups.SelectMany(g => g.Parameters), p => Assert.Equal(ElementType.Float64, p.ElementType));
        Assert.Equal(4, optimizer.ParameterGroups.Count);

        List<string> Warned(Action action)
        {
            var heard = new List<string>();
            void Hear(object? sender, WarningEventArgs e)
            {
                if (sender == optimizer)
                    heard.Add(e.Message);
            }
            Warnings.Raised += Hear;
            try
            {
                action();
            }
            finally
            {
                Warnings.Raised -= Hear;
            }
            return heard;
        }
    }
}
