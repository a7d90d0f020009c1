using OptimSharp;
using OptimSharp.Schedulers;

namespace Snippets; // as in a program of one's own, not below OptimSharp

/// <summary>The pages' code over plain memory.</summary>
public class MemorySnippets
{
    [Fact]
    public void Plain_memory()
    {
        float[] gradient = [.. Enumerable.Range(0, 640).Select(i => i % 2 == 0 ? 1f : -1f)];

        var w = Parameter.Of("w", new float[640], [64, 10]);
        using var optimizer = new AdamW([w], new() { LearningRate = 1e-2 });

        w.Gradient = gradient;     // computed however you like; an array is not copied
        optimizer.Step();

        Assert.All(w.Values.ToArray().Index(), x => Assert.Equal(x.Index % 2 == 0 ? -0.01f : 0.01f, x.Item, 1e-6f)); // the first step is the rate
    }

    [Fact]
    public void Decay_for_weights_only()
    {
        var weight = Parameter.Of("weight", new float[6], [2, 3]);
        var bias = Parameter.Of("bias", new float[3]);

        using var optimizer = new AdamW(
            [
                new([weight]),
                new([bias], o => o with { WeightDecay = 0 }),
            ],
            new() { LearningRate = 1e-3, WeightDecay = 0.05 });

        Assert.Equal([0.05, 0], optimizer.ParameterGroups.Select(g => g.Options.WeightDecay));
    }

    [Fact]
    public void Saving_and_loading_state()
    {
        var w = Parameter.Of("w", new float[2]);
        using var optimizer = new AdamW([w], new() { LearningRate = 1e-2 });
        var scheduler = new StepLR(optimizer, stepSize: 30);
        w.Gradient = new float[] { 1, -1 };
        optimizer.Step();
        scheduler.Step();

        StateDict saved = optimizer.StateDict(), savedScheduler = scheduler.StateDict();

        using var resumed = new AdamW([w], new() { LearningRate = 1e-2 });
        var resumedScheduler = new StepLR(resumed, stepSize: 30);
        resumed.LoadStateDict(saved);
        resumedScheduler.LoadStateDict(savedScheduler);

        Assert.Equal(optimizer.StateOf(w)!.Tensor("exp_avg"), resumed.StateOf(w)!.Tensor("exp_avg"));
        Assert.Equal(1, resumedScheduler.LastEpoch);

        resumed.ParameterGroups[0].LearningRate = 0.5;
        resumed.LoadStateDict(saved, new() { Keep = ["lr"] });
        Assert.Equal(0.5, resumed.ParameterGroups[0].LearningRate);
    }
}
