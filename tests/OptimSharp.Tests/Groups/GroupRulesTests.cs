using System.Text.RegularExpressions;
using OptimSharp.Tests.Rules;

namespace OptimSharp.Tests.Groups;

/// <summary>Which options rules give, and which groups come of it.</summary>
public partial class GroupRulesTests
{
    [Fact]
    public void Rules_compose_in_their_order_and_equal_options_are_one_group()
    {
        var rules = new GroupRules<AdamWOptions>()
            .For("**.bias", o => o with { WeightDecay = 0 })
            .For(p => p.Shape.Length < 2, o => o with { WeightDecay = 0 })
            .For("head.**", o => o with { LearningRate = 10 * o.LearningRate })
            .Freeze("embed.positions");
        using var optimizer = new AdamW(rules.Of(Model.Encoder(2)), new() { LearningRate = 3e-4, Epsilon = 1e-6 });
        Assert.Equal(
        [
            "embed.tokens encoder.layers.0.linear.weight encoder.layers.1.linear.weight",
            "encoder.layers.0.norm.weight encoder.layers.0.linear.bias encoder.layers.1.norm.weight encoder.layers.1.linear.bias",
            "head.weight",
            "head.bias",
        ], Model.Names(optimizer));
        Assert.Equal([(3e-4, 0.01), (3e-4, 0.0), (3e-3, 0.01), (3e-3, 0.0)], optimizer.ParameterGroups.Select(g => (Math.Round(g.LearningRate, 12), g.Options.WeightDecay)));
        Assert.All(optimizer.ParameterGroups, g => Assert.Equal(1e-6, g.Options.Epsilon));
        Assert.Equal(new AdamWOptions { LearningRate = 3e-4, Epsilon = 1e-6 }, optimizer.Defaults);
    }

    [Fact]
    public void Hundreds_of_parameters_become_few_groups()
    {
        var rules = new GroupRules<AdamWOptions>().NoDecayOnVectors().For("encoder.**", o => o with { LearningRate = 0.1 });
        using var optimizer = new AdamW(rules.Of(Model.Encoder(100)));
        Assert.Equal(4, optimizer.ParameterGroups.Count);
        Assert.Equal(304, optimizer.ParameterGroups.Sum(g => g.Parameters.Count));
    }

    [Fact]
    public void The_last_rule_wins_and_only_forgets_those_before()
    {
        var rules = new GroupRules<SGDOptions>()
            .For("**", o => o with { LearningRate = 1, Momentum = 0.5 })
            .For("head.*", o => o with { LearningRate = 2 * o.LearningRate })
            .Freeze("embed.*")
            .Only("{head.bias,embed.tokens}", o => o with { Momentum = 0.25 });
        using var optimizer = new SGD(rules.Of(Model.Encoder(1)), new() { LearningRate = 0.125 });
        Assert.Equal(["embed.tokens head.bias", "encoder.layers.0.norm.weight encoder.layers.0.linear.weight encoder.layers.0.linear.bias", "head.weight"], Model.Names(optimizer));
        Assert.Equal([(0.125, 0.25), (1, 0.5), (2, 0.5)], optimizer.ParameterGroups.Select(g => (g.LearningRate, g.Options.Momentum)));
    }

    [Fact]
    public void Expressions_are_for_whole_names()
    {
        SGD Made(Regex names) => new(new GroupRules<SGDOptions>().For(names, o => o with { LearningRate = 7 }).Optional().Of(Model.Encoder(1)));
        using var whole = Made(Bias());
        Assert.Equal("encoder.layers.0.linear.bias head.bias", Model.Names(whole)[1]);
        using var part = Made(new Regex("bias"));
        Assert.Single(part.ParameterGroups);
        using var middle = Made(new Regex(@"layers\.\d"));
        Assert.Single(middle.ParameterGroups);
        using var frozen = new SGD(new GroupRules<SGDOptions>().Freeze(Bias()).Only(new Regex("head.*"), o => o with { LearningRate = 3 }).Of(Model.Encoder(1)));
        Assert.Equal("head.weight head.bias", Model.Names(frozen)[1]);
    }

