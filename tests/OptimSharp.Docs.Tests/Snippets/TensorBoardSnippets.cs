using OptimSharp;
using OptimSharp.TensorBoard;
using OptimSharp.Torch;
using static TorchSharp.torch;

namespace Snippets; // as in a program of one's own, not below OptimSharp

/// <summary>The page on TensorBoard.</summary>
public sealed class TensorBoardSnippets : IDisposable
{
    readonly TorchSharp.DisposeScope scope = NewDisposeScope();
    readonly string folder = Directory.CreateTempSubdirectory("optimsharp-page-").FullName;
    readonly Network model = new();
    readonly nn.Module<Tensor, Tensor, Tensor> lossFunction = nn.CrossEntropyLoss();
    readonly Tensor input = Numbers.Draw(new Random(1), zeros(30, 4)), target = arange(30, ScalarType.Int64) % 3;

    public void Dispose()
    {
        lossFunction.Dispose();
        model.Dispose();
        scope.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void A_run_in_two_lines()
    {
        string run = Path.Combine(folder, "first");
        using var optimizer = new AdamW(model.Parameters(), new() { LearningRate = 1e-2 });

        using var writer = new SummaryWriter(run); // "runs/first", say
        var training = new TrainingStep(optimizer, new() { MaxNorm = 1.0, Statistics = true });
        for (int step = 0; step < 100; step++)
        {
            using var loss = lossFunction.forward(model.forward(input), target);
            loss.backward();
            var report = training.Step();
            writer.AddScalar("loss/training", loss.item<float>(), step);
            writer.AddStep(report, optimizer, step);
        }

        writer.Flush();
        Assert.True(new FileInfo(writer.FilePath).Length > 100 * 200);
    }

    [Fact]
    public void All_kinds()
    {
        using var writer = new SummaryWriter(folder);
        using var optimizer = new AdamW(model.Parameters());
        long step = 1;
        string picture = Path.Combine(folder, "digits.png");
        File.WriteAllBytes(picture, Convert.FromBase64String("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="));

        writer.AddScalar("accuracy/test", 0.97, step);
        writer.AddScalars("loss", new Dictionary<string, double> { ["training"] = 0.2, ["test"] = 0.3 }, step);
        writer.AddLearningRates(optimizer, step);
        foreach (var (name, weights) in model.StateDict())
            writer.AddHistogram($"weights/{name}", (TensorData)weights!, step);
        writer.AddText("notes", "the **first** run", step);
        writer.AddImage("digits", File.ReadAllBytes(picture), step);

        writer.AddHyperparameters(new Dictionary<string, object?> { ["optimizer"] = "AdamW", ["rate"] = 1e-3 }, "accuracy/test");

        Assert.Equal(2, Directory.GetDirectories(folder).Length);
    }

    [Fact]
    public void A_search()
    {
        string runs = folder;

        using var search = new SummaryWriter(runs);
        foreach (double rate in new[] { 1e-3, 1e-2, 1e-1 })
        {
            search.AddHyperparameters(
                new Dictionary<string, object?> { ["rate"] = rate },
                new Dictionary<string, double> { ["accuracy"] = Accuracy(rate) },
                runName: FormattableString.Invariant($"rate {rate}"));
        }

        Assert.Equal(3, Directory.GetDirectories(folder).Length);
        static double Accuracy(double rate) => 1 - rate;
    }

    [Fact]
    public void A_run_that_goes_on()
    {
        string run = folder;
        long step = 1200;

        using var writer = new SummaryWriter(run, new() { PurgeStep = step }); // the first step that is taken again

        writer.AddScalar("loss/training", 1, step);
    }
}
