using OptimSharp;
using OptimSharp.Schedulers;
using OptimSharp.Torch;
using static TorchSharp.torch;

namespace Snippets; // as in a program of one's own, not below OptimSharp

/// <summary>The code of docs/averaging.md.</summary>
public sealed class AveragingSnippets : IDisposable
{
    readonly TorchSharp.DisposeScope scope = NewDisposeScope();
    readonly Net model = new();
    readonly Tensor input, target;
    readonly (Tensor, Tensor)[] loader;
    readonly nn.Module<Tensor, Tensor, Tensor> lossFunction = nn.CrossEntropyLoss();

    /// <summary>A model with batch normalisation.</summary>
    sealed class Net : nn.Module<Tensor, Tensor>
    {
        readonly TorchSharp.Modules.Linear first = nn.Linear(4, 8), second = nn.Linear(8, 3);
        readonly TorchSharp.Modules.BatchNorm1d norm = nn.BatchNorm1d(8);

        public Net() : base(nameof(Net)) => RegisterComponents();

        public override Tensor forward(Tensor x) => second.forward(norm.forward(first.forward(x)).relu());
    }

    public AveragingSnippets()
    {
        var random = new System.Random(1);
        input = tensor(Enumerable.Range(0, 120).Select(_ => random.NextSingle() - 0.5f).ToArray()).reshape(30, 4);
        target = input[TensorIndex.Ellipsis, ..3].argmax(1);
        loader = [(input[..15], target[..15]), (input[15..], target[15..])];
    }

    public void Dispose()
    {
        lossFunction.Dispose();
        model.Dispose();
        scope.Dispose();
    }

    [Fact]
    public void Constructing()
    {
        using var swa = new AveragedModel<Net>(model);
        swa.Update();
        Assert.Equal(1, swa.Count);
    }

    [Fact]
    public void Schedule()
    {
        using var optimizer = new SGD(model.Parameters(), new() { LearningRate = 0.1 });
        var swaScheduler = new SWALR(optimizer, swaLr: 0.05, annealEpochs: 5, annealStrategy: AnnealStrategy.Linear);
        for (int epoch = 0; epoch < 5; epoch++)
        {
            optimizer.Step();
            swaScheduler.Step();
        }
        Assert.Equal(0.05, optimizer.ParameterGroups[0].LearningRate, 1e-15);
    }

    [Fact]
    public void Putting_it_all_together()
    {
        double before = Loss(model);
        using var optimizer = new SGD(model.Parameters(), new() { LearningRate = 0.1, Momentum = 0.9 });

        using var swa = new AveragedModel<Net>(model, () => new Net());
        var scheduler = new CosineAnnealingLR(optimizer, tMax: 300);
        int swaStart = 160;
        var swaScheduler = new SWALR(optimizer, swaLr: 0.05);

        for (int epoch = 0; epoch < 300; epoch++)
        {
            foreach (var (input, target) in loader)
            {
                optimizer.ZeroGrad();
                using var loss = lossFunction.forward(model.forward(input), target);
                loss.backward();
                optimizer.Step();
            }
            if (epoch > swaStart)
            {
                swa.Update();
                swaScheduler.Step();
            }
            else
                scheduler.Step();
        }

        // Compute batch-norm statistics for the averaged weights at the end
        BatchNorm.UpdateStatistics(loader, swa);
        // Use the averaged model to make predictions on test data
        swa.Module.eval();
        var predictions = swa.Module.forward(input);

        Assert.Equal(139, swa.Count);
        Assert.Equal([30L, 3], predictions.shape);
        Assert.True(Loss(swa.Module) < before / 2);
    }

    [Fact]
    public void Custom_averages()
    {
        using var ema = new AveragedModel<Net>(model, Averaging.Ema(0.999), new() { UseBuffers = true });
        using var custom = new AveragedModel<Net>(model, TensorAveraging.PerTensor((average, current, count) => 0.1 * average + 0.9 * current));
        ema.Update();
        custom.Update();
        Assert.Equal((1, 1), (ema.Count, custom.Count));
    }

    [Fact]
    public void Using_the_averages()
    {
        using var ema = new AveragedModel<Net>(model, Averaging.Ema());
        using var other = new Net();
        ema.Update();

        using (ema.SwapIn())
            Evaluate(model);

        ema.CopyTo(other);
        other.eval();
        using var noGrad = no_grad();
        Assert.Equal(ema.StateDict().GetTensor("module.first.weight").ToDoubles(), other.StateDict().GetTensor("first.weight").ToDoubles());
    }

    [Fact]
    public void Plain_memory()
    {
        var w = Parameter.Of("w", new float[640], [64, 10]);
        using var optimizer = new SGD([w]);
        using var averages = new AveragedParameters([w], Averaging.Ema(0.99));

        w.UseGradient().Fill(1);
        optimizer.Step();
        averages.Update();

        TensorData average = averages.Average("w");
        Assert.Equal(w.Values.ToArray(), average.ToArray<float>());
    }

    [Fact]
    public void Checkpoints()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            foreach (int epoch in new[] { 1, 2, 3 })
                Checkpoint.Save(Path.Combine(folder, $"epoch-{epoch}.pt"), model.StateDict());

            using var average = new AveragedModel<Net>(model);
            foreach (string path in Directory.GetFiles(folder, "epoch-*.pt"))
                average.Update(Checkpoint.Load(path));
            average.CopyTo(model);
            Checkpoint.Save(Path.Combine(folder, "averaged.pt"), average.StateDict());

            Assert.Equal(3, average.Count);
            average.LoadStateDict(Checkpoint.Load(Path.Combine(folder, "averaged.pt")));
            Assert.Equal(3, average.Count);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void State_of_a_module()
    {
        double before = Loss(model);

        StateDict weights = model.StateDict();
        model.LoadStateDict(weights);

        Assert.Equal(before, Loss(model));
        Assert.Equal(9, weights.Count);
    }

    void Evaluate(Net net) => Assert.True(double.IsFinite(Loss(net)));

    double Loss(Net net)
    {
        using var inner = NewDisposeScope();
        using var noGrad = no_grad();
        net.eval();
        double loss = lossFunction.forward(net.forward(input), target).item<float>();
        net.train();
        return loss;
    }
}
