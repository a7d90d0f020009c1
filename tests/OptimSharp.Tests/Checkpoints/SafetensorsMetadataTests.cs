using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;

namespace OptimSharp.Tests.Checkpoints;

/// <summary>The texts of a safetensors file: written by an option, read without the tensors; and how large a header may be.</summary>
public sealed class SafetensorsMetadataTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("optimsharp-").FullName;

    string At(string name) => Path.Combine(folder, name);

    public void Dispose() => Directory.Delete(folder, recursive: true);

    static TensorData One => TensorData.Of([1f], 1);

    /// <summary>As the format's specification says: eight bytes with the length, then JSON.</summary>
    internal static JsonObject HeaderOf(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        return JsonNode.Parse(bytes.AsSpan(8, (int)BinaryPrimitives.ReadInt64LittleEndian(bytes)))!.AsObject();
    }

    [Fact]
    public void Texts_are_written_and_read()
    {
        Checkpoint.Save(At("a.safetensors"), new() { { "w", One } }, new() { Metadata = new Dictionary<string, string> { ["epoch"] = "3", ["größe"] = "\"\n" } });
        Assert.Equal("""{"epoch":"3","größe":"\"\n","format":"pt"}""", HeaderOf(At("a.safetensors"))["__metadata__"]!.ToJsonString(new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }));
        var texts = Checkpoint.LoadMetadata(At("a.safetensors"));
        Assert.Equal([new("epoch", "3"), new("größe", "\"\n"), new("format", "pt")], texts);
        Assert.Equal("{__metadata__: {epoch: '3', größe: '\"\n', format: 'pt'}}", Checkpoint.Load(At("a.safetensors")).Attributes!.ToString());
    }

    /// <summary>transformers takes a file without any texts, or one whose text "format" is "pt", and no other.</summary>
    [Fact]
    public void Format_is_pt_wherever_there_are_texts_of_ours()
    {
        Checkpoint.Save(At("none.safetensors"), new() { { "w", One } });
        Assert.False(HeaderOf(At("none.safetensors")).ContainsKey("__metadata__"));
        Checkpoint.Save(At("given.safetensors"), new() { { "w", One } }, new() { Metadata = new Dictionary<string, string> { ["format"] = "mlx" } });
        Assert.Equal("""{"format":"mlx"}""", HeaderOf(At("given.safetensors"))["__metadata__"]!.ToJsonString());
        Checkpoint.Save(At("ordered.safetensors"), new() { PythonType = "collections.OrderedDict" }); // as a module's state dict: its type is a text of ours
        Assert.Equal("pt", HeaderOf(At("ordered.safetensors"))["__metadata__"]!["format"]!.GetValue<string>());
        Checkpoint.Save(At("empty.safetensors"), new() { { "w", One } }, new() { Metadata = new Dictionary<string, string>() });
        Assert.Equal(File.ReadAllBytes(At("none.safetensors")), File.ReadAllBytes(At("empty.safetensors")));
    }

    [Fact]
    public void Texts_that_the_state_has_stay_and_given_ones_win()
    {
        var state = new StateDict { PythonType = "collections.OrderedDict", Attributes = new() { { "__metadata__", new StateDict { { "license", "mit" }, { "epoch", "2" } } } } };
        state.Add("w", One);
        Checkpoint.Save(At("a.safetensors"), state);
        Assert.Equal([new("license", "mit"), new("epoch", "2")], Checkpoint.LoadMetadata(At("a.safetensors")));
        Checkpoint.Save(At("a.safetensors"), Checkpoint.Load(At("a.safetensors")), new() { Metadata = new Dictionary<string, string> { ["epoch"] = "3" } });
        Assert.Equal([new("license", "mit"), new("epoch", "3"), new("format", "pt")], Checkpoint.LoadMetadata(At("a.safetensors")));
    }

    [Fact]
    public void A_nested_state_has_texts_too_and_comes_back_as_it_was()
    {
        var state = new StateDict { { "model", new StateDict { { "w", One } } }, { "epoch", 3 } };
        Checkpoint.Save(At("a.safetensors"), state, new() { Metadata = new Dictionary<string, string> { ["run"] = "7" } });
        Assert.Equal([new("run", "7"), new("format", "pt")], Checkpoint.LoadMetadata(At("a.safetensors"))); // without our own text
        Assert.True(JsonNode.DeepEquals(Contents.Of(state), Contents.Of(Checkpoint.Load(At("a.safetensors")))));
        var texts = new StateDict { PythonType = "collections.OrderedDict", Attributes = new() { { "__metadata__", new StateDict { { "license", "mit" } } }, { "_metadata", 1 } } };
        texts.Add("epoch", 3);
        Checkpoint.Save(At("b.safetensors"), texts, new() { Metadata = new Dictionary<string, string> { ["run"] = "7" } });
        Assert.Equal([new("license", "mit"), new("run", "7"), new("format", "pt")], Checkpoint.LoadMetadata(At("b.safetensors")));
        Assert.True(JsonNode.DeepEquals(Contents.Of(texts), Contents.Of(Checkpoint.Load(At("b.safetensors")))));
    }

    [Fact]
    public void A_PyTorch_file_has_no_texts()
    {
        Checkpoint.Save(At("a.pt"), new() { { "w", One } });
        Assert.Empty(Checkpoint.LoadMetadata(At("a.pt")));
        var options = new CheckpointSaveOptions { Metadata = new Dictionary<string, string> { ["a"] = "b" } };
        Assert.StartsWith("Only safetensors files have Metadata.", Assert.Throws<ArgumentException>(() => Checkpoint.Save(At("a.pt"), [], options)).Message, StringComparison.Ordinal);
        Assert.StartsWith("Only safetensors files have Metadata.", Assert.Throws<ArgumentException>(() => Checkpoint.Save(Stream.Null, [], CheckpointFormat.PyTorch, options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Texts_are_checked()
    {
        Refused("can't have a text 'optimsharp'", new() { ["optimsharp"] = "x" });
        Refused("The text 'a' of the metadata is null.", new() { ["a"] = null! });
        Refused("half a surrogate pair", new() { ["a"] = "half a pair: \uD800" });
        Assert.Empty(Directory.GetFiles(folder));

        void Refused(string message, Dictionary<string, string> texts) =>
            Assert.Contains(message, Assert.Throws<ArgumentException>(() => Checkpoint.Save(At("a.safetensors"), new() { { "w", One } }, new() { Metadata = texts })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Half_a_letter_is_refused_everywhere()
    {
        foreach (string bad in new[] { "\uD800", "\uDC00", "a\uD83D", "\uD83D\uD83D\uDE42", "\uD83D\uDE42\uDE42" })
        {
            foreach (var state in new StateDict[] { new() { { "x", bad } }, new() { { bad, 1 } }, new() { { bad, One } }, new() { { "x", new StateDevice(bad) } } })
                Assert.Contains("half a surrogate pair", Assert.Throws<ArgumentException>(() => Checkpoint.Save(Stream.Null, state, CheckpointFormat.Safetensors)).Message, StringComparison.Ordinal);
        }
        Checkpoint.Save(At("a.safetensors"), new() { { "🙂", One }, { "x", "🙂 a 🙂" } });
        Assert.Equal("🙂 a 🙂", Checkpoint.Load(At("a.safetensors")).GetString("x"));
    }

    [Fact]
    public void The_texts_are_read_without_the_tensors()
    {
        const int Elements = 10_000_000;
        Checkpoint.Save(At("a.safetensors"), new() { { "w", TensorData.Of(new byte[Elements], Elements) } }, new() { Metadata = new Dictionary<string, string> { ["a"] = "b" } });
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal("b", Checkpoint.LoadMetadata(At("a.safetensors"))["a"]);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
        Assert.Throws<FileNotFoundException>(() => Checkpoint.LoadMetadata(At("none.safetensors")));
        File.WriteAllBytes(At("a.safetensors"), File.ReadAllBytes(At("a.safetensors"))[..1000]);
        Assert.Contains("the file has", Assert.Throws<CheckpointException>(() => Checkpoint.LoadMetadata(At("a.safetensors"))).Message, StringComparison.Ordinal);
        File.WriteAllText(At("a.safetensors"), "version https://git-lfs.github.com/spec/v1\n");
        Assert.Contains("Git LFS", Assert.Throws<CheckpointException>(() => Checkpoint.LoadMetadata(At("a.safetensors"))).Message, StringComparison.Ordinal);
    }

    /// <summary>The format allows a header 100,000,000 bytes. JSON's own limits, which lie elsewhere, are never met.</summary>
    [Fact]
    public void A_header_over_the_limit_is_told_by_the_limit()
    {
        string large = new('x', 170_000_000), part = new('x', 10_000_000);
        const string Header = "The header, with the names of the tensors and all that is no tensor, would have more than 100000000 bytes", Structure = "What is no tensor, as JSON, would have more than 100000000 bytes";
        Refused(Structure, new() { { "x", large } }); // more than a JSON writer takes at once
        Refused(Structure, new() { { "x", Enumerable.Repeat(part, 11).ToArray() } });
        Refused(Structure, new() { { large, 1 } });
        Refused(Header, new() { { large, One } });
        Refused(Header, new() { { "x", new string('"', 15_000_000) } }); // each takes seven bytes
        Refused(Header, new() { { "w", One } }, new() { Metadata = new Dictionary<string, string> { ["a"] = large } });

        static void Refused(string message, StateDict state, CheckpointSaveOptions? options = null)
        {
            using var stream = new MemoryStream();
            Assert.StartsWith(message, Assert.Throws<ArgumentException>(() => Checkpoint.Save(stream, state, CheckpointFormat.Safetensors, options)).Message, StringComparison.Ordinal);
            Assert.Equal(0, stream.Length);
        }
    }

    [Fact]
    public void A_header_at_the_limit_is_written_and_read()
    {
        // {"__metadata__":{"a":"…","format":"pt"}} around the text, and nothing to fill up to eight bytes
        int letters = 100_000_000 - Encoding.ASCII.GetByteCount("""{"__metadata__":{"a":"","format":"pt"}}""");
        Checkpoint.Save(At("a.safetensors"), [], new() { Metadata = new Dictionary<string, string> { ["a"] = new('x', letters) } });
        Assert.Equal(8 + 100_000_000, new FileInfo(At("a.safetensors")).Length);
        Assert.Equal(letters, Checkpoint.LoadMetadata(At("a.safetensors"))["a"].Length);
        using (var stream = new FileStream(At("a.safetensors"), FileMode.Open))
        {
            stream.SetLength(stream.Length + 1);
            stream.Write([.. BitConverter.GetBytes(100_000_001L)]);
        }
        Assert.Contains("header: has 100000001 bytes; at most 100000000 are allowed", Assert.Throws<CheckpointException>(() => Checkpoint.Load(At("a.safetensors"))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Checkpoint.Save(At("a.safetensors"), [], new() { Metadata = new Dictionary<string, string> { ["a"] = new('x', letters + 1) } }));
    }
}
