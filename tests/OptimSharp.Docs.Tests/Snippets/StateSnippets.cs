using OptimSharp;
using OptimSharp.Schedulers;
using OptimSharp.Torch;
using static TorchSharp.torch;

namespace Snippets; // as in a program of one's own, not below OptimSharp

/// <summary>The code of docs/state.md, for what was made elsewhere or otherwise.</summary>
public sealed class StateSnippets : IDisposable
{
    readonly TorchSharp.DisposeScope scope = NewDisposeScope();
    readonly Network model = new();

    public void Dispose()
    {
        model.Dispose();
        scope.Dispose();
    }

    [Fact]
    public void Extras()
    {
        using var optimizer = new AdamW(model.Parameters());
        optimizer.ParameterGroups[0].Extras["lr_scale"] = 0.75;

        foreach (var group in optimizer.ParameterGroups)
            group.LearningRate = 1e-3 * group.Extras.GetDouble("lr_scale");

        Assert.Equal(0.75e-3, optimizer.ParameterGroups[0].LearningRate);
    }

    [Fact]
    public void Parameters_of_one_side_only()
    {
        using var old = new AdamW([Parameter.Of("body", new float[4]), Parameter.Of("head", new float[2])]);
        var saved = old.StateDict();
        using var optimizer = new AdamW([Parameter.Of("body", new float[4]), Parameter.Of("new_head", new float[3])]);

        LoadReport report = optimizer.LoadStateDict(saved, new()
        {
            Missing = MissingState.StartFresh,
            Unexpected = UnexpectedState.Drop,
        });
        Console.WriteLine(report);

        Assert.Equal("1 loaded, 1 missing, 1 unexpected\n  loaded 'body' of group 0\n  fresh 'new_head' of group 0\n  dropped 'head'", report.ToString());
        optimizer.LoadStateDict(saved, new() { Strict = false, RebuildGroups = true });
        Assert.Equal(2, optimizer.ParameterGroups.Count);
    }

    [Fact]
    public void Prefixes()
    {
        var checkpoint = new StateDict { { "state_dict", model.StateDict().WithPrefix("model.") } };

        var weights = checkpoint.GetDict("state_dict").WithoutPrefix("model.");
        model.LoadStateDict(weights);

        Assert.Equal(model.StateDict().Keys, weights.Keys);
    }

    [Fact]
    public void Other_settings()
    {
        var w = Parameter.Of("w", new float[4]);
        using var first = new AdamW([w]);
        var shorter = new OneCycleLR(first, maxLr: 0.01, totalSteps: 100);
        first.Step();
        shorter.Step();
        StateDict saved = first.StateDict(), savedScheduler = shorter.StateDict();

        using var optimizer = new AdamW([w]);
        var scheduler = new OneCycleLR(optimizer, maxLr: 0.01, totalSteps: 200);
        optimizer.LoadStateDict(saved);
        scheduler.LoadStateDict(savedScheduler, new() { Keep = ["total_steps"] });

        Assert.Equal((200, 1), (scheduler.TotalSteps, scheduler.LastEpoch));
    }

    [Fact]
    public void Another_rate()
    {
        var w = Parameter.Of("w", new float[4]);
        using var first = new SGD([w], new() { LearningRate = 0.1 });
        var decay = new ExponentialLR(first, gamma: 0.9);
        first.Step();
        decay.Step();
        StateDict saved = first.StateDict(), savedScheduler = decay.StateDict();

        using var optimizer = new SGD([w], new() { LearningRate = 0.01 });
        var scheduler = new ExponentialLR(optimizer, gamma: 0.9);
        optimizer.LoadStateDict(saved, new() { Keep = ["lr"] });
        scheduler.LoadStateDict(savedScheduler);

        Assert.Equal(0.01, optimizer.ParameterGroups[0].LearningRate);

        foreach (var (i, group) in optimizer.ParameterGroups.Index())
            group.LearningRate = scheduler.RateAt(scheduler.LastEpoch, i);

        Assert.Equal(0.009, optimizer.ParameterGroups[0].LearningRate, 1e-15);
    }
}
