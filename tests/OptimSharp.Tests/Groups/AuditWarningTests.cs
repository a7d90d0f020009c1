namespace OptimSharp.Tests.Groups;

/// <summary>What audits warn of, and of what they do not.</summary>
public class AuditWarningTests
{
    [Fact]
    public void Vectors_that_are_decayed()
    {
        using var all = new AdamW(Model.Encoder(2));
        Assert.Equal("'encoder.layers.0.norm.weight', 'encoder.layers.0.linear.bias', 'encoder.layers.1.norm.weight', 'encoder.layers.1.linear.bias', 'head.bias' "
            + "have fewer than two dimensions, as biases and norms have, and a weight decay: NoDecayOnVectors() takes it from them.", Assert.Single(all.Audit().Warnings));
        Assert.EndsWith($"\nwarning: {all.Audit().Warnings[0]}", all.Audit().ToString(), StringComparison.Ordinal);
        using var more = new AdamW(Model.Encoder(4));
        Assert.Contains(" and 4 more have fewer", more.Audit().Warnings[0], StringComparison.Ordinal);
        using var one = new AdamW([Model.Make("gain", 3)]);
        Assert.StartsWith("'gain' has fewer than two dimensions", one.Audit().Warnings[0], StringComparison.Ordinal);
        using var none = new AdamW(Model.Encoder(2), new() { WeightDecay = 0 });
        Assert.Empty(none.Audit().Warnings);
        using var without = new Rprop(Model.Encoder(2));
        Assert.Empty(without.Audit().Warnings);
        using var ruled = new AdamW(new GroupRules<AdamWOptions>().NoDecayOnVectors().Of(Model.Encoder(2)));
        Assert.Empty(ruled.Audit().Warnings);
    }

    [Fact]
    public void Matrices_that_are_not_hidden_in_Muon()
    {
        Parameter[] parameters = [Model.Make("model.embed_tokens.weight", 4, 2), Model.Make("layers.0.weight", 2, 2), Model.Make("lm_head.weight", 4, 2), Model.Make("Head.0.weight", 4, 2), Model.Make("layers.0.overhead", 2, 2), Model.Make("headless.3d", 2, 2, 2)];
        const string Rest = "look like an embedding or a head, and";
        using var muon = new Muon(parameters, new() { Shape = MuonShape.Stacks });
        Assert.Equal($"'model.embed_tokens.weight', 'lm_head.weight', 'Head.0.weight' {Rest} Muon is for hidden matrices: AdamW is for the others.", Assert.Single(muon.Audit().Warnings));
        using var normuon = new NorMuon(parameters[2..3]);
        Assert.Equal("'lm_head.weight' looks like an embedding or a head, and NorMuon is for hidden matrices: AdamW is for the others.", Assert.Single(normuon.Audit().Warnings));
        using var adam = new AdamW(parameters);
        Assert.Empty(adam.Audit().Warnings);
    }

    [Fact]
    public void Frozen_parameters_with_a_gradient()
    {
        var parameters = Model.Encoder(1);
        using var optimizer = new AdamW(new GroupRules<AdamWOptions>().NoDecayOnVectors().Freeze("embed.*").Of(parameters));
        Assert.Empty(optimizer.Audit().Warnings);
        Model.Give(parameters[1..2]);
        Assert.Equal("'embed.positions' is frozen, but has a gradient, which nothing uses: it need not be computed.", Assert.Single(optimizer.Audit().Warnings));
        Model.Give(parameters);
        Assert.StartsWith("'embed.tokens', 'embed.positions' are frozen, but have a gradient", optimizer.Audit().Warnings[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Parameters_that_seldom_have_a_gradient()
    {
        Parameter<float>[] parameters = [Model.Make("a", 2, 2), Model.Make("never", 2, 2), Model.Make("seldom", 2, 2), Model.Make("half", 2, 2)];
        using var optimizer = new AdamW(parameters);
        for (int step = 0; step < 6; step++)
        {
            optimizer.ZeroGrad();
            Model.Give(parameters.Where(p => p.Name switch { "never" => false, "seldom" => step >= 4, "half" => step >= 3, _ => true }));
            optimizer.Step();
        }
        Assert.Equal("'never' (0 of 6), 'seldom' (2 of 6) had a gradient in fewer than half of the steps that others of the same group had.", Assert.Single(optimizer.Audit().Warnings));

        // Those that came later are in a group of their own.
        optimizer.AddParameterGroup(new([Model.Make("late", 2, 2)]));
        Model.Give(optimizer.ParameterGroups[1].Parameters);
        optimizer.Step();
        Assert.DoesNotContain("late", Assert.Single(optimizer.Audit().Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Steps_count_from_where_a_state_was_loaded()
    {
        static Parameter<float>[] Made() => [Model.Make("a", 2, 2), Model.Make("b", 2, 2), Model.Make("never", 2, 2)];
        static void Go(Optimizer optimizer, IEnumerable<Parameter> given, int steps)
        {
            for (int step = 0; step < steps; step++)
            {
                Model.Give(given);
                optimizer.Step();
                optimizer.ZeroGrad();
            }
        }
        var first = Made();
        using var optimizer = new AdamW(first);
        Go(optimizer, first[..1], 50);
        var all = Made();
        using var resumed = new AdamW(all);
        resumed.LoadStateDict(optimizer.StateDict(), new() { Missing = MissingState.StartFresh });
        Assert.Empty(resumed.Audit().Warnings); // "b" and "never" had none of those 50 steps to be in
        Go(resumed, all[..2], 10);
        Assert.Equal("'never' (0 of 10) had a gradient in fewer than half of the steps that others of the same group had.", Assert.Single(resumed.Audit().Warnings));

        // The same without counts: before a step, nobody can have missed one.
        var (plain, again) = (Made(), Made());
        using SGD momentum = new(plain, new() { Momentum = 0.5 }), loaded = new(again, new() { Momentum = 0.5 });
        Go(momentum, plain[..1], 5);
        loaded.LoadStateDict(momentum.StateDict());
        Assert.Empty(loaded.Audit().Warnings);
        Go(loaded, again[..2], 1);
        Assert.StartsWith("'never' (none)", Assert.Single(loaded.Audit().Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Where_steps_are_not_counted_only_those_that_never_had_one()
    {
        Parameter<float>[] parameters = [Model.Make("a", 2, 2), Model.Make("never", 2, 2)];
        using var momentum = new SGD(parameters, new() { Momentum = 0.5 });
        using var plain = new SGD(parameters);
        using var lbfgs = new LBFGS(parameters);
        Model.Give(parameters[..1]);
        momentum.Step();
        plain.Step();
        lbfgs.Step(() => 1.0);
        Assert.Equal("'never' (none) had a gradient in fewer than half of the steps that others of the same group had.", Assert.Single(momentum.Audit().Warnings));
        Assert.Empty(plain.Audit().Warnings); // nothing tells
        Assert.Empty(lbfgs.Audit().Warnings); // one state for all
    }
}
