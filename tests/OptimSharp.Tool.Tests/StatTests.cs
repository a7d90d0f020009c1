using System.Text.Json.Nodes;

namespace OptimSharp.Tool.Tests;

public class StatTests
{
    [Fact]
    public void Numbers_are_those_of_the_tensor()
    {
        using var files = new Files();
        var of = Of(files, TensorData.Of([3f, -4f, 0f, 0f], 2, 2));
        Assert.Equal(5, (double)of["norm"]!);
        Assert.Equal((-4, 3, -0.25), ((double)of["min"]!, (double)of["max"]!, (double)of["mean"]!));
        Assert.Equal((2, 0, 0), ((long)of["zeros"]!, (long)of["nan"]!, (long)of["inf"]!));
    }

    [Fact]
    public void What_is_not_finite_is_counted_and_left_out_of_the_rest()
    {
        using var files = new Files();
        var of = Of(files, Vector.Of([3f, float.NaN, 4f, float.PositiveInfinity, float.NegativeInfinity]));
        Assert.Equal((1, 2), ((long)of["nan"]!, (long)of["inf"]!));
        Assert.Equal((5, 3, 4, 3.5), ((double)of["norm"]!, (double)of["min"]!, (double)of["max"]!, (double)of["mean"]!));
    }

    [Fact]
    public void A_tensor_of_nothing_finite_and_an_empty_one_have_no_extremes()
    {
        using var files = new Files();
        Assert.Null(Of(files, Vector.Of([float.NaN]))["min"]);
        var empty = Of(files, TensorData.Of(Array.Empty<float>(), 0, 3));
        Assert.Null(empty["mean"]);
        Assert.Equal(0, (double)empty["norm"]!);
    }

    [Fact]
    public void A_norm_whose_squares_overflow_or_vanish_is_right()
    {
        using var files = new Files();
        Assert.Equal(5e200, (double)Of(files, Vector.Of([3e200, 4e200]))["norm"]!, 1e188);
        Assert.Equal(5e-200, (double)Of(files, Vector.Of([3e-200, -4e-200]))["norm"]!, 1e-212);
    }

    [Fact]
    public void Numbers_beyond_one_piece_are_all_looked_at()
    {
        using var files = new Files();
        var numbers = new float[200_001];
        numbers[^1] = 2;
        numbers[70_000] = float.NaN;
        numbers[131_072] = -7;
        var of = Of(files, Vector.Of(numbers));
        Assert.Equal((-7, 2, 1, 199_998), ((double)of["min"]!, (double)of["max"]!, (long)of["nan"]!, (long)of["zeros"]!));
        Assert.Equal(Math.Sqrt(53), (double)of["norm"]!, 1e-12);
    }

    [Theory]
    [InlineData(ElementType.Float16)]
    [InlineData(ElementType.BFloat16)]
    [InlineData(ElementType.Float64)]
    [InlineData(ElementType.Float8E4M3FN)]
    public void Types_are_read_as_what_they_are(ElementType type)
    {
        using var files = new Files();
        var of = Of(files, Vector.Of([1.5f, -2f]).To(type));
        Assert.Equal((-2, 1.5, 2.5), ((double)of["min"]!, (double)of["max"]!, (double)of["norm"]!));
    }

    [Fact]
    public void A_pattern_chooses_tensors()
    {
        var tensors = ToolRun.Json("checkpoint", "stat", Files.Fixture("epoch0.pt"), "--only", "*.bias")["tensors"]!.AsArray();
        Assert.Equal(["embed.bias", "norm.bias", "head.bias"], tensors.Select(t => (string)t!["name"]!));
        Assert.Contains("No tensor of", ToolRun.Failed("checkpoint", "stat", Files.Fixture("epoch0.pt"), "--only", "nothing"), StringComparison.Ordinal);
    }

    static JsonNode Of(Files files, TensorData tensor) => ToolRun.Json("checkpoint", "stat", files.Save("x.pt", new() { { "x", tensor } }))["tensors"]![0]!;
}