    // Python: re.fullmatch(pattern, name) for each name.
    [Theory]
    [InlineData(@".*\.(b|bias|norm)", "a.b a.bias")]
    [InlineData("conv|conv1", "conv conv1")]
    [InlineData(@"(w|w\.x)", "w w.x")]
    [InlineData(@".*\.(weight|weight_g)", "a.weight_g")]
    [InlineData("conv.*?", "conv conv1")]
    [InlineData("^conv1$", "conv1")]
    [InlineData(@"(a)\.(b|bias)", "a.b a.bias")]
    [InlineData("(?x) conv | conv1 # the two", "conv conv1")]
    [InlineData("(?i)CONV|CONV1", "conv conv1")]
    public void An_expression_finds_the_names_that_it_can_match_as_a_whole(string expression, string found)
    {
        foreach (var options in (RegexOptions[])[RegexOptions.None, RegexOptions.Compiled, RegexOptions.RightToLeft, RegexOptions.NonBacktracking, RegexOptions.ExplicitCapture | RegexOptions.Multiline])
            Assert.Equal(found, Found(new Regex(expression, options)));
        Assert.Equal("conv conv1", Found(new Regex("conv | conv1 # the two", RegexOptions.IgnorePatternWhitespace)));
        Assert.Equal("conv conv1", Found(new Regex("conv|conv1", RegexOptions.ECMAScript)));
        Assert.Equal("conv conv1", Found(Convolutions()));

        static string Found(Regex names)
        {
            Parameter[] parameters = [.. "a.b a.bias a.weight_g conv conv1 other w w.x".Split(' ').Select(name => Model.Make(name, 2))];
            using var groups = new SGD(new GroupRules<SGDOptions>().For(names, o => o with { LearningRate = 7 }).Of(parameters));
            using var whole = new OptimizerRules().Use(names, p => new Adam(p)).Otherwise(p => new SGD(p)).Combine(parameters);
            string found = string.Join(' ', groups.ParameterGroups.Where(g => g.LearningRate == 7).SelectMany(g => g.Parameters).Select(p => p.Name));
            Assert.Equal(found, string.Join(' ', whole.Optimizers[0].ParameterGroups.SelectMany(g => g.Parameters).Select(p => p.Name)));
            return found;
        }
    }

    [GeneratedRegex("conv|conv1")]
    private static partial Regex Convolutions();

    [GeneratedRegex(@".*\.bias")]
    private static partial Regex Bias();

    [Fact]
    public void A_number_in_the_name_is_given_to_the_change()
    {
        var rules = new GroupRules<SGDOptions>().For("encoder.layers.{i}.**", (o, i) => o with { LearningRate = 0.5 + i });
        using var optimizer = new SGD(rules.Of(Model.Encoder(12)), new() { LearningRate = 100 });
        Assert.Equal([100, .. Enumerable.Range(0, 12).Select(i => 0.5 + i)], optimizer.ParameterGroups.Select(g => g.LearningRate));
    }

    // Made with group_with_matcher of timm/models/_manipulate.py, the matcher of its vision transformer (stem=r'^cls_token|pos_embed|patch_embed', blocks=[(r'^blocks\.(\d+)', None), (r'^norm', (99999,))])
    // and layer_scales of param_groups_layer_decay, for layer_decay 0.75.
    static readonly double[] timmBlocks =
    [
        0.03167635202407837, 0.04223513603210449, 0.056313514709472656, 0.07508468627929688, 0.1001129150390625, 0.13348388671875, 0.177978515625, 0.2373046875, 0.31640625, 0.421875, 0.5625, 0.75,
    ];

