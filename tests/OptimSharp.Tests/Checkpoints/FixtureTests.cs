using System.Text.Json.Nodes;
using OptimSharp.Conformance;
using OptimSharp.Schedulers;

namespace OptimSharp.Tests.Checkpoints;

/// <summary>Files that PyTorch 1.13 and 2.14 wrote (tools/fixtures/make.py), each with what is in it, or why it is refused.</summary>
public class FixtureTests
{
    public static string Folder { get; } = Path.Combine(GoldenFiles.RepositoryRoot(), "tests", "fixtures");

    public static TheoryData<string> Kept => [.. Files(refused: false)];

    public static TheoryData<string> Refused => [.. Files(refused: true)];

    /// <summary>All of them, as paths below the folder; those of the command line are not, some of which are damaged.</summary>
    public static IEnumerable<string> Files(bool refused) => Directory.GetFiles(Folder, "*.*", SearchOption.AllDirectories)
        .Where(f => Path.GetExtension(f) is ".pt" or ".pth" or ".ckpt" or ".bin" or ".safetensors").Where(f => Path.GetFileName(f).StartsWith("refused_", StringComparison.Ordinal) == refused)
        .Select(f => Path.GetRelativePath(Folder, f)).Where(f => !f.StartsWith("tool" + Path.DirectorySeparatorChar, StringComparison.Ordinal)).Order();

    [Theory]
    [MemberData(nameof(Kept))]
    public void It_is_read_and_written_as_it_is(string file)
    {
        string path = Path.Combine(Folder, file);
        var expected = Json(Path.ChangeExtension(path, ".json"));
        object? value = Checkpoint.LoadValue(path);
        Same(expected, value);
        if (value is StateDict state)
        {
            Written(state, read => Same(expected, read));
            Same(expected, state.Clone());
        }
        else
        {
            Written(new() { { "value", value } }, read => Same(expected, read["value"]));
        }
        _ = StateDict.Text(value);

        static void Written(StateDict state, Action<StateDict> same)
        {
            foreach (var format in Enum.GetValues<CheckpointFormat>())
            {
                using var stream = new MemoryStream();
                Checkpoint.Save(stream, state, format, new() { AllowObjects = true });
                stream.Position = 0;
                same(Checkpoint.Load(stream));
            }
        }
    }

    /// <summary>A strict reader, and a writer that is not asked to write objects, refuse what torch.load(weights_only=True) refuses (strict.json); all else they take.</summary>
    [Theory]
    [MemberData(nameof(Kept))]
    public void Strict_readers_and_writers_take_no_objects(string file)
    {
        string path = Path.Combine(Folder, file), folder = Path.GetDirectoryName(path)!;
        string? refused = File.Exists(Path.Combine(folder, "strict.json")) ? Json(Path.Combine(folder, "strict.json"))![Path.GetFileName(file)]?.GetValue<string>() : null;
        var strict = new CheckpointLoadOptions { Strict = true };
        var state = Checkpoint.LoadValue(path) as StateDict;
        if (refused is null)
        {
            Same(Json(Path.ChangeExtension(path, ".json")), Checkpoint.LoadValue(path, strict));
            if (state is not null)
                Checkpoint.Save(new MemoryStream(), state);
            return;
        }
        Assert.Contains("holds an object of " + refused, Assert.Throws<CheckpointException>(() => Checkpoint.LoadValue(path, strict)).Message, StringComparison.Ordinal);
        if (state is not null && !file.Contains("nnunet", StringComparison.Ordinal) && !file.Contains("numpy_5", StringComparison.Ordinal)) // whose NumPy is numbers and tensors only
            Assert.Contains("AllowObjects", Assert.Throws<ArgumentException>(() => Checkpoint.Save(new MemoryStream(), state)).Message, StringComparison.Ordinal);
    }

    static JsonNode? Json(string path) => JsonNode.Parse(File.ReadAllText(path), documentOptions: new() { MaxDepth = 2000 });

