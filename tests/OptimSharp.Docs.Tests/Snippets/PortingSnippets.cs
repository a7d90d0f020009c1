using System.Globalization;
using OptimSharp;
using OptimSharp.Conformance;
using OptimSharp.Testing;
using OptimSharp.Docs.Tests;
using OptimSharp.Schedulers;
using OptimSharp.Torch;
using static TorchSharp.torch;

namespace Snippets; // as in a program of one's own, not below OptimSharp

/// <summary>The script of docs/porting-from-pytorch.md in both languages.</summary>
public sealed class PortingSnippets : IDisposable
{
    readonly TorchSharp.DisposeScope scope = NewDisposeScope();
    readonly string folder = Directory.CreateTempSubdirectory("optimsharp-porting-").FullName;
    readonly List<double> printed = [];

    public void Dispose()
    {
        scope.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task The_script_gives_the_same_numbers_in_both_languages()
    {
        string? python = await PythonWithTorch.FindAsync();
        Assert.SkipWhen(python is null, PythonWithTorch.Missing);
        string page = Markdown.Read("docs/porting-from-pytorch.md");
        await File.WriteAllTextAsync(Path.Combine(folder, "script.py"), page.Split("```python")[1].Split("```")[0], TestContext.Current.CancellationToken);
        string output = await PythonWithTorch.RunAsync(python!, folder, "script.py");
        double[] theirs = [.. output.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries).Select(x => double.Parse(x, CultureInfo.InvariantCulture))];

        Script();

        Assert.Equal(40, theirs.Length);
        Assert.Null(Comparison.Difference(theirs, [.. printed], 1e-5));
        Assert.True(printed[^2] < printed[0] - 0.01, $"The loss went from {printed[0]} to {printed[^2]} only.");
        StateDict expected = Checkpoint.Load(Path.Combine(folder, "training.pt")).GetDict("model"), actual = Checkpoint.Load(Path.Combine(folder, "ours.pt")).GetDict("model");
        Assert.Equal(expected.Keys, actual.Keys);
        Assert.All(expected.Keys, key => Assert.Null(Comparison.Difference(expected.GetTensor(key).ToDoubles(), actual.GetTensor(key).ToDoubles(), 1e-5)));
    }

    void Print(double loss, double rate) => printed.AddRange([loss, rate]);

    void Script()
    {
        string path = Path.Combine(folder, "ours.pt");
        var first = nn.Linear(4, 8);
        var last = nn.Linear(8, 3);
        using var model = nn.Sequential(("0", first), ("1", nn.Tanh()), ("2", last));
        using (no_grad())
        {
            foreach (var parameter in model.parameters()) // the same weights in both languages
                parameter.copy_(arange(parameter.numel(), ScalarType.Float32).sin().view_as(parameter) / 2);
        }
        var inputs = arange(30 * 4, ScalarType.Float32).cos().view(30, 4);
        var targets = arange(30, ScalarType.Int64) % 3;

        using var optimizer = new AdamW(
            [
                new(first.Parameters()),
                new(last.Parameters(), o => o with { LearningRate = 0.05 }),
            ],
            new() { LearningRate = 0.02, WeightDecay = 0.1 });
        var scheduler = new CosineAnnealingLR(optimizer, tMax: 20);

        for (int epoch = 0; epoch < 20; epoch++)
        {
            optimizer.ZeroGrad();
            using var loss = nn.functional.cross_entropy(model.forward(inputs), targets);
            loss.backward();
            Gradients.ClipNorm(model.Parameters(), maxNorm: 0.1);
            optimizer.Step();
            scheduler.Step();
            Print(loss.item<float>(), scheduler.LastLearningRates[1]);
        }

        Checkpoint.Save(path, new()
        {
            { "model", model.StateDict() },
            { "optimizer", optimizer.StateDict() },
            { "scheduler", scheduler.StateDict() },
        });
    }
}
