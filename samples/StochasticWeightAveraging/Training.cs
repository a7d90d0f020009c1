using OptimSharp.Schedulers;
using OptimSharp.Torch;
using static TorchSharp.torch;

namespace OptimSharp.Samples;

/// <summary>Test accuracies after an epoch. SWA has none before its first model.</summary>
public sealed record Epoch(int Number, double Loss, double LearningRate, double Last, double? Swa, double Ema);

/// <summary>
/// A training run, as in PyTorch's documentation of <c>torch.optim.swa_utils</c>: SGD whose rate falls along a cosine, for the first 60 % of the epochs; then a constant
/// rate, and the average of the weights after each epoch. Beside it a moving average of the weights after each step.
/// </summary>
sealed class Training : IDisposable
{
    readonly Options options;
    readonly Images training, test;
    readonly Network model;
    readonly AveragedModel<Network> swa, ema;
    readonly SGD optimizer;
    readonly CosineAnnealingLR scheduler;
    readonly SWALR swaScheduler;
    readonly int swaStart;

    public Training(Options options, Images training, Images test)
    {
        (this.options, this.training, this.test) = (options, training, test);
        manual_seed(options.Seed);
        model = new(training.Size);
        swa = new(model);
        ema = new(model, Averaging.Ema(0.99), new() { UseBuffers = true }); // its batch-norm statistics are averages too
        optimizer = new(model.Parameters(), new() { LearningRate = options.LearningRate, Momentum = 0.9, WeightDecay = 5e-4 });
        scheduler = new(optimizer, tMax: options.Epochs);
        swaScheduler = new(optimizer, swaLr: options.LearningRate / 2, annealEpochs: Math.Max(1, options.Epochs / 20));
        swaStart = options.Epochs * 6 / 10;
    }

    public List<Epoch> History { get; } = [];

    public int StepsPerEpoch => (training.Count + options.BatchSize - 1) / options.BatchSize;

    /// <summary>Trains for an epoch. False when it was cancelled on the way: what it did counts only once it is done and saved.</summary>
    public bool Run(Action stepped, CancellationToken cancelled)
    {
        int epoch = History.Count;
        double rate = optimizer.ParameterGroups[0].LearningRate, sum = 0;
        var random = new System.Random(options.Seed * 7919 + epoch); // the same numbers when the epoch is begun again
        int[] order = [.. Enumerable.Range(0, training.Count)];
        random.Shuffle(order);
        model.train();
        foreach (int[] batch in order.Chunk(options.BatchSize))
        {
            if (cancelled.IsCancellationRequested)
                return false;
            using var scope = NewDisposeScope();
            var index = tensor(batch.Select(i => (long)i).ToArray());
            optimizer.ZeroGrad();
            var loss = nn.functional.cross_entropy(model.forward(Shifted(training.Pixels.index_select(0, index), random)), training.Labels.index_select(0, index));
            loss.backward();
            optimizer.Step();
            ema.Update();
            sum += loss.item<float>() * batch.Length;
            stepped();
        }
        if (epoch >= swaStart)
        {
            swa.Update();
            swaScheduler.Step();
        }
        else
            scheduler.Step();
        History.Add(new(epoch + 1, sum / training.Count, rate, Accuracy(), SwaAccuracy(), EmaAccuracy()));
        return true;
    }

    public StateDict StateDict() => new()
    {
        { "settings", options.Settings },
        { "model", model.StateDict() },
        { "swa", swa.StateDict() },
        { "ema", ema.StateDict() },
        { "optimizer", optimizer.StateDict() },
        { "scheduler", scheduler.StateDict() },
        { "swa_scheduler", swaScheduler.StateDict() },
        { "history", History.Select(e => new StateDict { { "loss", e.Loss }, { "lr", e.LearningRate }, { "last", e.Last }, { "swa", e.Swa }, { "ema", e.Ema } }) },
    };

    public void LoadStateDict(StateDict state)
    {
        model.LoadStateDict(state.GetDict("model"));
        swa.LoadStateDict(state.GetDict("swa"));
        ema.LoadStateDict(state.GetDict("ema"));
        optimizer.LoadStateDict(state.GetDict("optimizer"));
        scheduler.LoadStateDict(state.GetDict("scheduler"));
        swaScheduler.LoadStateDict(state.GetDict("swa_scheduler"));
        History.Clear();
        History.AddRange(state.GetDicts("history").Select((e, i) =>
            new Epoch(i + 1, e.GetDouble("loss"), e.GetDouble("lr"), e.GetDouble("last"), e["swa"] is null ? null : e.GetDouble("swa"), e.GetDouble("ema"))));
    }

    public void Dispose()
    {
        optimizer.Dispose();
        ema.Dispose();
        swa.Dispose();
        model.Dispose();
    }

    /// <summary>Images moved by a few pixels in any direction: there are more to learn from.</summary>
    static Tensor Shifted(Tensor images, System.Random random)
    {
        long size = images.shape[^1], most = Math.Max(1, size / 14);
        return nn.functional.pad(images, [most, most, most, most])
            .narrow(2, random.NextInt64(2 * most + 1), size).narrow(3, random.NextInt64(2 * most + 1), size);
    }

    double? SwaAccuracy()
    {
        if (swa.Count == 0)
            return null;
        BatchNorm.UpdateStatistics(training.Batches(500), swa); // averaged weights need statistics of their own
        using (swa.SwapIn())
            return Accuracy();
    }

    double EmaAccuracy()
    {
        using (ema.SwapIn())
            return Accuracy();
    }

    double Accuracy()
    {
        using var noGrad = no_grad();
        model.eval();
        long right = 0;
        foreach (var (pixels, labels) in test.Batches(500))
        {
            using var scope = NewDisposeScope();
            right += model.forward(pixels).argmax(1).eq(labels).sum().item<long>();
        }
        return (double)right / test.Count;
    }

}
