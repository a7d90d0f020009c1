using System.Text.RegularExpressions;

namespace OptimSharp.Tests.Groups;

/// <summary>What rules refuse, and in which words. Nothing is built then.</summary>
public class RefusalTests
{
    static readonly Parameter[] parameters = Model.Encoder(2);

    static GroupRules<AdamWOptions> Rules => new();

    [Fact]
    public void A_rule_for_nothing_is_refused_and_the_nearest_names_are_told()
    {
        Refused("The rule 'head.biases' finds no parameter. The nearest names are 'head.bias', 'head.weight', 'embed.tokens'. Optional() lets a rule find none.",
            Rules.For("head.biases", o => o));
        Refused("The rule 'encoder.layer.*.norm.weight' finds no parameter. The nearest names are 'encoder.layers.0.norm.weight', 'encoder.layers.1.norm.weight', 'encoder.layers.0.linear.weight'. Optional() lets a rule find none.",
            Rules.For("encoder.layer.*.norm.weight", o => o));
        Refused("The rule 'Freeze(Head.**)' finds no parameter. The nearest names are 'head.weight', 'head.bias', 'embed.tokens'. Optional() lets a rule find none.", Rules.Freeze("Head.**"));
        Refused("The rule 'LayerDecay(0.5, layers.{i}.**)' finds no parameter. The nearest names are 'encoder.layers.0.norm.weight', 'encoder.layers.0.linear.weight', 'encoder.layers.0.linear.bias'. Optional() lets a rule find none.",
            Rules.LayerDecay(0.5, "layers.{i}.**"));
        Refused("'heads.**' of the rule 'LayerDecay(0.5, encoder.layers.{i}.**)' finds no parameter. The nearest names are 'head.weight', 'head.bias', 'embed.tokens'. Optional() lets a rule find none.",
            Rules.LayerDecay(0.5, "encoder.layers.{i}.**", last: "heads.**"));
        Refused("The rule 'bias' finds no parameter. The first names are 'embed.tokens', 'embed.positions', 'encoder.layers.0.norm.weight'. Optional() lets a rule find none.", Rules.For(new Regex("bias"), o => o));
        Refused("The rule 'p => p.Shape.Length == 4' finds no parameter. The first names are 'embed.tokens', 'embed.positions', 'encoder.layers.0.norm.weight'. Optional() lets a rule find none.",
            Rules.For(p => p.Shape.Length == 4, o => o));
        Refused("The rule 'a' finds no parameter. No parameter has a name. Optional() lets a rule find none.", Rules.For("a", o => o), [Parameter.Of("", new float[1])]);
        using var optimizer = new AdamW(Rules.For("head.biases", o => o with { LearningRate = 1 }).Optional().Of(parameters));
        Assert.Single(optimizer.ParameterGroups);
    }

