using static TorchSharp.torch;

namespace OptimSharp.Samples;

/// <summary>Something to be learned: a network, batches and a loss.</summary>
abstract class Lesson : IDisposable
{
    /// <summary>What it is called.</summary>
    public abstract string Name { get; }

    /// <summary>The rate that training begins with.</summary>
    public abstract double Rate { get; }

    /// <summary>How many steps are taken, unless the command line says it.</summary>
    public abstract int Steps { get; }

    /// <summary>A network with new weights.</summary>
    public abstract nn.Module<Tensor, Tensor> Make();

    /// <summary>The loss of a batch. It depends on nothing but the network, seed and step.</summary>
    public abstract Tensor Loss(nn.Module<Tensor, Tensor> network, int seed, int step);

    /// <summary>The loss of what is held out.</summary>
    public abstract double Test(nn.Module<Tensor, Tensor> network);

    public abstract void Dispose();

    /// <summary>The mean loss of scores; a network of few bits gives scores of few bits, which are summed in singles.</summary>
    protected static Tensor Mean(Tensor scores, Tensor classes) => nn.functional.cross_entropy(scores.to_type(ScalarType.Float32), classes);
}

/// <summary>Handwritten digits.</summary>
sealed class DigitLesson : Lesson
{
    const int BatchSize = 32;

    readonly Images training, test;

    public DigitLesson() => (training, test) = Images.Load(null);

    public override string Name => "digits";

    public override double Rate => 1e-3;

    public override int Steps => 1200;

    public override nn.Module<Tensor, Tensor> Make() => new ConvolutionalNetwork(training.Size);

    public override Tensor Loss(nn.Module<Tensor, Tensor> network, int seed, int step)
    {
        var random = new System.Random(unchecked(seed * 1_000_003 + step));
        using var scope = NewDisposeScope();
        var some = tensor([.. Enumerable.Range(0, BatchSize).Select(_ => random.NextInt64(training.Count))]);
        return Mean(network.forward(training.Pixels.index_select(0, some).to_type(TypeOf(network))), training.Labels.index_select(0, some)).MoveToOuterDisposeScope();
    }

    public override double Test(nn.Module<Tensor, Tensor> network)
    {
        using var scope = NewDisposeScope();
        return Mean(network.forward(test.Pixels.to_type(TypeOf(network))), test.Labels).item<float>();
    }

    public override void Dispose()
    {
        training.Dispose();
        test.Dispose();
    }

    static ScalarType TypeOf(nn.Module network) => network.parameters().First().dtype;
}

/// <summary>The next character of this repository's documentation.</summary>
sealed class TextLesson : Lesson
{
    const int BatchSize = 8;

    readonly Corpus corpus = new(Gpt.Context);

    public override string Name => "gpt";

    public override double Rate => 1e-3;

    public override int Steps => 400;

    public override nn.Module<Tensor, Tensor> Make() => new Gpt(corpus.Characters);

    public override Tensor Loss(nn.Module<Tensor, Tensor> network, int seed, int step) => Of(network, corpus.Batch(BatchSize, seed, step));

    public override double Test(nn.Module<Tensor, Tensor> network)
    {
        double sum = 0;
        long[] chosen = [.. Enumerable.Range(0, (int)corpus.HeldOut.shape[0] / 4).Select(i => 4L * i)];
        foreach (long[] some in chosen.Chunk(64))
        {
            using var scope = NewDisposeScope();
            sum += Of(network, corpus.HeldOut.index_select(0, tensor(some))).item<float>() * some.Length;
        }
        return sum / chosen.Length;
    }

    public override void Dispose() => corpus.Dispose();

    Tensor Of(nn.Module<Tensor, Tensor> network, Tensor windows)
    {
        using var scope = NewDisposeScope();
        var scores = network.forward(windows.narrow(1, 0, Gpt.Context));
        return Mean(scores.reshape(-1, corpus.Characters), windows.narrow(1, 1, Gpt.Context).reshape(-1)).MoveToOuterDisposeScope();
    }
}
