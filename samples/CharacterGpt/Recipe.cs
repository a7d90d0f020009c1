using OptimSharp.Schedulers;
using OptimSharp.Torch;

namespace OptimSharp.Samples;

/// <summary>Which parameter is stepped how.</summary>
static class Recipe
{
    /// <summary>The largest norm of all gradients together.</summary>
    public const double MaxNorm = 1;

    /// <summary>Muon for the matrices of the layers, AdamW for the rest: embeddings and the gains of norms, which have no weight decay.</summary>
    public static CombinedOptimizer MakeOptimizer(IEnumerable<TorchParameter> parameters, Options options)
    {
        // Queries, keys and values are three maps in one matrix.
        var matrices = new GroupRules<MuonOptions>()
            .For("layers.*.attention.weight", o => o with { Splits = [Gpt.Width, Gpt.Width, Gpt.Width] });
        var rest = new GroupRules<AdamWOptions>()
            .NoDecayOnVectors()
            .For("{tokens,positions}.weight", o => o with { WeightDecay = 0 });
        if (options.LayerDecay != 1)
        {
            matrices = matrices.LayerDecay(options.LayerDecay, "layers.{i}.**");
            rest = rest.LayerDecay(options.LayerDecay, "layers.{i}.**", first: "{tokens,positions}.weight");
        }
        return new OptimizerRules()
            .Use(p => p.Shape.Length == 2 && p.Name.StartsWith("layers.", StringComparison.Ordinal),
                p => new Muon(matrices.Of(p), new() { LearningRate = 0.02, WeightDecay = 0.1, SinglePrecision = true }))
            .Otherwise(p => new AdamW(rest.Of(p), new() { LearningRate = 3e-3, Betas = (0.9, 0.95), WeightDecay = 0.1 }))
            .Combine(parameters);
    }

    /// <summary>All rates rise for a twentieth of the steps and then fall to 0 along half a cosine.</summary>
    public static SequentialLR MakeScheduler(Optimizer optimizer, Options options) => Warmup.Cosine(optimizer, warmupSteps: Math.Max(1, options.Steps / 20), totalSteps: options.Steps);

    /// <summary>An exponential average over about the last 25th of the steps.</summary>
    public static Averaging MakeAveraging(Options options) => Averaging.Ema(1 - 1 / (1 + options.Steps / 25.0));
}
