using OptimSharp.Schedulers;
using OptimSharp.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace OptimSharp.Samples;

/// <summary>What is known after a step.</summary>
/// <param name="Loss">The mean loss of the batch before the step, in nats a character.</param>
/// <param name="Norm">The norm of all gradients together, before it was clipped.</param>
/// <param name="Rate">Muon's learning rate.</param>
readonly record struct Point(double Loss, double Norm, double Rate);

/// <summary>A training run: all that a checkpoint has to have, and what is done with it.</summary>
sealed class Training : IDisposable
{
    const int BatchSize = 16, Evaluations = 20;

    readonly Options options;
    readonly Corpus corpus;
    readonly Gpt model;
    readonly CombinedOptimizer optimizer;
    readonly SequentialLR scheduler;
    readonly AveragedModel<Gpt> average;
    readonly TrainingStep step;
    readonly int seldom;

    public Training(Options options, Corpus corpus)
    {
        (this.options, this.corpus) = (options, corpus);
        seldom = Math.Max(1, options.Steps / Evaluations);
        manual_seed(options.Seed);
        model = new(corpus.Characters);
        optimizer = Recipe.MakeOptimizer(model.Parameters(), options);
        Audit = optimizer.Audit(); // with the rates as they are given: the schedule begins with a hundredth
        scheduler = Recipe.MakeScheduler(optimizer, options);
        average = new(model, Recipe.MakeAveraging(options));
        step = new(optimizer, new() { MaxNorm = Recipe.MaxNorm, Averages = average.Averages, Schedulers = [scheduler] });
    }

    /// <summary>Which parameter is stepped how.</summary>
    public OptimizerAudit Audit { get; }

    /// <summary>Each step.</summary>
    public List<Point> Points { get; } = [];

    /// <summary>The loss of some of the text that is held out, with the averaged weights, after some steps.</summary>
    public List<(int Step, double Loss)> HeldOut { get; } = [];

    /// <summary>Whether a twentieth of the run has just ended: time for a checkpoint.</summary>
    public bool IsAtMark => Points.Count % seldom == 0 || Points.Count == options.Steps;

    /// <summary>Trains on a batch.</summary>
    /// <returns>Its loss.</returns>
    public double Step()
    {
        using var scope = NewDisposeScope();
        double rate = optimizer.ParameterGroups.Max(group => group.LearningRate);
        var loss = Loss(corpus.Batch(BatchSize, options.Seed, Points.Count), from: 0);
        loss.backward();
        var report = step.Step();
        Points.Add(new(loss.item<float>(), report.Norm, rate));
        if (IsAtMark)
            HeldOut.Add((Points.Count, Evaluate(every: 8)));
        return Points[^1].Loss;
    }

    /// <summary>The loss of the text that is held out, with the averaged weights, in nats a character. Each character is predicted from half a context at least.</summary>
    /// <param name="every">How seldom a window is looked at; 1: all.</param>
    public double Evaluate(int every = 1)
    {
        using var noGradients = no_grad();
        using var averaged = average.SwapIn();
        double sum = 0;
        long[] chosen = [.. Enumerable.Range(0, (int)corpus.HeldOut.shape[0]).Where(i => i % every == 0).Select(i => (long)i)];
        foreach (long[] some in chosen.Chunk(BatchSize))
        {
            using var scope = NewDisposeScope();
            sum += Loss(corpus.HeldOut.index_select(0, tensor(some)), from: Gpt.Context / 2).item<float>() * some.Length;
        }
        return sum / chosen.Length;
    }

    /// <summary>Goes on with a text, character by character, with the averaged weights.</summary>
    public string Write(string text, int count)
    {
        using var noGradients = no_grad();
        using var averaged = average.SwapIn();
        manual_seed(options.Seed);
        using var temperature = 0.7.ToScalar();
        List<int> numbers = [.. corpus.Numbers(text)];
        for (int i = 0; i < count; i++)
        {
            using var scope = NewDisposeScope();
            var scores = model.forward(tensor(numbers.TakeLast(Gpt.Context).Select(n => (long)n).ToArray()).unsqueeze(0))[0, -1];
            numbers.Add((int)scores.div(temperature).softmax(0).multinomial(1).item<long>());
        }
        return corpus.Text(numbers);
    }

    public StateDict StateDict() => new()
    {
        { "settings", Settings },
        { "model", model.StateDict() },
        { "optimizer", optimizer.StateDict() },
        { "scheduler", scheduler.StateDict() },
        { "average", average.StateDict() },
        { "points", Points.Select(p => new StateDict { { "loss", p.Loss }, { "norm", p.Norm }, { "rate", p.Rate } }) },
        { "held_out", HeldOut.Select(h => new StateDict { { "step", h.Step }, { "loss", h.Loss } }) },
    };

    /// <summary>Goes on from a state.</summary>
    /// <returns>What keeps it from that: a setting that is other there; null: nothing.</returns>
    public string? LoadStateDict(StateDict state)
    {
        var saved = state.GetDict("settings");
        foreach (var name in Settings.Keys)
        {
            if (saved.GetString(name) is var there && Settings.GetString(name) is var here && there != here)
                return $"{name} is {there} there, and {here} here";
        }
        model.LoadStateDict(state.GetDict("model"));
        optimizer.LoadStateDict(state.GetDict("optimizer"));
        scheduler.LoadStateDict(state.GetDict("scheduler"));
        average.LoadStateDict(state.GetDict("average"));
        Points.AddRange(state.GetDicts("points").Select(p => new Point(p.GetDouble("loss"), p.GetDouble("norm"), p.GetDouble("rate"))));
        HeldOut.AddRange(state.GetDicts("held_out").Select(h => ((int)h.GetInt64("step"), h.GetDouble("loss"))));
        return null;
    }

    public void Dispose()
    {
        average.Dispose();
        optimizer.Dispose();
        model.Dispose();
    }

    StateDict Settings => options.Settings(corpus.Hash);

    /// <summary>The mean loss of the characters of windows, but for the first ones.</summary>
    Tensor Loss(Tensor windows, int from)
    {
        using var scope = NewDisposeScope();
        var scores = model.forward(windows.narrow(1, 0, Gpt.Context)).narrow(1, from, Gpt.Context - from);
        return nn.functional.cross_entropy(scores.reshape(-1, corpus.Characters), windows.narrow(1, from + 1, Gpt.Context - from).reshape(-1)).MoveToOuterDisposeScope();
    }
}
