using TorchSharp.Modules;
using static TorchSharp.torch;

namespace OptimSharp.Torch.Tests;

/// <summary>A search for a rate leaves a model with batch normalisation and dropout, and torch's random numbers, as they were.</summary>
public sealed class RateFinderTests
{
    [Theory]
    [InlineData(0, false)]
    [InlineData(3, false)]
    [InlineData(3, true)]
    public void Training_after_a_search_has_the_bits_of_training_without(int before, bool throws)
    {
        var with = Train(before, throws);
        var without = Train(before, null);
        Assert.Equal(without, with);
    }

    /// <summary>The same without the search's putting back: the comparison would see it.</summary>
    [Fact]
    public void A_search_of_the_core_alone_moves_statistics_and_random_numbers() =>
        Assert.NotEqual(Train(3, null), Train(3, throws: false, core: true));

    [Fact]
    public void Nothing_is_left_behind()
    {
        Train(1, throws: false);
        long before = TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        Train(1, throws: false);
        Assert.Equal(before, TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    /// <summary>Of two optimizers for one model, the other one's next step sees nothing of the search; nor does the search of what it had.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Gradients_of_parameters_that_the_optimizer_does_not_have_are_dropped_too(bool throws)
    {
        using var scope = NewDisposeScope();
        using var model = new Net();
        using var first = new SGD(model.Parameters().Take(1));
        using var others = new SGD(model.Parameters().Skip(1));
        int steps = 0;
        nn.functional.mse_loss(model.forward(randn(8, 4)), zeros(8, 2)).backward();
        Assert.Throws<ArgumentException>(() => model.FindLearningRate(first, Step, new() { Steps = 1 }));
        Assert.All(model.parameters(), p => Assert.NotNull(p.grad)); // refused: they stay
        if (throws)
            Assert.Throws<InvalidTimeZoneException>(() => model.FindLearningRate(first, Step));
        else
            model.FindLearningRate(first, Step);
        Assert.All(model.parameters(), p => Assert.Null(p.grad));

        double Step()
        {
            if (steps++ == 0)
                Assert.All(model.parameters(), p => Assert.Null(p.grad));
            using var inner = NewDisposeScope();
            first.ZeroGrad();
            var loss = nn.functional.mse_loss(model.forward(randn(8, 4)), zeros(8, 2));
            loss.backward();
            first.Step();
            return throws && steps == 3 ? throw new InvalidTimeZoneException("the data is gone") : loss.item<float>();
        }
    }

    /// <returns>Losses, random numbers, modes and all numbers of the model, as text.</returns>
    static List<string> Train(int before, bool? throws, bool core = false)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        using var model = new Net();
        using var optimizer = new AdamW(model.Parameters(), new() { LearningRate = 1e-2 });
        var seen = new List<string>();
        model.Frozen.eval();
        for (int i = 0; i < before; i++)
            seen.Add($"{Step():R}");
        if (throws is { } fails)
        {
            int steps = 0;
            double Trial()
            {
                if (fails && steps++ == 4)
                    throw new InvalidTimeZoneException("the data is gone");
                model.train(); // all of it
                using (no_grad())
                    model.weight.add_(1); // of no optimizer
                return Step();
            }
            var options = new RateFinderOptions { StartRate = 1e-4, EndRate = 1, Steps = 10, Divergence = double.PositiveInfinity };
            if (fails)
                Assert.Throws<InvalidTimeZoneException>(() => model.FindLearningRate(optimizer, Trial, options));
            else
                Assert.Equal(10, (core ? RateFinder.Run(optimizer, Trial, options) : model.FindLearningRate(optimizer, Trial, options)).Rates.Count);
        }
        for (int i = 0; i < 3; i++)
            seen.Add($"{Step():R}");
        seen.Add(string.Join(' ', model.modules().Select(m => m.training)));
        seen.Add($"{rand(1).item<float>():R}");
        foreach (var (name, tensor) in model.StateDict().Select(e => (e.Key, (TensorData)e.Value!)))
            seen.Add($"{name}: {string.Join(' ', tensor.ToDoubles().Select(d => d.ToString("R", System.Globalization.CultureInfo.InvariantCulture)))}");
        return seen;

        double Step()
        {
            using var inner = NewDisposeScope();
            optimizer.ZeroGrad();
            var loss = nn.functional.mse_loss(model.forward(randn(8, 4)), zeros(8, 2));
            loss.backward();
            optimizer.Step();
            return loss.item<float>();
        }
    }

    sealed class Net : nn.Module<Tensor, Tensor>
    {
        readonly Linear first = nn.Linear(4, 6), last = nn.Linear(6, 2);
        readonly BatchNorm1d norm = nn.BatchNorm1d(6);
        readonly Dropout dropout = nn.Dropout(0.5);
        public readonly BatchNorm1d Frozen = nn.BatchNorm1d(6);
        public readonly Tensor weight = ones(1); // a buffer

        public Net() : base(nameof(Net))
        {
            register_buffer("weight", weight);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            return last.forward(dropout.forward(Frozen.forward(norm.forward(first.forward(x))))).mul(weight).MoveToOuterDisposeScope();
        }
    }
}
