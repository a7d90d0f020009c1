namespace OptimSharp.Tests.Groups;

public class OptimizerRulesTests
{
    static readonly Parameter[] Model =
    [
        Parameter.Of("embed.weight", new float[8], [4, 2]), Parameter.Of("layers.0.weight", new float[4], [2, 2]), Parameter.Of("layers.0.bias", new float[2]),
        Parameter.Of("layers.1.weight", new float[6], [3, 2]), Parameter.Of("layers.1.bias", new float[3]),
    ];

    static bool IsHidden(Parameter p) => p.Name.StartsWith("layers.", StringComparison.Ordinal) && p.Shape.Length == 2;

    [Fact]
    public void The_first_rule_that_matches_decides()
    {
        using var optimizer = new OptimizerRules()
            .Use(IsHidden, p => new Muon(p))
            .Use(p => p.Shape.Length == 2, p => new SGD(p))
            .Otherwise(p => new AdamW(p, new() { WeightDecay = 0 }))
            .Combine(Model);
        Assert.Equal(["Muon: layers.0.weight, layers.1.weight", "SGD: embed.weight", "AdamW: layers.0.bias, layers.1.bias"],
            optimizer.Optimizers.Select(o => $"{o.GetType().Name}: {string.Join(", ", o.ParameterGroups.SelectMany(g => g.Parameters).Select(p => p.Name))}"));
    }

    [Fact]
    public void Names_are_matched_whole_by_patterns_and_expressions()
    {
        using var optimizer = new OptimizerRules()
            .Use("layers.{i}.weight", p => new Muon(p))
            .Use(new System.Text.RegularExpressions.Regex(".*\\.bias"), p => new SGD(p))
            .Otherwise(p => new AdamW(p))
            .Combine(Model);
        Assert.Equal([2, 2, 1], optimizer.ParameterGroups.Select(g => g.Parameters.Count));
    }

    [Fact]
    public void Nothing_may_be_left_for_the_last()
    {
        using var optimizer = new OptimizerRules().Use(_ => true, p => new AdamW(p)).Otherwise(p => new SGD(p)).Combine(Model);
        Assert.IsType<AdamW>(Assert.Single(optimizer.Optimizers));
    }

    [Fact]
    public void A_parameter_is_left_out_by_rules_but_not_by_mistake()
    {
        var rules = new GroupRules<AdamWOptions>().Freeze("embed.**");
        using (var optimizer = new OptimizerRules().Use(_ => true, p => new AdamW(rules.Of(p))).Combine(Model))
            Assert.Equal(4, optimizer.ParameterGroups.Sum(g => g.Parameters.Count));
        Assert.Equal("The optimizer that was given parameter 'embed.weight' [4, 2] Float32 does not have it. Freeze of GroupRules leaves parameters out.",
            Assert.Throws<InvalidOperationException>(() => new OptimizerRules().Use(_ => true, p => new AdamW(p.Skip(1))).Combine(Model)).Message);
    }

    [Fact]
    public void Refusals_name_the_rule_and_the_parameters()
    {
        Assert.StartsWith("The rule 'layer.*.weight' finds no parameter. The nearest names are 'layers.0.weight', 'layers.1.weight', ",
            Refusal(new OptimizerRules().Use("layer.*.weight", p => new Muon(p)).Otherwise(p => new AdamW(p))));
        Assert.StartsWith("The rule 'IsHidden' comes too late: earlier ones take each parameter that it finds.",
            Refusal(new OptimizerRules().Use(p => p.Shape.Length == 2, p => new Muon(p)).Use(IsHidden, p => new SGD(p)).Otherwise(p => new AdamW(p))));
        Assert.StartsWith("No rule is for 'layers.0.bias' [2] Float32, 'layers.1.bias' [3] Float32. Otherwise says what becomes of the rest.",
            Refusal(new OptimizerRules().Use(p => p.Shape.Length == 2, p => new Muon(p))));
        Assert.Equal("Otherwise was called twice: one optimizer takes what no rule matches.",
            Assert.Throws<InvalidOperationException>(() => new OptimizerRules().Otherwise(p => new AdamW(p)).Otherwise(p => new AdamW(p))).Message);
        Assert.StartsWith("The rule 'IsHidden' made no optimizer", Assert.Throws<InvalidOperationException>(() => new OptimizerRules().Use(IsHidden, _ => null!).Otherwise(p => new AdamW(p)).Combine(Model)).Message);
        Assert.StartsWith("The rule 'IsHidden' made an optimizer of parameter 'embed.weight' [4, 2] Float32, which it was not given.",
            Assert.Throws<InvalidOperationException>(() => new OptimizerRules().Use(IsHidden, _ => new AdamW(Model)).Otherwise(p => new AdamW(p)).Combine(Model)).Message);

        static string Refusal(OptimizerRules rules) => Assert.Throws<ArgumentException>(() => rules.Combine(Model)).Message;
    }

    [Fact]
    public void What_was_made_is_disposed_when_another_is_refused()
    {
        Optimizer? first = null;
        Assert.Throws<ArgumentException>(() => new OptimizerRules().Use(IsHidden, p => first = new AdamW(p)).Otherwise(p => new Muon(p)).Combine(Model)); // Muon takes matrices only
        Assert.Throws<ObjectDisposedException>(first!.Step);
        using var again = new AdamW(Model); // its parameters are free
    }
}
