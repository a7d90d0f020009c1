namespace OptimSharp.Tests.Checkpoints;

/// <summary>Indexes that lie, and parts that do not belong to theirs: each is told by name.</summary>
public sealed class HostileIndexTests : IDisposable
{
    const string First = "m-00001-of-00002.safetensors", Second = "m-00002-of-00002.safetensors";

    readonly string folder = Directory.CreateTempSubdirectory("optimsharp-").FullName;

    public HostileIndexTests() => Checkpoint.Save(At("m.safetensors"), new() { { "a", TensorData.Of([1f], 1) }, { "b", TensorData.Of([2f], 1) } }, new() { MaxShardBytes = 4 });

    string At(string name) => Path.Combine(folder, name);

    string IndexPath => At("m.safetensors.index.json");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    CheckpointException Refused(string message, string file, string? index = null)
    {
        if (index is not null)
            File.WriteAllText(IndexPath, index);
        var error = Assert.Throws<CheckpointException>(() => Checkpoint.Load(IndexPath));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Equal(file, error.File);
        return error;
    }

    static string Map(string map) => $$$"""{"weight_map":{{{{map}}}}}""";

    [Theory]
    [InlineData($$$"""{"weight_map":{"b":"{{{Second}}}","a":"{{{First}}}"}}""")]
    [InlineData($$$"""{"metadata":{"total_size":1e3,"more":[{"a":[1]}]},"weight_map":{"b":"{{{Second}}}","a":"{{{First}}}"},"other":{"weight_map":[]}}""")]
    [InlineData($$$"""{"metadata":null,"weight_map":{"b":"{{{Second}}}","a":"{{{First}}}"}}""")]
    [InlineData($$$"""{"metadata":{},"weight_map":{"b":"{{{Second}}}","a":"{{{First}}}"},"total":1}""", "\uFEFF \r\n")]
    public void What_others_write_is_read_in_the_indexes_order(string index, string before = "")
    {
        File.WriteAllText(IndexPath, before + index);
        Assert.Equal(["b", "a"], Checkpoint.Load(IndexPath).Keys.Select(k => k.Name));
        File.Move(IndexPath, At("any.name"));
        Assert.Equal(2, Checkpoint.Load(At("any.name")).GetTensor("b").ToArray<float>()[0]);
    }

