using OptimSharp;
using OptimSharp.Schedulers;
using OptimSharp.Torch;
using static TorchSharp.torch;

namespace Snippets; // as in a program of one's own, not below OptimSharp

/// <summary>The training step's page.</summary>
public sealed class StepSnippets : IDisposable
{
    readonly TorchSharp.DisposeScope scope = NewDisposeScope();
    readonly Network model = new();
    readonly (Tensor, Tensor)[] loader;
    readonly nn.Module<Tensor, Tensor, Tensor> lossFunction = nn.CrossEntropyLoss();

    public StepSnippets()
    {
        var random = new Random(1);
        var input = tensor(Enumerable.Range(0, 120).Select(_ => 2 * random.NextSingle() - 1).ToArray()).reshape(30, 4);
        loader = [(input, input[TensorIndex.Ellipsis, ..3].argmax(1))];
    }

    public void Dispose()
    {
        lossFunction.Dispose();
        model.Dispose();
        scope.Dispose();
    }

    [Fact]
    public void The_whole_step()
    {
        double before = Loss();

        using var optimizer = new AdamW(model.Parameters(), new() { LearningRate = 1e-2 });
        var scheduler = new CosineAnnealingLR(optimizer, tMax: 300);
        using var averages = new AveragedParameters(model.Parameters(), Averaging.Ema(0.99));
        var step = new TrainingStep(optimizer, new() { MaxNorm = 1.0, Averages = averages, Schedulers = [scheduler] });

        for (int epoch = 0; epoch < 300; epoch++)
        {
            foreach (var (input, target) in loader)
            {
                using var loss = lossFunction.forward(model.forward(input), target);
                loss.backward();
                var report = step.Step();
                if (report.Skipped)
                    Console.WriteLine($"left out: the gradient of {report.NotFinite} is not finite");
            }
        }

        Assert.True(Loss() < before / 2);
        Assert.Equal((300, 0), (averages.Count, scheduler.LastLearningRates[0]));
    }

    [Fact]
    public void Statistics_of_a_step()
    {
        using var optimizer = new AdamW(model.Parameters());
        var (input, target) = loader[0];

        var step = new TrainingStep(optimizer, new() { MaxNorm = 1.0, Statistics = true });
        using var loss = lossFunction.forward(model.forward(input), target);
        loss.backward();
        StepStatistics statistics = step.Step().Statistics!;
        Console.WriteLine(statistics);
        double ratio = statistics.Groups[0].UpdateRatio; // often near 10⁻³ when a rate is right

        Assert.InRange(ratio, 1e-5, 1);
        Assert.StartsWith("step 1: gradient ", statistics.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Separate_calls()
    {
        using var optimizer = new AdamW(model.Parameters());
        var (input, target) = loader[0];

        optimizer.ZeroGrad();
        using var loss = lossFunction.forward(model.forward(input), target);
        loss.backward();
        double norm = Gradients.ClipNorm(model.Parameters(), maxNorm: 1.0);
        Gradients.ClipValue(model.Parameters(), limit: 0.5);
        optimizer.Step();

        Assert.True(norm > 0);
        Assert.True(Gradients.Norm(model.Parameters()) <= 1);
    }

    [Fact]
    public void Micro_batches()
    {
        using var optimizer = new AdamW(model.Parameters());
        int updates = 0;

        var step = new TrainingStep(optimizer, new() { MicroBatches = 4, MaxNorm = 1.0 });
        foreach (var (input, target) in Enumerable.Repeat(loader[0], 10))
        {
            using var loss = lossFunction.forward(model.forward(input), target);
            loss.backward();                    // adds to the gradients
            if (step.Step().Updated)            // at each fourth: takes their mean
                updates++;
        }
        if (step.Finish().Updated)              // the last two
            updates++;

        Assert.Equal(3, updates);
    }

    [Fact]
    public void A_scaled_loss()
    {
        using var optimizer = new AdamW(model.Parameters());
        var scaler = new GradScaler();
        var step = new TrainingStep(optimizer, new() { Scaler = scaler, MaxNorm = 1.0 });
        foreach (var (input, target) in loader)
        {
            using var loss = lossFunction.forward(model.forward(input), target);
            scaler.Scale(loss).backward();
            step.Step();                        // unscales, clips, steps or leaves out, updates the scale
        }

        Assert.Equal(65536, scaler.CurrentScale);
        Assert.Equal(1, optimizer.StateOf(optimizer.ParameterGroups[0].Parameters[0])!.Step);
    }

    [Fact]
    public void A_scaled_loss_by_separate_calls()
    {
        using var optimizer = new AdamW(model.Parameters());
        var scaler = new GradScaler();
        foreach (var (input, target) in loader)
        {
            optimizer.ZeroGrad();
            using var loss = lossFunction.forward(model.forward(input), target);
            scaler.Scale(loss).backward();
            scaler.Unscale(optimizer);
            Gradients.ClipNorm(model.Parameters(), maxNorm: 1.0);
            scaler.Step(optimizer);
            scaler.Update();
        }

        Assert.Equal(1L, scaler.StateDict()["_growth_tracker"]);
    }

    double Loss()
    {
        using var noGrad = no_grad();
        using var inner = NewDisposeScope();
        return lossFunction.forward(model.forward(loader[0].Item1), loader[0].Item2).item<float>();
    }
}
