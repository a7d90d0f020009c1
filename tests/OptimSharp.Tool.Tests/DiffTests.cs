using System.Text.Json.Nodes;

namespace OptimSharp.Tool.Tests;

public class DiffTests
{
    [Fact]
    public void A_file_does_not_differ_from_itself_in_another_format()
    {
        using var files = new Files();
        foreach (string name in (string[])["lightning.ckpt", "epoch2.pt", "sharded", "diverged.pt"])
        {
            string copy = files.New("copy.safetensors");
            ToolRun.Good("checkpoint", "convert", Files.Fixture(name), copy, "--force");
            Assert.Equal(ExitCode.Good, ToolRun.Of("checkpoint", "diff", Files.Fixture(name), copy).Code);
        }
    }

    [Fact]
    public void The_largest_difference_and_its_place_are_told()
    {
        using var files = new Files();
        var json = Diff(files, TensorData.Of([1f, 2f, 3f, 4f, 5f, 6f], 2, 3), TensorData.Of([1f, 2f, 3f, 4.5f, 5f, 4f], 2, 3));
        var found = json["tensors"]![0]!;
        Assert.Equal((2, 2.0, "[1,2]"), ((long)found["different"]!, (double)found["largest"]!, found["at"]!.ToJsonString()));
        Assert.Equal((6, 4), ((double)found["first"]!, (double)found["second"]!));
        Assert.False((bool)json["same"]!);
    }

    [Fact]
    public void Whole_numbers_that_are_the_same_as_doubles_differ()
    {
        using var files = new Files();
        var found = Diff(files, Vector.Of([(1L << 53) + 1]), Vector.Of([1L << 53]))["tensors"]![0]!;
        Assert.Equal(1, (double)found["largest"]!);
    }

    [Fact]
    public void NaN_is_the_same_as_NaN_and_infinitely_far_from_a_number()
    {
        using var files = new Files();
        Assert.True((bool)Diff(files, Vector.Of([float.NaN, float.PositiveInfinity]), Vector.Of([float.NaN, float.PositiveInfinity]))["same"]!);
        Assert.Equal("Infinity", (string)Diff(files, Vector.Of([float.NaN]), Vector.Of([1f]))["tensors"]![0]!["largest"]!);
        Assert.Equal("Infinity", (string)Diff(files, Vector.Of([float.PositiveInfinity]), Vector.Of([float.NegativeInfinity]))["tensors"]![0]!["largest"]!);
    }

    [Theory]
    [InlineData("--atol", "0.5", true)]
    [InlineData("--atol", "0.4", false)]
    [InlineData("--rtol", "0.05", true)]
    [InlineData("--rtol", "0.04", false)]
    public void A_difference_can_be_tolerated(string option, string value, bool isSame)
    {
        using var files = new Files();
        Assert.Equal(isSame, (bool)Diff(files, Vector.Of([10.5f]), Vector.Of([10f]), option, value)["same"]!);
    }

    [Fact]
    public void Shapes_types_names_and_values_are_compared()
    {
        using var files = new Files();
        string a = files.Save("a.pt", new() { { "same", Vector.Of([1f]) }, { "shape", Vector.Of([1f, 2f]) }, { "type", Vector.Of([1f]) }, { "gone", Vector.Of([1f]) }, { "epoch", 3 } });
        string b = files.Save("b.pt", new() { { "same", Vector.Of([1f]) }, { "shape", TensorData.Of([1f, 2f], 2, 1) }, { "type", Vector.Of([1.0]) }, { "new", Vector.Of([1f]) }, { "epoch", 4 } });
        var json = ToolRun.Json("checkpoint", "diff", a, b);
        Assert.Equal(("[\"gone\"]", "[\"new\"]"), (json["onlyInFirst"]!.ToJsonString(), json["onlyInSecond"]!.ToJsonString()));
        Assert.Equal(["shape", "type"], json["tensors"]!.AsArray().Select(t => (string)t!["name"]!));
        Assert.Equal("[\"float32\",\"float64\"]", json["tensors"]![1]!["dtypes"]!.ToJsonString());
        Assert.Equal(("epoch", 3, 4), ((string)json["values"]![0]!["name"]!, (int)json["values"]![0]!["first"]!, (int)json["values"]![0]!["second"]!));
        Assert.Equal(1, (int)json["sameTensors"]!);
        var run = ToolRun.Of("checkpoint", "diff", a, b);
        Assert.Equal(ExitCode.No, run.Code);
        Assert.Contains("[2] → [2, 1]", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tolerance_must_be_a_number_that_is_not_negative() =>
        Assert.Contains("--atol must be a number ≥ 0, but is -1", ToolRun.Failed("checkpoint", "diff", Files.Fixture("epoch0.pt"), Files.Fixture("epoch1.pt"), "--atol", "-1"), StringComparison.Ordinal);

    static JsonNode Diff(Files files, TensorData a, TensorData b, params string[] options) =>
        ToolRun.Json(["checkpoint", "diff", files.Save("a.pt", new() { { "x", a } }), files.Save("b.pt", new() { { "x", b } }), .. options]);

    [Fact]
    public void Values_that_differ_are_shown_differently()
    {
        using var files = new Files();
        string a = files.Save("a.pt", new() { { "epoch", 3 }, { "large", Vector.Of(new[] { 1L << 62 }) }, { "list", new object?[] { 1, (3, 4) } } });
        string b = files.Save("b.pt", new() { { "epoch", 3.0 }, { "large", Vector.Of(new[] { (1L << 62) + 1 }) }, { "list", new object?[] { 1, new object?[] { 3, 4 } } } });
        var run = ToolRun.Of("checkpoint", "diff", a, b);
        Assert.Equal(ExitCode.No, run.Code);
        Assert.Matches(@"epoch +3 +3\.0\b", run.Output);
        Assert.Contains("4611686018427387904", run.Output, StringComparison.Ordinal);
        Assert.Contains("4611686018427387905", run.Output, StringComparison.Ordinal);
        Assert.Contains("3 different", run.Output, StringComparison.Ordinal);
        var json = ToolRun.Json("checkpoint", "diff", a, b);
        Assert.Equal("""["int","float"]""", json["values"]![0]!["kinds"]!.ToJsonString());
        Assert.Equal((1L << 62) + 1, (long)json["tensors"]![0]!["second"]!);
    }
}