    [Theory]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("")]
    [InlineData("../m.safetensors")]
    [InlineData("/etc/passwd")]
    [InlineData("a/b.safetensors")]
    [InlineData("..\\\\m.safetensors")]
    [InlineData("C:m.safetensors")]
    [InlineData("m.safetensors:stream")]
    [InlineData("m\\u0000.safetensors")]
    [InlineData("m\\n.safetensors")]
    public void A_part_is_beside_the_index(string name) => Refused($"index: has the tensor 'b' in '", IndexPath, Map($"\"a\":\"{First}\",\"b\":\"{name}\""));

    [Fact]
    public void A_name_is_no_longer_than_a_file_system_allows() => Refused("which is no name of a file beside it", IndexPath, Map($"\"a\":\"{new string('a', 256)}\""));

    [Theory]
    [InlineData("has no weight_map", "{}")]
    [InlineData("has no weight_map", """{"metadata":{"total_size":1}}""")]
    [InlineData("must have an object as weight_map", """{"weight_map":[]}""")]
    [InlineData("must have an object as weight_map", """{"weight_map":null}""")]
    [InlineData("must have an object as metadata", """{"metadata":1,"weight_map":{}}""")]
    [InlineData("must have a file's name for the tensor 'a'", """{"weight_map":{"a":1}}""")]
    [InlineData("must have a file's name for the tensor 'a'", """{"weight_map":{"a":["m"]}}""")]
    [InlineData("has 'weight_map' twice", """{"weight_map":{},"weight_map":{}}""")]
    [InlineData("has 'metadata' twice", """{"metadata":{},"metadata":{},"weight_map":{}}""")]
    [InlineData("has 'optimsharp' twice", """{"metadata":{"optimsharp":"","optimsharp":""},"weight_map":{}}""")]
    [InlineData("must have a text as 'optimsharp'", """{"metadata":{"optimsharp":1},"weight_map":{}}""")]
    [InlineData("has the tensor 'a' twice", $$$"""{"weight_map":{"a":"{{{First}}}","a":"{{{First}}}"}}""")]
    [InlineData("is no JSON", """{"weight_map":{}""")]
    [InlineData("is no JSON", """{"weight_map":{}} x""")]
    [InlineData("is no JSON", """{"weight_map":{},}""")]
    [InlineData("no UTF-8", """{"weight_map":{"\ud800":"m"}}""")]
    [InlineData("optimsharp': is no JSON", $$$"""{"metadata":{"optimsharp":""},"weight_map":{"a":"{{{First}}}","b":"{{{Second}}}"}}""")]
    [InlineData("optimsharp': is no dictionary", $$$"""{"metadata":{"optimsharp":"1"},"weight_map":{"a":"{{{First}}}","b":"{{{Second}}}"}}""")]
    [InlineData("does not say where the tensor 'a' belongs", $$$"""{"metadata":{"optimsharp":"{\"dict\":[[\"x\",{\"tensor\":\"b\"}]]}"},"weight_map":{"a":"{{{First}}}","b":"{{{Second}}}"}}""")]
    [InlineData("names the tensor 'c'", $$$"""{"metadata":{"optimsharp":"{\"dict\":[[\"x\",{\"tensor\":\"c\"}]]}"},"weight_map":{"a":"{{{First}}}","b":"{{{Second}}}"}}""")]
    [InlineData("names the tensor 'a'", $$$"""{"metadata":{"optimsharp":"{\"dict\":[[\"x\",{\"tensor\":\"a\",\"as\":\"complex128\"}]]}"},"weight_map":{"a":"{{{First}}}","b":"{{{Second}}}"}}""")]
    public void An_index_that_is_none_is_told(string message, string index) => Refused(message, IndexPath, index);

    [Fact]
    public void A_text_that_is_no_UTF_8_is_told()
    {
        File.WriteAllBytes(IndexPath, [.. "{\"weight_map\":{\""u8, 0xFF, .. "\":\"m\"}}"u8]);
        Refused("no UTF-8", IndexPath);
    }

    [Fact]
    public void Depth_is_bounded() =>
        Refused("is no JSON as it must be", IndexPath, $$$"""{"x":{{{string.Concat(Enumerable.Repeat("[", 10_000))}}}""");

    [Fact]
    public void The_size_is_checked_before_it_is_read()
    {
        using (var stream = new FileStream(IndexPath, FileMode.Open))
            stream.SetLength(100_000_001);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Refused("index: has 100000001 bytes; at most 100000000 are allowed", IndexPath);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
    }

    [Fact]
    public void A_part_that_is_missing_is_told_before_any_is_read()
    {
        File.WriteAllText(At(First), "damaged");
        File.Delete(At(Second));
        Assert.Equal($"part '{Second}'", Refused("is missing", IndexPath).Entry);
        Directory.CreateDirectory(At(Second));
        Refused($"part '{Second}': is a folder", IndexPath);
    }

    [Fact]
    public void Index_and_parts_must_agree()
    {
        Refused($"tensor 'c': is missing, and should be here by the index 'm.safetensors.index.json'", At(Second), Map($"\"a\":\"{First}\",\"b\":\"{Second}\",\"c\":\"{Second}\""));
        Refused("tensor 'b': is not in the index 'm.safetensors.index.json'", At(Second), Map($"\"a\":\"{First}\",\"c\":\"{Second}\""));
        Refused($"tensor 'a': should be in '{Second}', by the index", At(First), Map($"\"b\":\"{First}\",\"a\":\"{Second}\""));
        Checkpoint.Save(At(Second), new() { { "a", TensorData.Of([1f], 1) }, { "b", TensorData.Of([2f], 1) } }); // one tensor in two parts
        Refused($"tensor 'a': should be in '{First}', by the index", At(Second), Map($"\"a\":\"{First}\",\"b\":\"{Second}\""));
    }

    [Fact]
    public void A_part_is_a_flat_dictionary_of_tensors()
    {
        string map = Map($"\"a\":\"{First}\",\"b\":\"{Second}\"");
        foreach (var bad in new StateDict[] { new() { { "b", 1 } }, new() { { "b", new StateDict() } }, new() { { 7, TensorData.Of([1f], 1) } } })
        {
            Checkpoint.Save(At("x.pt"), bad);
            File.Move(At("x.pt"), At(Second), overwrite: true);
            Refused("is no tensor with a name", At(Second), map);
        }
        File.Copy(IndexPath, At(Second), overwrite: true); // an index of an index
        Refused("is JSON", At(Second), map);
        File.WriteAllText(At(Second), UnknownFileTests.Pointer);
        Refused("is a Git LFS pointer to a file of 4976698672 bytes", At(Second), map);
        File.WriteAllText(At(Second), "");
        Refused("is empty", At(Second), map);
    }

    [Fact]
    public void Parts_of_both_formats_are_read()
    {
        Checkpoint.Save(At("x.pt"), new() { { "b", TensorData.Of([3f], 1) } });
        File.WriteAllText(IndexPath, Map($"\"a\":\"{First}\",\"b\":\"x.pt\""));
        Assert.Equal(3, Checkpoint.Load(IndexPath).GetTensor("b").ToArray<float>()[0]);
    }
}
