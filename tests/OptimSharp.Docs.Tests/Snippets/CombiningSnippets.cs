using OptimSharp;

namespace Snippets; // as in a program of one's own, not below OptimSharp

/// <summary>The code of docs/combining.md.</summary>
public class CombiningSnippets
{
    readonly OptimSharp.Parameter<float>[] matrices = [OptimSharp.Parameter.Of("layers.0.weight", new float[6], 2, 3)];
    readonly OptimSharp.Parameter<float>[] vectors = [OptimSharp.Parameter.Of("layers.0.bias", new float[2])];

    [Fact]
    public void By_rules()
    {
        OptimSharp.Parameter[] parameters = [.. matrices, .. vectors];
        using var optimizer = new OptimizerRules()
            .Use("layers.**.weight", p => new Muon(p, new() { LearningRate = 0.02 }))
            .Otherwise(p => new AdamW(p, new() { LearningRate = 3e-4 }))
            .Combine(parameters);
        Assert.Equal([0.02, 3e-4], optimizer.ParameterGroups.Select(g => g.LearningRate));
    }

    [Fact]
    public void Of_optimizers()
    {
        var muon = new Muon(matrices, new() { LearningRate = 0.02 });
        var adamw = new AdamW(vectors, new() { LearningRate = 3e-4 });
        using var optimizer = new CombinedOptimizer(muon, adamw);
        string algorithm = optimizer.StateDict().GetDicts("param_groups").First().GetString("algorithm"); // "Muon"
        Assert.Equal("Muon", algorithm);
    }
}
