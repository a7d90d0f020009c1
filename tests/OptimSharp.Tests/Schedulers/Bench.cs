using OptimSharp.Schedulers;

namespace OptimSharp.Tests.Schedulers;

/// <summary>Optimizers for schedulers to drive, and runs of them.</summary>
static class Bench
{
    public static SGD Sgd(params double[] rates) =>
        new([.. rates.Select((rate, i) => new ParameterGroup<SGDOptions>([Parameter.Of($"p{i}", new float[1])], o => o with { LearningRate = rate }))],
            new() { LearningRate = 0.1, Momentum = 0.9 });

    public static Adam Adam(double rate) => new([Parameter.Of("p", new float[1])], new AdamOptions { LearningRate = rate });

    /// <summary>Groups whose weight decay is what is mostly asked of rates.</summary>
    public static SGD Decays(params double[] decays) =>
        new([.. decays.Select((decay, i) => new ParameterGroup<SGDOptions>([Parameter.Of($"p{i}", new float[] { 1, -2 })], o => o with { WeightDecay = decay }))], new() { LearningRate = 0.1 });

    /// <summary>An option of all groups.</summary>
    public static double[] Values(Optimizer optimizer, string option = "weight_decay") => [.. optimizer.ParameterGroups.Select(g => new OptionPath(option).Read(g, 0))];

    /// <summary>The first group's rate before each of some steps.</summary>
    public static double[] Run(LRScheduler scheduler, int steps, int group = 0) => [.. RunAll([scheduler], steps).Select(rates => rates[group])];

    /// <summary>All groups' rates before each of some steps of schedulers stepped together.</summary>
    public static List<double[]> RunAll(IReadOnlyList<LRScheduler> schedulers, int steps)
    {
        var optimizer = schedulers[0].Optimizer;
        var rates = new List<double[]>();
        for (int k = 0; k < steps; k++)
        {
            rates.Add(Rates(optimizer));
            optimizer.Step();
            foreach (var scheduler in schedulers)
                scheduler.Step();
        }
        return rates;
    }

    public static double[] Rates(Optimizer optimizer) => [.. optimizer.ParameterGroups.Select(g => g.LearningRate)];

    public static double Momentum(Optimizer optimizer, int group = 0) =>
        optimizer.ParameterGroups[group] is var g && g.HasOption("betas") ? (double)((object?[])g["betas"]!)[0]! : (double)optimizer.ParameterGroups[group]["momentum"]!;

    public static void Near(IReadOnlyList<double> expected, IReadOnlyList<double> actual, double tolerance = 1e-9)
    {
        for (int i = 0; i < expected.Count; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= tolerance * Math.Max(Math.Abs(expected[i]), 1e-3), $"at {i}: {expected[i]:R} was expected, but there is {actual[i]:R} ({string.Join(", ", actual)})");
    }

    public static double[] Repeat(params (double Value, int Times)[] parts) => [.. parts.SelectMany(p => Enumerable.Repeat(p.Value, p.Times))];

    /// <summary>The warnings of one scheduler (or of any that the action makes) while something runs.</summary>
    public static List<string> Warnings(Action action, Func<object?, bool> from)
    {
        var messages = new List<string>();
        void Note(object? sender, WarningEventArgs e)
        {
            if (from(sender))
                messages.Add(e.Message);
        }
        OptimSharp.Warnings.Raised += Note;
        try
        {
            action();
        }
        finally
        {
            OptimSharp.Warnings.Raised -= Note;
        }
        return messages;
    }

    /// <summary>What an optimizer's checkpoint holds of its groups.</summary>
    public static (SGDOptions Options, StateDict Extras)[] Save(SGD optimizer) =>
        [.. optimizer.ParameterGroups.Select(g => (g.Options, g.Extras.Clone()))];

    public static void Load(SGD optimizer, (SGDOptions Options, StateDict Extras)[] saved)
    {
        foreach (var (group, (options, extras)) in optimizer.ParameterGroups.Zip(saved))
        {
            group.Options = options;
            foreach (var key in group.Extras.Keys.ToArray())
                group.Extras.Remove(key);
            foreach (var (key, value) in extras)
                group.Extras[key] = value;
        }
    }
}
