using OptimSharp;
using OptimSharp.Schedulers;
using OptimSharp.Torch;
using static TorchSharp.torch;

namespace Snippets; // as in a program of one's own, not below OptimSharp

/// <summary>The code of docs/checkpoints.md.</summary>
public sealed class CheckpointSnippets : IDisposable
{
    readonly TorchSharp.DisposeScope scope = NewDisposeScope();
    readonly string folder = Directory.CreateTempSubdirectory("optimsharp-").FullName;
    readonly Network model = new();
    readonly Tensor input = arange(120, ScalarType.Float32).div(60).sub(1).view(30, 4);

    public void Dispose()
    {
        model.Dispose();
        scope.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    void TrainOneEpoch(Optimizer optimizer)
    {
        optimizer.ZeroGrad();
        using var loss = model.forward(input).square().mean();
        loss.backward();
        optimizer.Step();
    }

    [Fact]
    public void Objects()
    {
        string path = Path.Combine(folder, "run.ckpt"), modelPath = Path.Combine(folder, "model.pt"), copyPath = Path.Combine(folder, "copy.pt");
        Checkpoint.Save(path, new()
        {
            { "args", new PythonObject("argparse", "Namespace", state: new StateDict { { "lr", 0.1 }, { "model", "vit" } }) },
            { "hyper_parameters", new StateDict { PythonType = "pytorch_lightning.utilities.parsing.AttributeDict" } },
        }, new() { AllowObjects = true });
        File.Copy(Path.Combine(Fixtures(), "pytorch-2.14", "whole_module.pt"), modelPath);

        var saved = Checkpoint.Load(path);
        PythonObject args = saved.GetObject("args");            // an argparse.Namespace
        double rate = args.Attributes.GetDouble("lr");
        string name = (string)args["model"]!;
        var hyper = saved.GetDict("hyper_parameters");          // a class that is a dict
        Console.WriteLine($"{args.Type}: {rate}, {name}, {hyper.PythonType}");
        Assert.Equal((0.1, "vit", "pytorch_lightning.utilities.parsing.AttributeDict"), (rate, name, hyper.PythonType));

        var whole = (PythonObject)Checkpoint.LoadValue(modelPath)!;
        StateDict weights = whole.ModuleStateDict();
        Assert.Equal("0.weight", weights.Keys.First().Name);

        Checkpoint.Save(copyPath, saved, new() { AllowObjects = true });
        Assert.Throws<CheckpointException>(() =>
        {
            Checkpoint.Load(path, new CheckpointLoadOptions { Strict = true });
        });

        TensorData weight = weights.GetTensor("0.weight");
        TensorData eight = weight.To(ElementType.Float8E4M3FN);
        byte[] codes = eight.ToArray<byte>();
        float[] numbers = eight.To(ElementType.Float32).ToArray<float>();
        Assert.Equal(weight.Count, codes.Length);
        Assert.All(numbers.Zip(weight.ToArray<float>()), pair => Assert.Equal(pair.Second, pair.First, Math.Abs(pair.Second) / 16 + 0.001f));
    }

    [Fact]
    public void Files_larger_than_memory()
    {
        string path = Path.Combine(Fixtures(), "pytorch-2.14", "model.pt"), copyPath = Path.Combine(folder, "half.safetensors");
        var large = Checkpoint.Load(path, new CheckpointLoadOptions { OnDemand = true });
        double[] piece = new double[1000];
        large.GetTensor("0.weight").ReadDoubles(first: 0, piece.AsSpan(0, 12));
        Checkpoint.Save(copyPath, large.WithFloats(ElementType.BFloat16), new() { MaxShardBytes = 5_000_000_000 });
        Assert.Equal(Checkpoint.Load(path).GetTensor("0.weight").ToDoubles()[..12], piece[..12]);
        Assert.Equal(ElementType.BFloat16, Checkpoint.Load(copyPath).GetTensor("0.weight").ElementType);
    }

    static string Fixtures()
    {
        string at = AppContext.BaseDirectory;
        while (!Directory.Exists(Path.Combine(at, "tests", "fixtures")))
            at = Path.GetDirectoryName(at)!;
        return Path.Combine(at, "tests", "fixtures");
    }

    [Fact]
    public void Saving_and_resuming()
    {
        string path = Path.Combine(folder, "training.pt");
        using var optimizer = new AdamW(model.Parameters(), new() { LearningRate = 1e-2 });
        var scheduler = new StepLR(optimizer, stepSize: 30);
        int epoch = 3;
        TrainOneEpoch(optimizer);

        Checkpoint.Save(path, new()
        {
            { "model", model.StateDict() },
            { "optimizer", optimizer.StateDict() },
            { "scheduler", scheduler.StateDict() },
            { "epoch", epoch },
        });

        TrainOneEpoch(optimizer);

        var saved = Checkpoint.Load(path);
        model.LoadStateDict(saved.GetDict("model"));
        optimizer.LoadStateDict(saved.GetDict("optimizer"));
        scheduler.LoadStateDict(saved.GetDict("scheduler"));
        epoch = (int)saved.GetInt64("epoch") + 1;

        Assert.Equal(4, epoch);
        Assert.Equal(saved.GetDict("model").GetTensor("Base.weight").ToArray<float>(), model.StateDict().GetTensor("Base.weight").ToArray<float>());
    }

    [Fact]
    public void A_run_that_may_be_killed()
    {
        using var optimizer = new AdamW(model.Parameters(), new() { LearningRate = 1e-2 });
        double Evaluate() => model.forward(input).square().mean().item<float>();

        using var checkpoints = new CheckpointDirectory(folder, new() { KeepLast = 3, KeepBest = 1 });
        int epoch = 0;
        if (checkpoints.LoadLatest() is { } saved)
        {
            model.LoadStateDict(saved.GetDict("model"));
            optimizer.LoadStateDict(saved.GetDict("optimizer"));
            epoch = (int)saved.GetInt64("epoch") + 1;
        }
        for (; epoch < 10; epoch++)
        {
            TrainOneEpoch(optimizer);
            checkpoints.Save(epoch, new() { { "model", model.StateDict() }, { "optimizer", optimizer.StateDict() }, { "epoch", epoch } }, metric: Evaluate());
        }

        Assert.Equal([9L, 8, 7], checkpoints.Checkpoints.Select(c => c.Step));
        Assert.Equal(9, checkpoints.LoadLatest()!.GetInt64("epoch"));

        using var averaged = new AveragedModel<Network>(model);
        foreach (var checkpoint in checkpoints.Checkpoints)
            averaged.Update(Checkpoint.Load(checkpoint.Path).GetDict("model"));
        averaged.CopyTo(model);

        Assert.Equal(3, averaged.Count);

        using var averages = new CheckpointDirectory(folder, new() { Name = "checkpoint-ema" });

        averages.Save(1, averaged.StateDict());
        Assert.Equal([9L, 8, 7], checkpoints.Checkpoints.Select(c => c.Step));

        using var finished = CheckpointDirectory.OpenRead(folder);
        if (finished.LoadLatest() is { } latest)
            model.LoadStateDict(latest.GetDict("model"));

        Assert.Equal(9, finished.Checkpoints[0].Step);
    }

    [Fact]
    public void Models_in_several_files()
    {
        string path = Path.Combine(folder, "model.safetensors");
        Checkpoint.Save(path, model.StateDict(), new() { MaxShardBytes = 100 });
        Assert.True(File.Exists(Path.Combine(folder, "model.safetensors.index.json")));

        var weights = Checkpoint.Load(folder);

        model.LoadStateDict(weights);

        Checkpoint.Save(path, weights, new() { MaxShardBytes = 5_000_000_000 });
        weights = Checkpoint.Load(path); // the path that it was saved under: of one file or of many

        Assert.Equal([path], Directory.GetFiles(folder));

        Checkpoint.Save(path, weights, new() { Metadata = new Dictionary<string, string> { ["license"] = "mit", ["format"] = "pt" } });
        string license = Checkpoint.LoadMetadata(path)["license"];

        Assert.Equal("mit", license);
    }

    [Fact]
    public void Plain_memory()
    {
        string path = Path.Combine(folder, "weights.safetensors");

        var w = Parameter.Of("w", new float[640], [64, 10]);
        Checkpoint.Save(path, new() { { "w", TensorData.Of<float>(w.Values.Span, w.Shape) } });

        Checkpoint.Load(path).GetTensor("w").ToArray<float>().CopyTo(w.Values);

        w.Values.Span[0] = 1;
        Checkpoint.Save(path, new() { { "w", TensorData.Of<float>(w.Values.Span, w.Shape) } });
        Assert.Equal(1, Checkpoint.Load(path).GetTensor("w").ToArray<float>()[0]);
    }
}
