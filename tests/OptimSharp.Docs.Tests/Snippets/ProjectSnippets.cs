using OptimSharp;
using OptimSharp.Conformance;
using OptimSharp.Testing;
using OptimSharp.Schedulers;
using OptimSharp.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Snippets;

/// <summary>The code of docs/checkpoints-of-projects.md, on the files of tools/fixtures/projects.py, beside what PyTorch made of them.</summary>
public sealed class ProjectSnippets : IDisposable
{
    readonly DisposeScope scope = NewDisposeScope();
    readonly string folder = Path.Combine(GoldenFiles.RepositoryRoot(), "tests", "OptimSharp.Docs.Tests", "Projects");
    readonly Sequential model = nn.Sequential(("first", nn.Linear(4, 8)), ("between", nn.Tanh()), ("last", nn.Linear(8, 3)));

    public void Dispose()
    {
        model.Dispose();
        scope.Dispose();
    }

    static void Train(Sequential model, Optimizer optimizer, LRScheduler? scheduler = null)
    {
        var inputs = arange(30 * 4, ScalarType.Float32).cos().view(30, 4);
        var targets = arange(30, ScalarType.Int64) % 3;
        for (int i = 0; i < 3; i++)
        {
            optimizer.ZeroGrad();
            nn.functional.cross_entropy(model.forward(inputs), targets).backward();
            optimizer.Step();
            scheduler?.Step();
        }
    }

    /// <summary>The weights are PyTorch's, and those that are saved and loaded again are the same.</summary>
    void Compare(string name)
    {
        StateDict expected = Checkpoint.Load(Path.Combine(folder, "trained.pt")).GetDict(name), actual = model.StateDict();
        Assert.Equal(expected.Keys, actual.Keys);
        Assert.All(expected.Keys, key => Assert.Null(Comparison.Difference(expected.GetTensor(key).ToDoubles(), actual.GetTensor(key).ToDoubles(), 1e-5)));
        using var stream = new MemoryStream();
        Checkpoint.Save(stream, actual);
        stream.Position = 0;
        var saved = Checkpoint.Load(stream);
        Assert.All(expected.Keys, key => Assert.Equal(actual.GetTensor(key).ToDoubles(), saved.GetTensor(key).ToDoubles()));
    }

    [Fact]
    public void Lightning()
    {
        var file = Checkpoint.Load(Path.Combine(folder, "lightning.ckpt"));
        model.LoadStateDict(file.GetDict("state_dict").WithoutPrefix("model."));
        using var optimizer = new AdamW(model.Parameters());
        var scheduler = new CosineAnnealingLR(optimizer, tMax: 20);
        optimizer.LoadStateDict(file.GetDicts("optimizer_states")[0]);
        scheduler.LoadStateDict(file.GetDicts("lr_schedulers")[0]);
        var layers = file.GetDict("hyper_parameters").GetList("layers"); // a class of Lightning's that is a dictionary
        Train(model, optimizer, scheduler);

        Compare("lightning.ckpt");
        Assert.Equal([4L, 8L, 3L], layers);
        Assert.Equal("lightning.fabric.utilities.data.AttributeDict", file.GetDict("hyper_parameters").PythonType);
    }

    [Fact]
    public void Timm()
    {
        var file = Checkpoint.Load(Path.Combine(folder, "timm.pth.tar"));
        model.LoadStateDict(file.GetDict("state_dict"));
        var parameters = model.Parameters();
        using var optimizer = new SGD([new(parameters.Where(p => p.Name.EndsWith("bias"))), new(parameters.Where(p => p.Name.EndsWith("weight")))]);
        optimizer.LoadStateDict(file.GetDict("optimizer"));
        double scale = optimizer.ParameterGroups[1].Extras.GetDouble("lr_scale");
        double rate = file.GetObject("args").Attributes.GetDouble("lr");
        Train(model, optimizer);

        Compare("timm.pth.tar");
        Assert.Equal((0.5, 0.05), (scale, rate));

        string path = Path.Combine(Directory.CreateTempSubdirectory("optimsharp-projects-").FullName, "timm.pth.tar");
        file["state_dict"] = model.StateDict();
        file["optimizer"] = optimizer.StateDict();
        Checkpoint.Save(path, file, new() { AllowObjects = true });

        var saved = Checkpoint.Load(path);
        Assert.Equal(file.GetObject("args").Attributes.ToString(), saved.GetObject("args").Attributes.ToString());
        Assert.Equal(0.5, saved.GetDict("optimizer").GetDicts("param_groups")[1].GetDouble("lr_scale"));
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
    }

    [Fact]
    public void NnUNet()
    {
        var file = Checkpoint.Load(Path.Combine(folder, "nnunet.pth"));
        model.LoadStateDict(file.GetDict("network_weights"));
        using var optimizer = new SGD(model.Parameters());
        optimizer.LoadStateDict(file.GetDict("optimizer_state"));
        double best = file.GetDouble("_best_ema");
        Train(model, optimizer);

        Compare("nnunet.pth");
        Assert.Equal(0.5125, best);
        Assert.Equal([0.5, 0.625], file.GetDict("logging").GetDoubles("mean_fg_dice"));
        Assert.Equal(0.01 * Math.Pow(1 - 5.0 / 1000, 0.9), optimizer.ParameterGroups[0].LearningRate, 1e-15);
    }

    [Fact]
    public void Legacy()
    {
        model.LoadStateDict(Checkpoint.Load(Path.Combine(folder, "legacy.pth")));
        using var optimizer = new AdamW(model.Parameters(), new() { LearningRate = 0.02 });
        Train(model, optimizer);

        Compare("legacy.pth");
    }

    [Fact]
    public void Sharded()
    {
        model.LoadStateDict(Checkpoint.Load(Path.Combine(folder, "sharded"))); // the folder, or the index in it
        using var optimizer = new AdamW(model.Parameters(), new() { LearningRate = 0.02 });
        Train(model, optimizer);

        Compare("sharded");
    }
}
