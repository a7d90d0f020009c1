using System.Numerics;
using System.Text.Json.Nodes;

namespace OptimSharp.Tests.Checkpoints;

public sealed class CheckpointTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("optimsharp-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    static StateDict Sample() => new()
    {
        { "model", new StateDict { { "w", TensorData.Of(new[] { 1f, 2, 3, 4, 5, 6 }, 2, 3) }, { "b", TensorData.Of(new[] { (Half)0.5f }, []) } } },
        { "state", new StateDict { { 0, new StateDict { { "step", 3 }, { "mask", TensorData.Of([true, false], 2) }, { "z", TensorData.Of([new Complex(1, -2)], 1) } } } } },
        { "betas", (0.9, 0.999) }, { "list", new object?[] { 1, 1.0, null, true, "text", double.NaN, double.NegativeInfinity, -0.0 } }, { "dtype", ElementType.BFloat16 }, { "device", new StateDevice("cuda", 0) },
    };

    [Theory]
    [InlineData("a.pt")]
    [InlineData("a.pth")]
    [InlineData("a.ckpt")]
    [InlineData("a.bin")]
    [InlineData("a.TAR")]
    [InlineData("a.safetensors")]
    public void What_is_saved_is_loaded(string name)
    {
        string path = Path.Combine(folder, name);
        Checkpoint.Save(path, Sample());
        Assert.True(JsonNode.DeepEquals(Contents.Of(Sample()), Contents.Of(Checkpoint.Load(path))));
        Assert.Equal([name], Directory.GetFiles(folder).Select(Path.GetFileName));
        string other = Path.Combine(folder, "any.name"); // the content tells
        File.Move(path, other);
        Assert.True(JsonNode.DeepEquals(Contents.Of(Sample()), Contents.Of(Checkpoint.Load(other))));
        string misnamed = Path.ChangeExtension(other, name.EndsWith("tensors", StringComparison.Ordinal) ? ".pt" : ".safetensors");
        File.Move(other, misnamed);
        Assert.True(JsonNode.DeepEquals(Contents.Of(Sample()), Contents.Of(Checkpoint.Load(misnamed))));
    }

    [Fact]
    public void A_stream_is_written_and_read_from_where_it_is()
    {
        foreach (var format in Enum.GetValues<CheckpointFormat>())
        {
            using var stream = new MemoryStream();
            stream.Write("before"u8);
            Checkpoint.Save(stream, Sample(), format);
            stream.Position = 6;
            Assert.True(JsonNode.DeepEquals(Contents.Of(Sample()), Contents.Of(Checkpoint.Load(stream))));
            Assert.True(stream.CanRead);
        }
    }

    [Fact]
    public void The_old_file_stays_when_saving_fails()
    {
        string path = Path.Combine(folder, "a.pt");
        Checkpoint.Save(path, new() { { "x", 1 } });
        byte[] old = File.ReadAllBytes(path);
        Assert.Throws<ArgumentException>(() => Checkpoint.Save(path, new() { { "x", new StateDict { PythonType = "other.Class" } } }));
        Assert.Throws<ArgumentException>(() => Checkpoint.Save(path, new() { { "x", "half a pair: \uD800" } }));
        Assert.Equal(old, File.ReadAllBytes(path));
        Assert.Single(Directory.GetFiles(folder));
        Checkpoint.Save(path, new() { { "x", 2 } });
        Assert.Equal(2, Checkpoint.Load(path)["x"] is long x ? x : 0);
    }

    [Fact]
    public void A_link_stays_a_link()
    {
        if (OperatingSystem.IsWindows())
            return;
        string path = Path.Combine(folder, "real.pt"), link = Path.Combine(folder, "latest.pt");
        Checkpoint.Save(path, new() { { "x", 1 } });
        File.CreateSymbolicLink(link, path);
        Checkpoint.Save(link, new() { { "x", 2 } });
        Assert.NotNull(File.ResolveLinkTarget(link, false));
        Assert.Equal(2, Checkpoint.Load(path).GetInt64("x"));
        File.Delete(path);
        Checkpoint.Save(link, new() { { "x", 3 } });
        Assert.NotNull(File.ResolveLinkTarget(link, false));
        Assert.Equal(3, Checkpoint.Load(path).GetInt64("x"));
    }

    [Fact]
    public void Who_may_read_a_file_stays()
    {
        if (OperatingSystem.IsWindows())
            return;
        string path = Path.Combine(folder, "a.pt");
        foreach (var mode in (UnixFileMode[])[UnixFileMode.UserRead | UnixFileMode.UserWrite, (UnixFileMode)0b110_110_110])
        {
            Checkpoint.Save(path, new() { { "x", 1 } });
            File.SetUnixFileMode(path, mode);
            Checkpoint.Save(path, new() { { "x", 2 } });
            Assert.Equal(mode, File.GetUnixFileMode(path));
        }
    }

    [Fact]
    public void A_path_may_have_no_folder_and_may_not_be_one()
    {
        string name = $"optimsharp-{Guid.NewGuid()}.pt";
        Checkpoint.Save(name, new() { { "x", 1 } });
        try
        {
            Assert.Equal(1, Checkpoint.Load(Path.Combine(Environment.CurrentDirectory, name)).GetInt64("x"));
        }
        finally
        {
            File.Delete(name);
        }
        string inner = Directory.CreateDirectory(Path.Combine(folder, "folder.pt")).FullName;
        Assert.Equal($"'{inner}' is a folder, where a file is to be written.", Assert.Throws<IOException>(() => Checkpoint.Save(inner, [])).Message);
        Assert.StartsWith($"Checkpoint '{inner}' is a folder, and none with a model: it has no model.safetensors,", Assert.Throws<CheckpointException>(() => Checkpoint.Load(inner)).Message, StringComparison.Ordinal);
        Assert.Equal([inner], Directory.GetFileSystemEntries(folder));
    }

    [Fact]
    public void Wrong_use_is_told()
    {
        Assert.Equal("A checkpoint's name must end in .pt, .pth, .ckpt, .bin, .tar (PyTorch) or .safetensors, but is 'a.txt'. (Parameter 'path')",
            Assert.Throws<ArgumentException>(() => Checkpoint.Save("a.txt", [])).Message);
        Assert.Throws<FileNotFoundException>(() => Checkpoint.Load(Path.Combine(folder, "none.pt")));
        Assert.Throws<DirectoryNotFoundException>(() => Checkpoint.Save(Path.Combine(folder, "none", "a.pt"), []));
        foreach (var bad in new StateDict[] { new() { PythonType = "other.Class" }, new() { Attributes = new() { { "x", 1 } } }, new() { { "x", new StateTuple([], "other.Class") } } })
        {
            foreach (var format in Enum.GetValues<CheckpointFormat>())
                Assert.Contains("class", Assert.Throws<ArgumentException>(() => Checkpoint.Save(Stream.Null, bad, format)).Message, StringComparison.Ordinal);
        }
        StateDict deep = [];
        for (int i = 0; i < 300; i++)
            deep = new() { { "x", deep } };
        Assert.Throws<ArgumentException>(() => Checkpoint.Save(Path.Combine(folder, "a.pt"), deep));
        Assert.Throws<ArgumentException>(() => Checkpoint.Save(Path.Combine(folder, "a.safetensors"), deep));
        string path = Path.Combine(folder, "a.pt");
        foreach (var (content, message) in new (byte[], string)[] { ([], "is empty"), ([1, 2, 3], "is neither"), ("PK\x03\x04"u8.ToArray(), "is no whole zip file") })
        {
            File.WriteAllBytes(path, content);
            Assert.StartsWith($"Checkpoint '{path}' {message}", Assert.Throws<CheckpointException>(() => Checkpoint.Load(path)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Storages_lie_on_64_bytes()
    {
        using var stream = new MemoryStream();
        var marks = Enumerable.Range(0, 5).Select(i => new StateDict { { "t", TensorData.Of([0x1122334455667700 + i], 1) } }).ToArray();
        Checkpoint.Save(stream, new() { { "some text to shift what comes", 1 }, { "marks", marks } });
        byte[] bytes = stream.ToArray();
        for (int i = 0; i < 5; i++)
            Assert.Equal(0, bytes.AsSpan().IndexOf(BitConverter.GetBytes(0x1122334455667700 + i)) % 64);
    }

    [Fact]
    public void No_byte_that_changes_or_is_missing_changes_what_is_loaded()
    {
        using var stream = new MemoryStream();
        Checkpoint.Save(stream, new() { { "w", TensorData.Of(new[] { 1f, 2, 3 }, 3) }, { "x", 1 } });
        byte[] whole = stream.ToArray();
        for (int i = 0; i < whole.Length; i++)
        {
            Assert.Throws<CheckpointException>(() => Checkpoint.Load(new MemoryStream(whole, 0, i)));
            byte[] changed = [.. whole];
            changed[i] ^= 0x10;
            try
            {
                var state = Checkpoint.Load(new MemoryStream(changed));
                Assert.Equal("{w: tensor([3], Float32), x: 1}", state.ToString()); // padding, dates
                Assert.Equal([1f, 2, 3], state.GetTensor("w").ToArray<float>());
            }
            catch (CheckpointException)
            {
            }
        }
    }
}
