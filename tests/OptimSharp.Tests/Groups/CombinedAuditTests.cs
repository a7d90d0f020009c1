namespace OptimSharp.Tests.Groups;

/// <summary>Rules and audits of one optimizer of several.</summary>
public class CombinedAuditTests
{
    [Fact]
    public void Each_row_has_its_own_algorithm()
    {
        var parameters = Model.Encoder(1);
        var muonRules = new GroupRules<MuonOptions>().For("**", o => o with { LearningRate = 0.02 }).Freeze(p => !p.Name.Contains("linear.weight"));
        var rest = new GroupRules<AdamWOptions>().NoDecayOnVectors().Freeze("{**.linear.weight,embed.*}");
        var adam = new AdamW(rest.Of(parameters));
        using var optimizer = new CombinedOptimizer(new Muon(muonRules.Of(parameters)), adam);
        Assert.Equal(
        [
            "'encoder.layers.0.linear.weight' [4, 4]: Muon, group 0, lr 0.02 (**)",
            "'encoder.layers.0.norm.weight' [4]: AdamW, group 1, weight_decay 0 (NoDecayOnVectors())",
            "'encoder.layers.0.linear.bias' [4]: AdamW, group 1, weight_decay 0 (NoDecayOnVectors())",
            "'head.bias' [3]: AdamW, group 1, weight_decay 0 (NoDecayOnVectors())",
            "'head.weight' [3, 4]: AdamW, group 2",
            "'embed.tokens' [8, 4]: frozen (Freeze(p => !p.Name.Contains(\"linear.weight\")))",
            "'embed.positions' [6, 4]: frozen (Freeze(p => !p.Name.Contains(\"linear.weight\")))",
        ], optimizer.Audit().Rows.Select(row => row.ToString()));
        var moved = Model.Encoder(1);
        optimizer.Rebind(moved);
        adam.AddParameterGroups(rest.Thaw("embed.*").Of(moved));
        Assert.Equal("'embed.tokens' [8, 4]: AdamW, group 3", optimizer.Audit().Rows.Single(row => row.Name == "embed.tokens").ToString());
    }
}