    [Fact]
    public void Layers_have_timms_rates()
    {
        Parameter[] parameters =
        [
            Model.Make("cls_token", 1, 1, 4), Model.Make("pos_embed", 1, 5, 4), Model.Make("patch_embed.proj.weight", 4, 3, 2, 2), Model.Make("patch_embed.proj.bias", 4),
            .. Enumerable.Range(0, 12).SelectMany(i => (Parameter[])[Model.Make($"blocks.{i}.norm1.weight", 4), Model.Make($"blocks.{i}.attn.qkv.weight", 12, 4)]),
            Model.Make("norm.weight", 4), Model.Make("head.weight", 3, 4), Model.Make("head.bias", 3),
        ];
        var rules = new GroupRules<AdamWOptions>()
            .LayerDecay(0.75, "blocks.{i}.**", first: "{cls_token,pos_embed,patch_embed.**}", last: "head.*")
            .For("norm.*", o => o with { LearningRate = 0.75 * o.LearningRate }); // timm: with the last block
        using var optimizer = new AdamW(rules.Of(parameters), new() { LearningRate = 1 });
        Assert.Equal([0.023757264018058777, .. timmBlocks, 1], optimizer.ParameterGroups.Select(g => g.LearningRate));
        Assert.Equal("cls_token pos_embed patch_embed.proj.weight patch_embed.proj.bias", Model.Names(optimizer)[0]);
        Assert.Equal("blocks.11.norm1.weight blocks.11.attn.qkv.weight norm.weight", Model.Names(optimizer)[12]);
        Assert.Equal("head.weight head.bias", Model.Names(optimizer)[13]);

        using var bounded = new AdamW(new GroupRules<AdamWOptions>().LayerDecay(0.75, "blocks.{i}.**", "{cls_token,pos_embed,patch_embed.**}", "head.*", minScale: 0.2).Of(parameters), new() { LearningRate = 1 });
        Assert.Equal([0.2, .. timmBlocks[7..], 1], bounded.ParameterGroups.Select(g => g.LearningRate)); // norm has the head's: no rule is for it
    }

    [Fact]
    public void Layers_are_those_that_there_are()
    {
        Parameter[] parameters = [.. new[] { 2, 10, 5 }.Select(i => Model.Make($"h{i}.w", 1)), Model.Make("other", 1)];
        using var optimizer = new SGD(new GroupRules<SGDOptions>().LayerDecay(0.5, "h{i}.w").Of(parameters), new() { LearningRate = 1 });
        Assert.Equal(["h2.w", "h10.w other", "h5.w"], Model.Names(optimizer));
        Assert.Equal([0.25, 1, 0.5], optimizer.ParameterGroups.Select(g => g.LearningRate));
    }

    [Fact]
    public void Vectors_lose_their_decay_in_any_optimizer_that_has_one()
    {
        using var lion = new AuthorsLion(new GroupRules<AuthorsLionOptions>().NoDecayOnVectors().Of(Model.Encoder(1)), new() { WeightDecay = 0.5 });
        Assert.Equal([0.5, 0], lion.ParameterGroups.Select(g => g.Options.WeightDecay));
        Assert.Equal("encoder.layers.0.norm.weight encoder.layers.0.linear.bias head.bias", Model.Names(lion)[1]);
        Assert.Equal("RpropOptions has no option 'weight_decay'; there are: etas, lr, maximize, step_sizes.", Assert.Throws<InvalidOperationException>(() => new GroupRules<RpropOptions>().NoDecayOnVectors()).Message);
    }

    [Fact]
    public void Groups_of_rules_step_as_groups_made_by_hand()
    {
        var (ruled, byHand) = (Model.Encoder(2), Model.Encoder(2));
        using var optimizer = new AdamW(new GroupRules<AdamWOptions>().NoDecayOnVectors().LayerDecay(0.5, "encoder.layers.{i}.**").Freeze("embed.*").Of(ruled), new() { LearningRate = 0.125 });
        Parameter[] Named(string end, int i) => [.. byHand.Where(p => p.Name.StartsWith($"encoder.layers.{i}", StringComparison.Ordinal) && p.Name.EndsWith(end, StringComparison.Ordinal))];
        using var expected = new AdamW(
            [
                new([.. Named("norm.weight", 0), .. Named("bias", 0)], o => o with { LearningRate = 0.0625, WeightDecay = 0 }), new(Named("linear.weight", 0), o => o with { LearningRate = 0.0625 }),
                new([.. Named("norm.weight", 1), .. Named("bias", 1), byHand[^1]], o => o with { WeightDecay = 0 }), new([.. Named("linear.weight", 1), byHand[^2]]),
            ], new() { LearningRate = 0.125 });
        for (int step = 0; step < 3; step++)
        {
            Model.Give(ruled, step);
            Model.Give(byHand.Skip(2), step);
            optimizer.Step();
            expected.Step();
        }
        foreach (var (mine, theirs) in ruled.Zip(byHand))
            Assert.Equal(theirs.Values.ToArray(), mine.Values.ToArray());
        Assert.All(ruled[..2], p => Assert.All(p.Values.ToArray(), x => Assert.Equal(0, x)));
        Assert.All(ruled[..2], p => Assert.Null(optimizer.StateOf(p)));
        Assert.All(ruled[2..], p => Assert.NotEqual(0, p.Values.ToArray().Max(Math.Abs)));
    }

