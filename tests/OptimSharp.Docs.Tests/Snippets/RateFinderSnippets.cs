using OptimSharp;
using OptimSharp.Torch;
using static TorchSharp.torch;

namespace Snippets; // as in a program of one's own, not below OptimSharp

/// <summary>The rate finder's page.</summary>
public sealed class RateFinderSnippets : IDisposable
{
    readonly TorchSharp.DisposeScope scope = NewDisposeScope();
    readonly Network model = new();
    readonly nn.Module<Tensor, Tensor, Tensor> lossFunction = nn.CrossEntropyLoss();
    readonly Tensor inputs = Numbers.Draw(new Random(1), zeros(30, 4)), targets = arange(30, ScalarType.Int64) % 3;

    public void Dispose()
    {
        lossFunction.Dispose();
        model.Dispose();
        scope.Dispose();
    }

    [Fact]
    public void Of_a_model()
    {
        (Tensor, Tensor) NextBatch() => (inputs, targets);

        using var optimizer = new AdamW(model.Parameters());
        var curve = model.FindLearningRate(optimizer, () =>
        {
            var (input, target) = NextBatch();
            optimizer.ZeroGrad();
            using var loss = lossFunction.forward(model.forward(input), target);
            loss.backward();
            optimizer.Step();
            return loss.item<float>();
        });
        Console.WriteLine(curve);
        optimizer.ParameterGroups[0].LearningRate = curve.Suggestions.Valley ?? 1e-3;

        Assert.Null(optimizer.StateOf(optimizer.ParameterGroups[0].Parameters[0]));
        Assert.InRange(optimizer.ParameterGroups[0].LearningRate, 1e-6, 1);
    }

    [Fact]
    public void Of_plain_memory()
    {
        float[] x = [1, 2, 3, 4], y = [2, 4, 6, 8];
        var w = Parameter.Of("w", new float[1]);
        using var optimizer = new SGD([w], new() { LearningRate = 0.1 });

        var curve = RateFinder.Run(optimizer, () =>
        {
            float[] errors = [.. x.Select((value, i) => w.Values.Span[0] * value - y[i])];
            w.Gradient = new[] { 2 * errors.Select((error, i) => error * x[i]).Average() };
            optimizer.Step();
            return errors.Average(error => error * error);
        }, new() { StartRate = 1e-5, EndRate = 1, Smoothing = 0.9 });
        curve.SaveCsv("rates.csv");

        Assert.Equal(0, w.Values.Span[0]);
        Assert.Equal(curve.Rates.Count + 1, File.ReadAllLines("rates.csv").Length);
        File.Delete("rates.csv");
    }

    [Fact]
    public void What_else_comes_back()
    {
        using var optimizer = new AdamW(model.Parameters());
        var scheduler = new OptimSharp.Schedulers.StepLR(optimizer, stepSize: 3);
        var scaler = new GradScaler();

        var options = new RateFinderOptions { Restored = [scheduler, scaler] };

        RateFinder.Run(optimizer, () =>
        {
            scheduler.Step();
            return 1;
        }, options);
        Assert.Equal(0, scheduler.LastEpoch);
    }
}