    static void Same(JsonNode? expected, object? value)
    {
        var found = Contents.Of(value);
        if (!JsonNode.DeepEquals(expected, found))
            Assert.Equal(expected!.ToJsonString(new() { MaxDepth = 2000 }), found!.ToJsonString(new() { MaxDepth = 2000 }));
    }

    [Theory]
    [MemberData(nameof(Refused))]
    public void It_is_refused_with_what_was_found(string file)
    {
        string path = Path.Combine(Folder, file);
        string expected = JsonNode.Parse(File.ReadAllText(Path.ChangeExtension(path, ".json")))!["refused"]!.GetValue<string>();
        var error = Assert.Throws<CheckpointException>(() => Checkpoint.LoadValue(path));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Equal(path, error.File);
    }

    [Fact]
    public void There_are_files_of_both_versions()
    {
        Assert.True(Files(refused: false).Count(f => f.StartsWith("pytorch-1.13", StringComparison.Ordinal)) >= 45);
        Assert.True(Files(refused: false).Count(f => f.StartsWith("pytorch-2.14", StringComparison.Ordinal)) >= 60);
        Assert.True(Files(refused: true).Count() >= 10); // what a strict reader refuses besides is in strict.json
        Assert.True(Json(Path.Combine(Folder, "pytorch-2.14", "strict.json"))!.AsObject().Count >= 10);
    }

    [Fact]
    public void Tensors_that_shared_memory_share_it()
    {
        var layouts = Checkpoint.Load(Path.Combine(Folder, "pytorch-2.14", "layouts.pt"));
        Assert.Same(layouts.GetTensor("whole").Storage, layouts.GetTensor("windows").Storage);
        Assert.NotSame(layouts.GetTensor("whole").Storage, layouts.GetTensor("permuted").Storage);
        Assert.Equal(24 * sizeof(float), layouts.GetTensor("expanded").Storage.Bytes);
        var twice = Checkpoint.Load(Path.Combine(Folder, "pytorch-2.14", "same_tensor_twice.pt"));
        Assert.Same(twice["a"], twice["b"]);
        Assert.Same(twice["a"], twice.GetList("list")[0]);
    }

    [Theory]
    [InlineData("pytorch-1.13")]
    [InlineData("pytorch-2.14")]
    public void A_training_of_PyTorchs_goes_on_here(string version)
    {
        var saved = Checkpoint.Load(Path.Combine(Folder, version, "training.pt"));
        var model = saved.GetDict("model");
        Parameter<float>[] parameters = [.. new[] { "0.weight", "0.bias", "3.weight", "3.bias" }.Select(name =>
            Parameter.Of(name, model.GetTensor(name).ToArray<float>(), model.GetTensor(name).Shape))];
        using var optimizer = new AdamW([new(parameters[..2]), new(parameters[2..])]);
        var scheduler = new MultiStepLR(optimizer, [7]);
        optimizer.LoadStateDict(saved.GetDict("optimizer"));
        scheduler.LoadStateDict(saved.GetDict("scheduler"));

        var group = optimizer.ParameterGroups[1];
        Assert.Equal(0.1 * 0.001, group.LearningRate, 1e-18); // the rate times 0.1, once at 1 and twice at 2
        Assert.Equal((0.9, 0.999), Assert.IsType<AdamWOptions>(group.Options).Betas);
        Assert.Equal(true, group["amsgrad"]);
        Assert.Equal([1, 2, 2], scheduler.Milestones);
        Assert.Equal(3, scheduler.LastEpoch);
        var state = saved.GetDict("optimizer").GetDict("state").GetDict(2);
        Assert.Equal(3, optimizer.StateOf(parameters[2])!.Step);
        Assert.Equal(state.GetTensor("exp_avg_sq").ToDoubles(), optimizer.StateOf(parameters[2])!.Tensor("exp_avg_sq"));
        var again = optimizer.StateDict();
        Assert.Equal(saved.GetDict("optimizer").GetDicts("param_groups")[0]["betas"]!.ToString(), again.GetDicts("param_groups")[0]["betas"]!.ToString());
    }
}
