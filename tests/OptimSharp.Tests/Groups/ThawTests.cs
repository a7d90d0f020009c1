namespace OptimSharp.Tests.Groups;

/// <summary>Parameters that are frozen at first and trained later.</summary>
public class ThawTests
{
    static readonly GroupRules<AdamWOptions> rules = new GroupRules<AdamWOptions>().NoDecayOnVectors().LayerDecay(0.5, "encoder.layers.{i}.**", "embed.*", "head.*").Freeze("{embed,encoder}.**");

    [Fact]
    public void Thawed_parameters_are_in_groups_of_their_own_with_the_options_that_rules_and_optimizer_have()
    {
        var parameters = Model.Encoder(2);
        using var optimizer = new AdamW(rules.Of(parameters), new() { LearningRate = 1 });
        Assert.Equal(["head.weight", "head.bias"], Model.Names(optimizer));
        optimizer.ParameterGroups[0].LearningRate = 0.75; // by a scheduler, say

        optimizer.AddParameterGroups(rules.Thaw("encoder.layers.1.**").Of(parameters));
        Assert.Equal(["head.weight", "head.bias", "encoder.layers.1.norm.weight encoder.layers.1.linear.bias", "encoder.layers.1.linear.weight"], Model.Names(optimizer));
        Assert.Equal([(0.75, 0.01), (1, 0), (0.5, 0), (0.5, 0.01)], optimizer.ParameterGroups.Select(g => (g.LearningRate, g.Options.WeightDecay)));
        Assert.Equal(5, optimizer.Audit().Rows.Count(row => row.Group is null));

        optimizer.AddParameterGroups(rules.Thaw("**").Of(parameters));
        Assert.Equal([0.75, 1, 0.5, 0.5, 0.125, 0.25, 0.25], optimizer.ParameterGroups.Select(g => g.LearningRate));
        Assert.Equal("embed.tokens embed.positions", Model.Names(optimizer)[4]);
        Assert.DoesNotContain(optimizer.Audit().Rows, row => row.Group is null);
        Model.Give(parameters);
        optimizer.Step();
        Assert.All(parameters, p => Assert.NotNull(optimizer.StateOf(p)));
    }

    [Fact]
    public void What_came_together_while_they_were_frozen_is_no_gradient_of_their_first_step()
    {
        var parameters = Model.Encoder(1);
        using var optimizer = new AdamW(rules.Of(parameters));
        Model.Give(parameters); // a hundred backward passes: nothing zeroes the gradients of what is frozen
        optimizer.AddParameterGroups(rules.Thaw("encoder.**").Of(parameters));
        Assert.Equal("embed.tokens embed.positions head.weight head.bias", string.Join(' ', parameters.Where(p => p.HasGradient).Select(p => p.Name)));
        var (thawed, still) = (parameters.Single(p => p.Name == "encoder.layers.0.linear.weight"), parameters.Single(p => p.Name == "head.weight"));
        optimizer.Step();
        Assert.All(thawed.Values.ToArray(), x => Assert.Equal(0, x));
        Assert.Contains(still.Values.ToArray(), x => x != 0);
    }

    [Fact]
    public void Other_rules_may_let_parameters_go_and_parameters_be_new()
    {
        var parameters = Model.Encoder(2);
        using var optimizer = new AdamW(rules.Of(parameters));
        var adapters = Model.Make("adapter.weight", 2, 2);
        optimizer.AddParameterGroups(new GroupRules<AdamWOptions>().For("**", o => o with { LearningRate = 0.5 }).Of([adapters, .. parameters[^3..]]));
        Assert.Equal("adapter.weight encoder.layers.1.linear.bias", Model.Names(optimizer)[2]);
        Assert.Equal(7, optimizer.Audit().Rows.Count(row => row.Group is null)); // those that nobody spoke of are still frozen
    }

    [Fact]
    public void What_can_not_be_added_changes_nothing()
    {
        var parameters = Model.Encoder(2);
        using var optimizer = new AdamW(rules.Of(parameters));
        string before = optimizer.Audit().ToString();

        Refused<ArgumentException>("The optimizer has all parameters that the rules do not freeze: there is nothing to add. Thaw lets frozen ones go.", rules.Of(parameters));
        Refused<ArgumentException>("The rule 'Freeze(head.bias)' freezes parameter 'head.bias' [3] Float32, but the optimizer has it already, and can't let it go.", rules.Thaw("**").Freeze("head.bias").Of(parameters));
        Refused<ArgumentOutOfRangeException>("LearningRate must be ≥ 0, but is -1 (parameter 'embed.tokens' [8, 4] Float32, by the rule 'embed.tokens').", rules.Thaw("**").For("embed.tokens", o => o with { LearningRate = -1 }).Of(parameters));
        var overlapping = Parameter.Of("new", parameters[^1].Values[1..], 2);
        Refused<ArgumentException>("Parameters 'head.bias' [3] Float32 and 'new' [2] Float32 share memory", rules.Thaw("**").Of([.. parameters, overlapping]));
        Assert.Throws<ArgumentNullException>("parameters", () => optimizer.AddParameterGroups(null!));
        optimizer.AddParameterGroups(rules.Thaw("**").Of(parameters));
        Assert.Equal(7, optimizer.ParameterGroups.Count);

        // One of several groups is refused by the optimizer: the others don't stay.
        var muonRules = new GroupRules<MuonOptions>().Freeze(p => !p.Name.StartsWith("head.w", StringComparison.Ordinal));
        using var muon = new Muon(muonRules.Of(parameters));
        var ruled = muonRules.Thaw("encoder.**").For("encoder.layers.{i}.**", (o, i) => o with { LearningRate = i }).For(p => p.Shape.Length == 1, o => o with { Momentum = 0 }).Of(parameters);
        Assert.Contains("must be matrices", Assert.Throws<ArgumentException>(() => muon.AddParameterGroups(ruled)).Message, StringComparison.Ordinal);
        Assert.Equal(["head.weight"], Model.Names(muon));
        muon.AddParameterGroups(muonRules.Thaw("encoder.layers.*.linear.weight").Of(parameters));
        Assert.Equal("encoder.layers.0.linear.weight encoder.layers.1.linear.weight", Model.Names(muon)[1]);

        void Refused<TException>(string message, RuledParameters<AdamWOptions> ruled) where TException : Exception
        {
            Assert.StartsWith(message, Assert.Throws<TException>(() => optimizer.AddParameterGroups(ruled)).Message, StringComparison.Ordinal);
            Assert.Equal(before, optimizer.Audit().ToString());
        }
    }
}