    [Fact]
    public void An_alternative_for_nothing_is_refused_wherever_patterns_are()
    {
        const string Rest = " finds no parameter. The nearest names are ";
        Refused("'hed', of the alternatives in the rule '{hed,embed}.*'," + Rest + "'head.weight', 'head.bias',", Rules.For("{hed,embed}.*", o => o));
        Refused("'embd', of the alternatives in the rule 'Freeze({embd,head}.*)',", Rules.Freeze("{embd,head}.*"));
        Refused("'embd', of the alternatives in the rule 'Only({head,embd}.*)',", Rules.Only("{head,embd}.*", o => o));
        Refused("'nrom', of the alternatives in '{nrom,head}.*' of the rule 'LayerDecay(0.5, encoder.layers.{i}.**)',", Rules.LayerDecay(0.5, "encoder.layers.{i}.**", last: "{nrom,head}.*"));
        Refused("'decodr', of the alternatives in the rule '{encoder,decodr}.layers.*.**',", Rules.For("{encoder,decodr}.layers.*.**", o => o));
        using var optional = new AdamW(Rules.NoDecayOnVectors().LayerDecay(0.5, "encoder.layers.{i}.**", last: "{nrom,head}.*").Optional().Of(parameters));
        Assert.StartsWith("'decodr', of the alternatives in the rule '{encoder,decodr}.**', finds no parameter.",
            Assert.Throws<ArgumentException>(() => new OptimizerRules().Use("{encoder,decodr}.**", p => new AdamW(p)).Otherwise(p => new SGD(p)).Combine(parameters)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Long_texts_are_cut()
    {
        string pattern = new('x', 20_000);
        Assert.True(Assert.Throws<ArgumentException>(() => Rules.For(pattern, o => o).Of(parameters)).Message.Length < 700);
        Assert.True(Assert.Throws<ArgumentException>(() => Rules.LayerDecay(0.5, pattern)).Message.Length < 700);
        Assert.True(Assert.Throws<ArgumentException>(() => Rules.For(new Regex(pattern), o => o).Of(parameters)).Message.Length < 700);
    }

    [Fact]
    public void Optional_is_the_last_rule_only()
    {
        Refused("The rule 'b' finds no parameter.", Rules.For("a", o => o).Optional().For("b", o => o));
        Refused("The rule 'a' finds no parameter.", Rules.For("a", o => o).For("b", o => o).Optional());
        Assert.Equal("There is no rule yet that could be optional: it is the last one before the call.", Assert.Throws<InvalidOperationException>(() => Rules.Optional()).Message);
    }

    [Fact]
    public void A_rule_that_later_ones_undo_is_refused()
    {
        const string After = " Change their order, or leave it out. Optional() lets a rule be without effect.";
        Unmade($"The rule '**.bias' is without effect: later ones undo what it does, such as '**' at 'encoder.layers.0.linear.bias' [4] Float32.{After}",
            Rules.For("**.bias", o => o with { LearningRate = 1 }).For("**", o => o with { LearningRate = 2 }));
        Unmade($"The rule 'head.*' is without effect: later ones undo what it does, such as 'Only(**)' at 'head.weight' [3, 4] Float32.{After}",
            Rules.For("head.*", o => o with { WeightDecay = 0.5 }).Only("**", o => o with { LearningRate = 2 }));
        Unmade($"The rule 'Freeze(head.*)' is without effect: later ones undo what it does, such as 'Only(head.*)' at 'head.weight' [3, 4] Float32.{After}",
            Rules.Freeze("head.*").Only("head.*", o => o with { LearningRate = 2 }));
        // There and back: the first has no effect, the second has.
        Unmade("The rule 'head.*' is without effect: later ones undo what it does, such as '**' at 'head.weight'",
            Rules.For("head.*", o => o with { WeightDecay = 0 }).For("**", o => o with { WeightDecay = new AdamWOptions().WeightDecay }));
    }

    [Fact]
    public void A_rule_with_some_effect_left_is_not_refused()
    {
        foreach (var rules in (GroupRules<AdamWOptions>[])
        [
            Rules.For("**.bias", o => o with { WeightDecay = 0 }).NoDecayOnVectors(),                                                                         // the same again
            Rules.For("head.*", o => o with { LearningRate = 2 }).For("**", o => o with { LearningRate = 3 * o.LearningRate }),                                // what it did goes on
            Rules.For("**", o => o with { LearningRate = 2 }).For("head.*", o => o with { LearningRate = 3 }),                                                 // elsewhere
            Rules.For("head.*", o => o with { LearningRate = 2, WeightDecay = 0.5 }).For("head.*", o => o with { LearningRate = 3 }),                          // another option
            Rules.For("head.*", o => o),                                                                                                                       // none from the beginning: a decay that is 0 anyway, say
            Rules.For("head.*", o => o with { LearningRate = 2 }).Freeze("head.*"),                                                                            // for when it is let go
            Rules.For("head.*", o => o with { LearningRate = 2 }).Optional().For("**", o => o with { LearningRate = 3 }),
        ])
        {
            using var optimizer = new AdamW(rules.Of(parameters));
            Assert.NotEmpty(optimizer.ParameterGroups);
        }
    }

    [Fact]
    public void Options_out_of_range_are_refused_with_rule_and_parameter()
    {
        var negative = Rules.NoDecayOnVectors().For("head.*", o => o with { LearningRate = o.LearningRate - 1 });
        var error = Assert.Throws<ArgumentOutOfRangeException>("LearningRate", () => new AdamW(negative.Of(parameters), new() { LearningRate = 0.25 }));
        Assert.StartsWith("LearningRate must be ≥ 0, but is -0.75 (parameter 'head.weight' [3, 4] Float32, by the rule 'head.*').", error.Message, StringComparison.Ordinal);
        var betas = Assert.Throws<ArgumentOutOfRangeException>("Betas", () => new AdamW(Rules.For("**.bias", o => o with { Betas = (0.5, 1) }).For("head.*", o => o with { LearningRate = 7 }).Of(parameters)));
        Assert.StartsWith("Betas[1] must be in [0, 1), but is 1 (parameter 'encoder.layers.0.linear.bias' [4] Float32, by the rule '**.bias').", betas.Message, StringComparison.Ordinal);
        var together = Assert.Throws<ArgumentException>("DecoupledWeightDecay", () => new AdamW(Rules.For(p => p.Count == 3, o => o with { DecoupledWeightDecay = false }).Of(parameters)));
        Assert.Contains("but is false (parameter 'head.bias' [3] Float32, by the rule 'p => p.Count == 3').", together.Message, StringComparison.Ordinal);
        Unmade("The rule 'head.*' gives null for the options of parameter 'head.weight' [3, 4] Float32.", Rules.For("head.*", o => null!));
        using var frozen = new AdamW(Rules.For("head.*", o => o with { LearningRate = -1 }).Freeze("head.*").Of(parameters)); // of what is in no group nobody asks
        Assert.Single(frozen.ParameterGroups);
    }

    [Fact]
    public void A_parameter_twice_is_refused()
    {
        float[] values = new float[4];
        Refused("Parameter 'head.weight' [3, 4] Float32 is given twice.", Rules, [.. parameters, parameters[^2]]);
        Refused("Parameter 'b' [4] Float32 is given twice, also as 'a' [2, 2] Float32.", Rules, [Parameter.Of("a", values, 2, 2), Parameter.Of("b", values)]);
    }

    [Fact]
    public void Parameters_must_be_there()
    {
        Refused("There are no parameters. (An IEnumerable that was used up? Give a list.)", Rules, []);
        Assert.Throws<ArgumentNullException>("parameters", () => Rules.Of(null!));
        Assert.StartsWith("Parameter 1 is null.", Assert.Throws<ArgumentNullException>("parameters", () => Rules.Of([parameters[0], null!])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentNullException>("pattern", () => Rules.Freeze((string)null!));
        Assert.Throws<ArgumentNullException>("change", () => Rules.For("**", (Func<AdamWOptions, AdamWOptions>)null!));
    }

    [Fact]
    public void When_all_must_be_ruled_those_that_are_not_are_named()
    {
        Refused("No rule is for 'encoder.layers.0.norm.weight' [4] Float32, 'encoder.layers.1.norm.weight' [4] Float32, but RequireAll() asks for one.",
            Rules.For("**.linear.*", o => o).For("head.*", o => o).RequireAll().Freeze("embed.*"));
        Refused("No rule is for 'embed.tokens' [8, 4] Float32, 'embed.positions' [6, 4] Float32, 'encoder.layers.0.norm.weight' [4] Float32, 'encoder.layers.0.linear.weight' [4, 4] Float32, "
            + "'encoder.layers.1.norm.weight' [4] Float32 and 2 more, but RequireAll() asks for one.", Rules.RequireAll().For("**.bias", o => o));
        using var optimizer = new AdamW(Rules.RequireAll().LayerDecay(0.5, "encoder.layers.{i}.**", "embed.*", "head.*").Of(parameters));
        Assert.Equal(4, optimizer.ParameterGroups.Count);
    }

    [Fact]
    public void A_layer_pattern_needs_its_number()
    {
        const string Rest = "must have one {i}, for a layer's number, in each of its alternatives: 'encoder.layers.{i}.**'.";
        Assert.StartsWith($"The pattern 'layers.*' {Rest}", Assert.Throws<ArgumentException>("pattern", () => Rules.LayerDecay(0.5, "layers.*")).Message, StringComparison.Ordinal);
        Assert.StartsWith($"The pattern '{{i}}.{{i}}' {Rest}", Assert.Throws<ArgumentException>("pattern", () => Rules.LayerDecay(0.5, "{i}.{i}")).Message, StringComparison.Ordinal);
        Assert.StartsWith($"The pattern 'a.*' {Rest}", Assert.Throws<ArgumentException>("pattern", () => Rules.For("a.*", (o, i) => o)).Message, StringComparison.Ordinal);
        Assert.StartsWith("decay must be > 0 and finite, but is 0.", Assert.Throws<ArgumentOutOfRangeException>("decay", () => Rules.LayerDecay(0, "{i}")).Message, StringComparison.Ordinal);
        Assert.StartsWith("minScale must be ≥ 0 and finite, but is NaN.", Assert.Throws<ArgumentOutOfRangeException>("minScale", () => Rules.LayerDecay(1, "{i}", minScale: double.NaN)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>("first", () => Rules.LayerDecay(0.5, "{i}", first: ""));
        Assert.Throws<ArgumentException>("last", () => Rules.LayerDecay(0.5, "{i}", last: "{"));
        Refused("The rule 'LayerDecay(0.5, encoder.layers.{i}.**)' finds parameter 'encoder.layers.0.norm.weight' [4] Float32 in more than one of layers, first and last.", Rules.LayerDecay(0.5, "encoder.layers.{i}.**", first: "encoder.layers.0.norm.*"));
    }

    [Fact]
    public void Nothing_to_train_is_refused()
    {
        Refused("All parameters are frozen, by 'Freeze(head.*)' and 'Freeze({embed,encoder}.**)': there is nothing to train.", Rules.Freeze("head.*").Freeze("{embed,encoder}.**"), [.. parameters.Reverse()]);
        Refused("The rule 'Thaw(head.*)' lets no parameter go: no rule before it freezes one that it is for.", Rules.Freeze("embed.*").Thaw("head.*"));
    }

    static void Refused(string message, GroupRules<AdamWOptions> rules, IEnumerable<Parameter>? of = null) =>
        Assert.StartsWith(message, Assert.Throws<ArgumentException>(() => rules.Of(of ?? parameters)).Message, StringComparison.Ordinal);

    /// <summary>Refused by the optimizer, which has the options.</summary>
    static void Unmade(string message, GroupRules<AdamWOptions> rules)
    {
        var ruled = rules.Of(parameters);
        Assert.StartsWith(message, Assert.Throws<ArgumentException>(() => new AdamW(ruled)).Message, StringComparison.Ordinal);
    }
}
