using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;

namespace OptimSharp.Tests.Checkpoints;

/// <summary>safetensors by its specification: every rule has a file that breaks it.</summary>
public class SafetensorsTests
{
    static byte[] Make(string header, int data, long? length = null)
    {
        byte[] json = Encoding.Latin1.GetBytes(header);
        var bytes = new byte[8 + json.Length + data];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, length ?? json.Length);
        json.CopyTo(bytes, 8);
        for (int i = 0; i < data; i++)
            bytes[8 + json.Length + i] = (byte)i;
        return bytes;
    }

    [Fact]
    public void A_file_of_the_specification_is_read()
    {
        var state = Checkpoint.Load(new MemoryStream(Make("""{"__metadata__":{"format":"pt"},"b":{"dtype":"U8","shape":[2,2],"data_offsets":[8,12]},"a":{"shape":[],"data_offsets":[0,8],"dtype":"I64"},"e":{"dtype":"F16","shape":[3,0],"data_offsets":[8,8]}}   """, 12)));
        Assert.Equal(["b", "a", "e"], state.Keys.Select(k => k.Name));
        Assert.Equal([8, 9, 10, 11], state.GetTensor("b").ToArray<byte>());
        Assert.Equal([0x0706050403020100], state.GetTensor("a").ToArray<long>());
        Assert.Equal("{__metadata__: {format: 'pt'}}", state.Attributes!.ToString());
        using var stream = new MemoryStream();
        Checkpoint.Save(stream, state, CheckpointFormat.Safetensors);
        Assert.Contains("""{"__metadata__":{"format":"pt"},"b":""", Encoding.UTF8.GetString(stream.ToArray()), StringComparison.Ordinal); // nothing of ours in it
        stream.Position = 0;
        Assert.True(JsonNode.DeepEquals(Contents.Of(state), Contents.Of(Checkpoint.Load(stream))));
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 5, "only names 4")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}}""", 5, "after a hole")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}""", 6, "within another")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}""", 12, "after a hole")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "needs 8")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 4, "the file has 4 bytes of tensors")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}""", 4, "after a hole")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}""", 0, "needs 18446744073709551616")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", 4, "whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}""", 4, "whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}}""", 4, "whole numbers")]
    [InlineData("""{"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}}""", 4, "'F99'")]
    [InlineData("""{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}""", 1, "'F4'")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1]}}""", 4, "lacks")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}""", 4, "lacks")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}""", 4, "more than 2")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1}}""", 4, "'more'")]
    [InlineData("""{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4, "'dtype'")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "twice")]
    [InlineData("""{"__metadata__":{"a":1}}""", 0, "a text for each key")]
    [InlineData("""{"__metadata__":{"a":"1","a":"2"}}""", 0, "twice")]
    [InlineData("""{"__metadata__":[]}""", 0, "an object for __metadata__")]
    [InlineData("""{"a":1}""", 0, "an object for the tensor")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}""", 4, "no JSON")]
    [InlineData("""{} x""", 0, "no JSON")]
    [InlineData(""" {}""", 0, "does not begin with '{'")]
    [InlineData("""[]""", 0, "does not begin with '{'")]
    [InlineData("""{"ÿ":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4, "no UTF-8")]
    [InlineData("""{"\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4, "no UTF-8")]
    [InlineData("""{"__metadata__":{"optimsharp":"[]"}}""", 0, "is no dictionary")]
    [InlineData("""{"__metadata__":{"optimsharp":"{"}}""", 0, "is no JSON")]
    [InlineData("""{"__metadata__":{"optimsharp":"{\"dict\":[[\"x\",{\"tensor\":\"a\"}]]}"}}""", 0, "names the tensor 'a'")]
    [InlineData("""{"__metadata__":{"optimsharp":"{\"dict\":[]}"},"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}""", 1, "does not say where the tensor 'a' belongs")]
    [InlineData("""{"__metadata__":{"optimsharp":"{\"dict\":[],\"type\":\"os.system\"}"}}""", 0, "of the class 'os.system'")]
    [InlineData("""{"__metadata__":{"optimsharp":"{\"dict\":[],\"attributes\":{\"dict\":[[\"x\",1]]}}"}}""", 0, "with attributes")]
    [InlineData("""{"__metadata__":{"optimsharp":"{\"dict\":[[\"x\",1],[\"x\",2]]}"}}""", 0, "twice")]
    [InlineData("""{"__metadata__":{"optimsharp":"{\"dict\":[[\"x\",99999999999999999999]]}"}}""", 0, "64 bits")]
    public void What_breaks_a_rule_is_refused(string header, int data, string message)
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".safetensors");
        File.WriteAllBytes(path, Make(header, data));
        try
        {
            Assert.Contains(message, Assert.Throws<CheckpointException>(() => Checkpoint.Load(path)).Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void The_headers_length_is_checked_before_it_is_read()
    {
        Check(100_000_001, "at most 100000000");
        Check(-1, "at most 100000000");
        Check(3, "the file ends after 2");
        Check(1, "is no JSON");

        static void Check(long length, string message) =>
            Assert.Contains(message, Assert.Throws<CheckpointException>(() => Checkpoint.Load(new MemoryStream(Make("{}", 0, length)))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Depth_is_bounded_in_both_directions()
    {
        string structure = string.Concat(Enumerable.Repeat("[", 250)) + string.Concat(Enumerable.Repeat("]", 250));
        byte[] file = Make($$$"""{"__metadata__":{"optimsharp":"{\"dict\":[[\"x\",{{{structure}}}]]}"}}""", 0);
        Assert.Contains("more than 200 levels", Assert.Throws<CheckpointException>(() => Checkpoint.Load(new MemoryStream(file))).Message, StringComparison.Ordinal);
        StateDict a = [], b = [], x = [];
        (a["x"], b["x"], x["a"]) = (x, x, a); // within itself, by a way that is not seen when it is made
        foreach (var format in Enum.GetValues<CheckpointFormat>())
            Assert.Throws<ArgumentException>(() => Checkpoint.Save(Stream.Null, a, format));
    }

    [Fact]
    public void Names_that_meet_are_told_apart_and_wide_types_come_first()
    {
        var one = TensorData.Of([true], 1);
        var state = new StateDict
        {
            { "a", new StateDict { { "b", one }, { "c", one } } }, { "a.b", TensorData.Of(new[] { 2.0 }, 1) }, { "__metadata__", TensorData.Of(new short[] { 3 }, 1) },
            { 7, new[] { TensorData.Of(new[] { 4 }, 1) } },
        };
        using var stream = new MemoryStream();
        Checkpoint.Save(stream, state, CheckpointFormat.Safetensors);
        byte[] bytes = stream.ToArray();
        var header = JsonNode.Parse(bytes.AsSpan(8, (int)BinaryPrimitives.ReadInt64LittleEndian(bytes)))!.AsObject();
        Assert.Equal(["__metadata__", "a.b", "a.c", "a.b~2", "__metadata__~2", "7.0"], header.Select(p => p.Key));
        Assert.Equal(["[14,15]", "[15,16]", "[0,8]", "[12,14]", "[8,12]"], header.Skip(1).Select(p => p.Value!["data_offsets"]!.ToJsonString()));
        Assert.Equal(0, BinaryPrimitives.ReadInt64LittleEndian(bytes) % 8);
        stream.Position = 0;
        Assert.True(JsonNode.DeepEquals(Contents.Of(state), Contents.Of(Checkpoint.Load(stream))));
    }

    [Fact]
    public void A_tensor_with_two_names_is_there_under_both()
    {
        var tied = TensorData.Of(new[] { 1f, 2f }, 2);
        using var stream = new MemoryStream();
        Checkpoint.Save(stream, new() { { "embedding.weight", tied }, { "head.weight", tied } }, CheckpointFormat.Safetensors);
        byte[] bytes = stream.ToArray();
        var header = JsonNode.Parse(bytes.AsSpan(8, (int)BinaryPrimitives.ReadInt64LittleEndian(bytes)))!.AsObject();
        Assert.Equal(["embedding.weight", "head.weight"], header.Select(p => p.Key)); // and nothing that only OptimSharp reads
        stream.Position = 0;
        var loaded = Checkpoint.Load(stream);
        Assert.Equal([1f, 2f], loaded.GetTensor("head.weight").ToArray<float>());
    }
}
