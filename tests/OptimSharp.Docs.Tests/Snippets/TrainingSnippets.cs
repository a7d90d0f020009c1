using OptimSharp;
using OptimSharp.Schedulers;
using OptimSharp.Torch;
using static TorchSharp.torch;

namespace Snippets; // as in a program of one's own, not below OptimSharp

/// <summary>The pages' code that trains TorchSharp models. Each runs, and lowers the loss.</summary>
public sealed class TrainingSnippets : IDisposable
{
    readonly TorchSharp.DisposeScope scope = NewDisposeScope();
    readonly Network model;
    readonly Tensor input, target;
    readonly nn.Module<Tensor, Tensor, Tensor> lossFunction = nn.CrossEntropyLoss();

    public TrainingSnippets()
    {
        model = new Network();
        input = Numbers.Draw(new Random(2), empty(30, 4)) * 4;
        target = input[TensorIndex.Ellipsis, ..3].argmax(1);
    }

    public void Dispose()
    {
        lossFunction.Dispose();
        model.Dispose();
        scope.Dispose();
    }

    [Fact]
    public void State_stays_in_host_memory()
    {
        using var optimizer = new AdamW(model.Parameters().WithStateOnHost());
        Assert.All(optimizer.ParameterGroups[0].Parameters, p => Assert.True(p.HasStateOnHost));
    }

    [Fact]
    public void A_training_loop()
    {
        (Tensor, Tensor)[] loader = [(input, target)];
        double before = Loss();

        using var optimizer = new SGD(model.Parameters(), new() { LearningRate = 0.01, Momentum = 0.9 });
        var scheduler = new CosineAnnealingLR(optimizer, tMax: 300);

        for (int epoch = 0; epoch < 300; epoch++)
        {
            foreach (var (input, target) in loader)
            {
                optimizer.ZeroGrad();
                using var loss = lossFunction.forward(model.forward(input), target);
                loss.backward();
                optimizer.Step();
            }
            scheduler.Step();
        }

        Assert.True(Loss() < before / 2);
        Assert.Equal(0, scheduler.LastLearningRates[0], 1e-15);
    }

    [Fact]
    public void Options_of_their_own_for_some_parameters()
    {
        using var optimizer = new SGD(
            [
                new(model.Base.Parameters()),
                new(model.Classifier.Parameters(), o => o with { LearningRate = 1e-3 }),
            ],
            new() { LearningRate = 1e-2, Momentum = 0.9 });

        Assert.Equal([1e-2, 1e-3], optimizer.ParameterGroups.Select(g => g.LearningRate));
        Assert.All(optimizer.ParameterGroups, g => Assert.Equal(0.9, g.Options.Momentum));
    }

    [Fact]
    public void A_closure()
    {
        double before = Loss();

        using var optimizer = new LBFGS(model.Parameters(), new() { LineSearch = LineSearch.StrongWolfe });
        using var loss = optimizer.Step(() =>
        {
            optimizer.ZeroGrad();
            var loss = lossFunction.forward(model.forward(input), target);
            loss.backward();
            return loss;
        });

        Assert.Equal(before, loss.item<float>(), 1e-6);
        Assert.True(Loss() < before / 2);
    }

    [Fact]
    public void From_PyTorch()
    {
        var (features, classifier) = (model.Base, model.Classifier);
        using (var optimizer = new SGD(model.Parameters(), new() { LearningRate = 0.01, Momentum = 0.9 }))
            Assert.Equal(0.9, optimizer.Defaults.Momentum);
        using (var optimizer = new SGD([new(features.Parameters()), new(classifier.Parameters(), o => o with { LearningRate = 1e-3 })]))
        {
            Loss(backward: true);
            optimizer.Step();
            optimizer.ZeroGrad();
            optimizer.ParameterGroups[0].LearningRate = 0.1;
            Assert.Equal(0.1, optimizer.ParameterGroups[0]["lr"]);
        }
        using (var optimizer = new Adam(features.Parameters()))
        {
            int steps = 0;
            optimizer.Stepped += (sender, e) => steps++;
            optimizer.AddParameterGroup(new(classifier.Parameters()));
            var weight = model.Parameters()[0];
            Loss(backward: true);
            optimizer.Step();
            double[]? average = optimizer.StateOf(weight)?.Tensor("exp_avg");
            Assert.Equal(32, average!.Length);
            Assert.Equal(1, steps);
            var scheduler = new StepLR(optimizer, stepSize: 30);
            scheduler.Step();
            Assert.Equal([1e-3, 1e-3], scheduler.LastLearningRates);
        }
    }

    double Loss(bool backward = false)
    {
        using var scope = NewDisposeScope();
        var loss = lossFunction.forward(model.forward(input), target);
        if (backward)
            loss.backward();
        return loss.item<float>();
    }
}
