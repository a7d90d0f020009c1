using System.Diagnostics;
using OptimSharp.Torch;
using static TorchSharp.torch;

namespace OptimSharp.Samples;

/// <summary>A run of a contender: the network trained from the same start, with the same batches as every other run with its seed.</summary>
sealed class Run(Options options, Contender contender, double multiple, int seed, Images training, Images test)
{
    const int Points = 20;

    readonly Stopwatch all = new(), evaluating = new(), stepping = new();
    readonly List<Point> history = [];
    readonly System.Random random = new(seed);
    int[] order = [];
    int next, gradients, steps;
    double sum, recent;

    /// <summary>Trains until all gradients are used up, or the loss is no number any more.</summary>
    /// <param name="computed">Told of every gradient.</param>
    /// <param name="cancelled">Ends the run before its time.</param>
    /// <returns>The course of the run; null when it was cancelled.</returns>
    public IReadOnlyList<Point>? Go(Action computed, CancellationToken cancelled)
    {
        manual_seed(seed);
        using var model = new ConvolutionalNetwork(training.Size);
        var optimizers = contender.Make(model.Parameters(), multiple);
        try
        {
            double[][] rates = [.. optimizers.Select(o => o.ParameterGroups.Select(g => g.LearningRate).ToArray())];
            for (int point = 1; point <= Points; point++)
            {
                for (int last = (int)((long)options.Gradients * point / Points); gradients < last;)
                {
                    if (cancelled.IsCancellationRequested)
                        return null;
                    if (contender.IsScheduled)
                        SetRates(optimizers, rates);
                    Step(model, optimizers, computed);
                }
                if (recent > 0)
                    history.Add(Measure(model, optimizers));
                if (double.IsNaN(history[^1].Loss))
                    break;
            }
            return history;
        }
        finally
        {
            foreach (var optimizer in optimizers)
                optimizer.Dispose();
        }
    }

    /// <summary>Half a wave of a cosine, from the rate to 0.</summary>
    void SetRates(Optimizer[] optimizers, double[][] rates)
    {
        double part = (1 + Math.Cos(Math.PI * Math.Min(1, (double)gradients / options.Gradients))) / 2;
        foreach (var (optimizer, own) in optimizers.Zip(rates))
        {
            foreach (var (group, rate) in optimizer.ParameterGroups.Zip(own))
                group.LearningRate = rate * part;
        }
    }

    void Step(ConvolutionalNetwork model, Optimizer[] optimizers, Action computed)
    {
        using var scope = NewDisposeScope();
        var (images, labels) = NextBatch();
        all.Start();
        if (contender.TakesClosure)
        {
            stepping.Start();
            optimizers[0].Step(() =>
            {
                stepping.Stop();
                double loss = Gradient(model, optimizers, images, labels, computed);
                stepping.Start();
                return loss;
            });
        }
        else
        {
            Gradient(model, optimizers, images, labels, computed);
            stepping.Start();
            foreach (var optimizer in optimizers)
                optimizer.Step();
        }
        stepping.Stop();
        all.Stop();
        steps++;
    }

    double Gradient(ConvolutionalNetwork model, Optimizer[] optimizers, Tensor images, Tensor labels, Action computed)
    {
        using var scope = NewDisposeScope();
        foreach (var optimizer in optimizers)
            optimizer.ZeroGrad();
        var loss = nn.functional.cross_entropy(model.forward(images), labels);
        loss.backward();
        double value = loss.item<float>();
        gradients++;
        (sum, recent) = (sum + value, recent + 1);
        if (gradients <= options.Gradients)
            computed();
        return value;
    }

    (Tensor Images, Tensor Labels) NextBatch()
    {
        if (next + options.BatchSize > order.Length)
        {
            order = [.. Enumerable.Range(0, training.Count)];
            random.Shuffle(order);
            next = 0;
        }
        var index = tensor(order.Skip(next).Take(options.BatchSize).Select(i => (long)i).ToArray());
        next += options.BatchSize;
        return (training.Pixels.index_select(0, index), training.Labels.index_select(0, index));
    }

    Point Measure(ConvolutionalNetwork model, Optimizer[] optimizers)
    {
        long bytes = optimizers.SelectMany(o => o.ParameterGroups.SelectMany(g => g.Parameters).Select(o.StateOf)).Distinct().Sum(state => state?.Bytes ?? 0), count = model.parameters().Sum(p => p.numel());
        using var _ = no_grad();
        using var scope = contender.Testing?.Invoke(optimizers[0]);
        double loss = 0, right = 0;
        foreach (var (images, labels) in test.Batches(1000))
        {
            using var tensors = NewDisposeScope();
            var scores = model.forward(images);
            loss += nn.functional.cross_entropy(scores, labels, reduction: nn.Reduction.Sum).item<float>();
            right += scores.argmax(1).eq(labels).sum().item<long>();
        }
        var point = new Point(gradients, all.Elapsed.TotalSeconds, sum / recent, loss / test.Count, right / test.Count, stepping.Elapsed.TotalMilliseconds / steps, (double)bytes / count);
        (sum, recent) = (0, 0);
        return point;
    }
}
