namespace OptimSharp.Tool.Tests;

public class ConvertTests
{
    [Fact]
    public void A_file_goes_to_safetensors_to_shards_and_back_bit_for_bit()
    {
        using var files = new Files();
        string[] way = [Files.Fixture("lightning.ckpt"), files.New("a.safetensors"), files.New("b.safetensors"), files.New("c.bin"), files.New("d.ckpt")];
        ToolRun.Good("checkpoint", "convert", way[0], way[1]);
        ToolRun.Good("checkpoint", "convert", way[1], way[2], "--max-shard", "500");
        Assert.True(File.Exists(way[2] + ".index.json") && !File.Exists(way[2]));
        ToolRun.Good("checkpoint", "convert", way[2], way[3], "--max-shard", "1KB", "--allow-objects");
        ToolRun.Good("checkpoint", "convert", way[3], way[4], "--allow-objects");
        Assert.Equal(ExitCode.Good, ToolRun.Of("checkpoint", "diff", way[0], way[4]).Code);
        Assert.Equal("pytorch_lightning.utilities.parsing.AttributeDict", Checkpoint.Load(way[4]).GetObject("hyper_parameters").Type);
    }

    [Fact]
    public void Floats_are_converted_and_nothing_else()
    {
        using var files = new Files();
        string to = files.New("half.ckpt");
        string said = ToolRun.Good("checkpoint", "convert", Files.Fixture("lightning.ckpt"), to, "--dtype", "float16", "--allow-objects").Output;
        Assert.Contains("10 tensors converted to float16; 18 of an optimizer's state kept as they were", said, StringComparison.Ordinal);
        StateDict before = Checkpoint.Load(Files.Fixture("lightning.ckpt")), after = Checkpoint.Load(to);
        foreach (var (key, value) in before.GetDict("state_dict"))
        {
            TensorData was = (TensorData)value!, now = after.GetDict("state_dict").GetTensor(key);
            if (was.ElementType == ElementType.Float32)
                Assert.Equal(Array.ConvertAll(was.ToArray<float>(), x => (Half)x), now.ToArray<Half>());
            else
                Assert.Equal(was.ToArray<long>(), now.ToArray<long>());
        }
        Assert.Equal(ElementType.Float32, after.GetDicts("optimizer_states")[0].GetDict("state").GetDict(0).GetTensor("step").ElementType);
    }

    [Fact]
    public void Tied_weights_stay_tied_in_another_type()
    {
        using var files = new Files();
        var weight = Vector.Of([1f, 2f]);
        string from = files.Save("tied.pt", new() { { "embed", weight }, { "head", weight } }), to = files.New("half.pt");
        ToolRun.Good("checkpoint", "convert", from, to, "--dtype", "bf16");
        var state = Checkpoint.Load(to);
        Assert.True(state.GetTensor("embed").SharesMemoryWith(state.GetTensor("head")));
        Assert.Equal(ElementType.BFloat16, state.GetTensor("head").ElementType);
    }

    [Fact]
    public void A_file_that_is_there_is_replaced_only_when_told()
    {
        using var files = new Files();
        string to = files.New("a.pt");
        File.WriteAllText(to, "mine");
        Assert.Contains("is there already; --force replaces it", ToolRun.Failed("checkpoint", "convert", Files.Fixture("epoch0.pt"), to), StringComparison.Ordinal);
        Assert.Equal("mine", File.ReadAllText(to));
        ToolRun.Good("checkpoint", "convert", Files.Fixture("epoch0.pt"), to, "--force");
        Assert.Equal(9, Checkpoint.Load(to).Count);
    }

    [Fact]
    public void A_file_may_be_replaced_by_what_is_made_of_it()
    {
        using var files = new Files();
        string path = files.New("model.pt");
        File.Copy(Files.Fixture("epoch0.pt"), path);
        ToolRun.Good("checkpoint", "convert", path, path, "--dtype", "float64", "--force");
        Assert.Equal(Checkpoint.Load(Files.Fixture("epoch0.pt")).GetTensor("head.bias").ToDoubles(), Checkpoint.Load(path).GetTensor("head.bias").ToArray<double>());
    }

    [Fact]
    public void A_damaged_file_leaves_nothing_behind()
    {
        using var files = new Files();
        foreach (string name in (string[])["changed.pt", "cut.pt"])
            ToolRun.Failed("checkpoint", "convert", Files.Fixture(name), files.New("a.pt"));
        Assert.Empty(Directory.GetFileSystemEntries(files.Folder));
    }

    [Fact]
    public void Objects_are_written_only_when_told()
    {
        using var files = new Files();
        string said = ToolRun.Failed("checkpoint", "convert", Files.Fixture("lightning.ckpt"), files.New("a.pt"));
        Assert.Contains("AttributeDict", said, StringComparison.Ordinal);
        Assert.Contains("give --allow-objects", said, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(files.Folder));
    }

    [Theory]
    [InlineData("There is no floating-point type 'int8'", "out.pt", "--dtype", "int8")]
    [InlineData("must end in .pt", "out.zip")]
    [InlineData("A size is a number of at least one byte", "out.pt", "--max-shard", "0")]
    [InlineData("A size is a number of at least one byte", "out.pt", "--max-shard", "5XB")]
    [InlineData("There is no folder", "nowhere/out.pt")]
    public void Wrong_arguments_are_said(string said, string output, params string[] options)
    {
        using var files = new Files();
        Assert.Contains(said, ToolRun.Failed(["checkpoint", "convert", Files.Fixture("epoch0.pt"), files.New(output), .. options]), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(files.Folder));
    }

    [Theory]
    [InlineData("5GB", 5_000_000_000)]
    [InlineData("512MiB", 512L << 20)]
    [InlineData("1.5kb", 1500)]
    [InlineData("7", 7)]
    public void Sizes_are_read(string text, long bytes) => Assert.Equal(bytes, Sizes.Parse(text));

    [Fact]
    public void Parts_that_are_there_are_not_replaced_unasked()
    {
        using var files = new Files();
        string part = files.New("model-00002-of-00003.safetensors");
        File.WriteAllText(part, "somebody's");
        string[] line = ["checkpoint", "convert", Files.Fixture("epoch2.pt"), files.New("model.safetensors"), "--max-shard", "500B"];
        Assert.Contains($"'{part}' is there already; --force replaces it.", ToolRun.Failed(line), StringComparison.Ordinal);
        Assert.Equal([part], Directory.GetFiles(files.Folder));
        Assert.Equal("somebody's", File.ReadAllText(part));
        ToolRun.Good([.. line, "--force"]);
        Assert.Equal(4, Directory.GetFiles(files.Folder).Length);
    }

    [Fact]
    public void An_error_names_the_file_that_was_asked_for() =>
        Assert.Equal("No space left on device : '/there/model.pt'", ErrorText.Of(new IOException("No space left on device : '/there/.model.pt.7b972176.unfinished'")));

    [Fact]
    public void A_whole_module_is_said_to_become_its_state_dict()
    {
        using var files = new Files();
        string module = Path.Combine(Files.Fixtures, "pytorch-2.14", "whole_module.pt");
        Assert.Contains("its state dict was written", ToolRun.Good("checkpoint", "convert", module, files.New("model.safetensors")).Output, StringComparison.Ordinal);
    }
}
