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

    /// <summary>All of them, as paths below the folder.</summary>
    public static IEnumerable<string> Files(bool refused) => Directory.GetFiles(Folder, "*.*", SearchOption.AllDirectories)
        .Where(f => Path.GetExtension(f) is ".pt" or ".bin" or ".safetensors").Where(f => Path.GetFileName(f).StartsWith("refused_", StringComparison.Ordinal) == refused)
        .Select(f => Path.GetRelativePath(Folder, f)).Order();

    [Theory]
    [MemberData(nameof(Kept))]
    public void It_is_read_and_written_as_it_is(string file)
    {
        string path = Path.Combine(Folder, file);
        var expected = JsonNode.Parse(File.ReadAllText(Path.ChangeExtension(path, ".json")), documentOptions: new() { MaxDepth = 200 });
        var state = Checkpoint.Load(path);
        Same(expected, state);
        foreach (var format in Enum.GetValues<CheckpointFormat>())
        {
            using var stream = new MemoryStream();
            Checkpoint.Save(stream, state, format);
            stream.Position = 0;
            Same(expected, Checkpoint.Load(stream));
        }

        static void Same(JsonNode? expected, StateDict state)
        {
            var found = Contents.Of(state);
            if (!JsonNode.DeepEquals(expected, found))
                Assert.Equal(expected!.ToJsonString(), found!.ToJsonString());
        }
    }

    [Theory]
    [MemberData(nameof(Refused))]
    public void It_is_refused_with_what_was_found(string file)
    {
        string path = Path.Combine(Folder, file);
        string expected = JsonNode.Parse(File.ReadAllText(Path.ChangeExtension(path, ".json")))!["refused"]!.GetValue<string>();
        var error = Assert.Throws<CheckpointException>(() => Checkpoint.Load(path));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Equal(path, error.File);
    }

    [Fact]
    public void There_are_files_of_both_versions()
    {
        Assert.True(Files(refused: false).Count(f => f.StartsWith("pytorch-1.13", StringComparison.Ordinal)) >= 25);
        Assert.True(Files(refused: false).Count(f => f.StartsWith("pytorch-2.14", StringComparison.Ordinal)) >= 28);
        Assert.True(Files(refused: true).Count() >= 45);
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