    [Fact]
    public void Rules_do_not_change_and_serve_several_optimizers()
    {
        var none = new GroupRules<SGDOptions>();
        var some = none.For("head.*", o => o with { LearningRate = 2 * o.LearningRate });
        _ = some.Freeze("**").RequireAll();
        var parameters = some.Of(Model.Encoder(1));
        using var one = new SGD(parameters, new() { LearningRate = 1 });
        using var other = new SGD(parameters, new() { LearningRate = 2 });
        Assert.Equal([1, 2], one.ParameterGroups.Select(g => g.LearningRate));
        Assert.Equal([2, 4], other.ParameterGroups.Select(g => g.LearningRate));
        using var plain = new SGD(none.Of(Model.Encoder(1)));
        Assert.Equal(plain.Defaults, Assert.Single(plain.ParameterGroups).Options);
        Assert.Empty(parameters.Frozen);
        Assert.Equal(["embed.tokens", "embed.positions"], some.Freeze("embed.*").Of(Model.Encoder(1)).Frozen.Select(p => p.Name));
    }

    [Fact]
    public void Parameters_without_names_are_told_by_what_they_are()
    {
        var rules = new GroupRules<SGDOptions>().For(p => p.ElementType == ElementType.Float64, o => o with { LearningRate = 5 });
        using var optimizer = new SGD(rules.Of([Parameter.Of("", new float[1]), Parameter.Of("", new double[1])]));
        Assert.Equal(5, optimizer.ParameterGroups[1].LearningRate);
    }

    [Fact]
    public void Groups_are_the_optimizers_to_make()
    {
        var ruled = new GroupRules<SGDOptions>().Of(Model.Encoder(1));
        string message = Assert.Throws<InvalidOperationException>(() => ruled.ToList()).Message;
        Assert.Equal("The groups are made by the optimizer that rules.Of(parameters) is given to, of its own options: give it as it is. For parameters of several models, join these: rules.Of([.. one, .. other]).", message);
        Assert.Throws<InvalidOperationException>(() => new SGD([.. ruled, new([Model.Make("more", 1)])]));
    }

    [Fact]
    public void One_group_is_what_some_optimizers_have()
    {
        using var one = new LBFGS(new GroupRules<LBFGSOptions>().For("**", o => o with { LearningRate = 0.5 }).Freeze("embed.*").Of(Model.Encoder(1)));
        Assert.Equal(0.5, Assert.Single(one.ParameterGroups).LearningRate);
        Assert.Equal(5, one.ParameterGroups[0].Parameters.Count);
        var two = new GroupRules<LBFGSOptions>().For("head.*", o => o with { LearningRate = 0.5 }).Of(Model.Encoder(1));
        Assert.Contains("LBFGS has one parameter group", Assert.Throws<ArgumentException>(() => new LBFGS(two)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_parameter_that_an_optimizer_can_not_have_is_refused_by_it()
    {
        var rules = new GroupRules<MuonOptions>().For("**", o => o with { WeightDecay = 0 });
        Assert.Contains("'encoder.layers.0.norm.weight' [4] Float32 is not", Assert.Throws<ArgumentException>(() => new Muon(rules.Of(Model.Encoder(1)))).Message, StringComparison.Ordinal);
        using var muon = new Muon(rules.Freeze(p => p.Shape.Length != 2).Freeze("{embed,head}.*").Of(Model.Encoder(1)));
        Assert.Equal(["encoder.layers.0.linear.weight"], Model.Names(muon));
    }
}
