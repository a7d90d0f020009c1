using OptimSharp;
using OptimSharp.Samples;
using OptimSharp.Schedulers;
using OptimSharp.Torch;
using static TorchSharp.torch;

namespace YourOwnOptimizer;

/// <summary>What is known after an epoch.</summary>
sealed record Epoch(int Number, double Loss, double Accuracy);

/// <summary>A small convolutional network that learns the digits with an optimizer. The same numbers each time.</summary>
sealed class Run : IDisposable
{
    const int BatchSize = 32;

    readonly Digits training, test;
    readonly Optimizer optimizer;
    readonly CosineAnnealingLR scheduler;

    /// <param name="name">What the picture calls it.</param>
    /// <param name="create">Makes the optimizer.</param>
    /// <param name="epochs">The epochs that the run is meant to have: over them the rate falls to 0.</param>
    public Run(string name, Func<IReadOnlyList<TorchParameter>, Optimizer> create, int epochs)
    {
        manual_seed(1);
        (Name, (training, test)) = (name, Digits.Load());
        Model = new();
        optimizer = create(Model.Parameters());
        scheduler = new(optimizer, tMax: epochs);
    }

    public string Name { get; }

    public Network Model { get; }

    public List<Epoch> History { get; } = [];

    /// <summary>Trains up to an epoch, and that one too.</summary>
    public void GoOn(int last)
    {
        using var scope = NewDisposeScope();
        Tensor images = ToTensor(training), labels = tensor(training.Labels), testImages = ToTensor(test), testLabels = tensor(test.Labels);
        for (int epoch = (int)scheduler.LastEpoch + 1; epoch <= last; epoch++)
        {
            manual_seed(epoch); // each epoch its own random numbers: a run that goes on has the same
            int[] order = [.. Enumerable.Range(0, training.Count)];
            new System.Random(epoch).Shuffle(order);
            double sum = 0;
            Model.train();
            foreach (int[] batch in order.Chunk(BatchSize))
            {
                using var inner = NewDisposeScope();
                var index = tensor(batch.Select(i => (long)i).ToArray());
                optimizer.ZeroGrad();
                var loss = nn.functional.cross_entropy(Model.forward(images[index]), labels[index]);
                loss.backward();
                optimizer.Step();
                sum += loss.item<float>() * batch.Length;
            }
            scheduler.Step();
            History.Add(new(epoch, sum / training.Count, Accuracy(testImages, testLabels)));
        }
    }

    /// <summary>Model, optimizer and schedule in one file, which PyTorch can read.</summary>
    public void Save(string path) => Checkpoint.Save(path, new()
    {
        { "model", Model.StateDict() },
        { "optimizer", optimizer.StateDict() },
        { "scheduler", scheduler.StateDict() },
    });

    public void Load(string path)
    {
        var saved = Checkpoint.Load(path);
        Model.LoadStateDict(saved.GetDict("model"));
        optimizer.LoadStateDict(saved.GetDict("optimizer"));
        scheduler.LoadStateDict(saved.GetDict("scheduler"));
    }

    /// <summary>Whether another run has the same weights, to the last bit.</summary>
    public bool HasTheBitsOf(Run other) =>
        Model.parameters().Zip(other.Model.parameters()).All(pair => pair.First.bytes.SequenceEqual(pair.Second.bytes));

    public void Dispose()
    {
        optimizer.Dispose();
        Model.Dispose();
    }

    double Accuracy(Tensor images, Tensor labels)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        Model.eval();
        return Model.forward(images).argmax(1).eq(labels).to_type(ScalarType.Float64).mean().item<double>();
    }

    static Tensor ToTensor(Digits digits) => tensor(digits.Images).reshape(digits.Count, 1, 8, 8);
}
