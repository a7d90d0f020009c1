namespace OptimSharp.Tool.Tests;

public class AverageTests
{
    static readonly string[] Epochs = [Files.Fixture("epoch0.pt"), Files.Fixture("epoch1.pt"), Files.Fixture("epoch2.pt")];

    [Fact]
    public void Floating_point_tensors_are_the_mean_and_counts_the_last_ones()
    {
        using var files = new Files();
        string to = files.New("average.pt");
        string said = ToolRun.Good(["checkpoint", "average", .. Epochs, "-o", to]).Output;
        Assert.Contains("averaged: 8 tensors of 3 models", said, StringComparison.Ordinal);
        Assert.Contains("norm.num_batches_tracked", said, StringComparison.Ordinal);
        Check(to, [1.0 / 3, 1.0 / 3, 1.0 / 3]);
        Assert.Equal(12, Checkpoint.Load(to).GetInt64("norm.num_batches_tracked"));
    }

    [Fact]
    public void Models_may_weigh_differently()
    {
        using var files = new Files();
        ToolRun.Good(["checkpoint", "average", .. Epochs, "--weights", "1,2,5", "-o", files.New("a.pt")]);
        Check(files.New("a.pt"), [1.0 / 8, 2.0 / 8, 5.0 / 8]);
    }

    [Fact]
    public void An_exponential_average_takes_the_first_and_then_parts_of_the_others()
    {
        using var files = new Files();
        ToolRun.Good(["checkpoint", "average", .. Epochs, "--ema", "0.75", "-o", files.New("a.safetensors")]);
        Check(files.New("a.safetensors"), [0.75 * 0.75, 0.75 * 0.25, 0.25]);
    }

    [Fact]
    public void The_models_of_training_checkpoints_are_found()
    {
        using var files = new Files();
        ToolRun.Good("checkpoint", "average", Files.Fixture("lightning.ckpt"), Files.Fixture("lightning.ckpt"), "-o", files.New("a.pt"));
        Assert.Contains("model.head.bias", Checkpoint.Load(files.New("a.pt")).Keys.Select(key => key.Name));
    }

    [Fact]
    public void What_is_asked_for_comes_from_the_last()
    {
        using var files = new Files();
        ToolRun.Good(["checkpoint", "average", .. Epochs, "--take-last", "*.running_*", "-o", files.New("a.pt")]);
        Assert.Equal(Checkpoint.Load(Epochs[2]).GetTensor("norm.running_var").ToDoubles(), Checkpoint.Load(files.New("a.pt")).GetTensor("norm.running_var").ToDoubles());
    }

    [Theory]
    [InlineData(ElementType.BFloat16)]
    [InlineData(ElementType.Float16)]
    [InlineData(ElementType.Float64)]
    [InlineData(ElementType.Float8E4M3FN)]
    public void Types_stay_what_they_are(ElementType type)
    {
        using var files = new Files();
        string a = files.Save("a.pt", new() { { "x", Vector.Of([1f, -2f]).To(type) } }), b = files.Save("b.pt", new() { { "x", Vector.Of([2f, -4f]).To(type) } });
        ToolRun.Good("checkpoint", "average", a, b, "-o", files.New("c.pt"));
        var average = Checkpoint.Load(files.New("c.pt")).GetTensor("x");
        Assert.Equal(type, average.ElementType);
        Assert.Equal([1.5, -3], average.ToDoubles());
    }

    [Fact]
    public void Single_numbers_empty_tensors_and_complex_ones_are_averaged()
    {
        using var files = new Files();
        string a = files.Save("a.pt", new() { { "n", TensorData.Of([1f]) }, { "none", TensorData.Of(Array.Empty<float>(), 0, 3) }, { "z", Vector.Of([new System.Numerics.Complex(1, 2)]) } });
        string b = files.Save("b.pt", new() { { "n", TensorData.Of([2f]) }, { "none", TensorData.Of(Array.Empty<float>(), 0, 3) }, { "z", Vector.Of([new System.Numerics.Complex(3, -2)]) } });
        ToolRun.Good("checkpoint", "average", a, b, "-o", files.New("c.pt"));
        var average = Checkpoint.Load(files.New("c.pt"));
        Assert.Equal([1.5], average.GetTensor("n").ToDoubles());
        Assert.Equal([0, 3], average.GetTensor("none").Shape.ToArray());
        Assert.Equal([2, 0], average.GetTensor("z").ToDoubles());
    }

    [Fact]
    public void Models_that_are_not_alike_are_refused_by_name()
    {
        using var files = new Files();
        var tensor = Vector.Of([1f, 2f]);
        string a = files.Save("a.pt", new() { { "x", tensor } }), b = files.Save("b.pt", new() { { "x", tensor }, { "y", tensor } }), c = files.Save("c.pt", new() { { "x", TensorData.Of([1f, 2f], 2, 1) } });
        Assert.Contains("it has 'y' besides", ToolRun.Failed("checkpoint", "average", a, b, "-o", files.New("o.pt")), StringComparison.Ordinal);
        Assert.Contains("it lacks 'y'", ToolRun.Failed("checkpoint", "average", b, a, "-o", files.New("o.pt")), StringComparison.Ordinal);
        Assert.Contains("'x' is float32[2, 1] in", ToolRun.Failed("checkpoint", "average", a, c, "-o", files.New("o.pt")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("There must be a weight for each of the 3 files, but there are 2.", "--weights", "1,2")]
    [InlineData("A weight must be a number > 0, but is '0'.", "--weights", "1,0,1")]
    [InlineData("A weight must be a number > 0, but is 'x'.", "--weights", "1,x,1")]
    [InlineData("The decay must be from 0 to 1, but is 2.", "--ema", "2")]
    [InlineData("give one", "--ema", "0.5", "--weights", "1,1,1")]
    public void Wrong_options_are_said(string said, params string[] options)
    {
        using var files = new Files();
        Assert.Contains(said, ToolRun.Failed(["checkpoint", "average", .. Epochs, .. options, "-o", files.New("o.pt")]), StringComparison.Ordinal);
    }

    [Fact]
    public void One_file_is_no_average()
    {
        using var files = new Files();
        Assert.Contains("at least two files", ToolRun.Failed("checkpoint", "average", Epochs[0], "-o", files.New("o.pt")), StringComparison.Ordinal);
    }

    static void Check(string path, double[] weights)
    {
        var result = Checkpoint.Load(path);
        StateDict[] models = [.. Epochs.Select(epoch => Checkpoint.Load(epoch))];
        foreach (var (key, value) in result.Where(entry => ((TensorData)entry.Value!).ElementType == ElementType.Float32))
        {
            double[][] of = [.. models.Select(model => model.GetTensor(key).ToDoubles())];
            double[] average = ((TensorData)value!).ToDoubles();
            for (int i = 0; i < average.Length; i++)
                Assert.Equal(weights.Zip(of).Sum(x => x.First * x.Second[i]), average[i], 1e-6);
        }
    }

    [Fact]
    public void Tied_weights_stay_tied()
    {
        using var files = new Files();
        string Model(string name, float value)
        {
            var tied = Vector.Of(new[] { value, 2 * value });
            return files.Save(name, new() { { "embedding", tied }, { "head", tied }, { "other", Vector.Of(new[] { value, 2 * value }) } });
        }
        string output = files.New("average.pt");
        Assert.Contains("1 of them shares memory with another", ToolRun.Good("checkpoint", "average", Model("a.pt", 1), Model("b.pt", 2), "-o", output).Output, StringComparison.Ordinal);
        var average = Checkpoint.Load(output);
        Assert.True(average.GetTensor("embedding").SharesMemoryWith(average.GetTensor("head")));
        Assert.False(average.GetTensor("embedding").SharesMemoryWith(average.GetTensor("other")));
        Assert.Equal([1.5f, 3f], average.GetTensor("head").ToArray<float>());
    }

    [Fact]
    public void What_is_tied_in_the_last_model_only_is_averaged_by_itself()
    {
        using var files = new Files();
        var tied = Vector.Of(new[] { 3f });
        string a = files.Save("a.pt", new() { { "x", Vector.Of(new[] { 1f }) }, { "y", Vector.Of(new[] { 2f }) } }), b = files.Save("b.pt", new() { { "x", tied }, { "y", tied } });
        ToolRun.Good("checkpoint", "average", a, b, "-o", files.New("average.pt"));
        var average = Checkpoint.Load(files.New("average.pt"));
        Assert.Equal([2f, 2.5f], new[] { average.GetTensor("x"), average.GetTensor("y") }.Select(t => t.ToArray<float>()[0]));
    }

    [Theory]
    [InlineData("--ema", "0.9")]
    [InlineData("--weights", "1,2")]
    [InlineData]
    public void An_infinity_stays(params string[] how)
    {
        using var files = new Files();
        const float Inf = float.PositiveInfinity;
        string a = files.Save("a.pt", new() { { "mask", Vector.Of(new[] { 0, -Inf, Inf, Inf, -Inf, float.NaN, 1 }) } }), b = files.Save("b.pt", new() { { "mask", Vector.Of(new[] { 0, -Inf, Inf, -Inf, 1, Inf, float.NaN }) } });
        ToolRun.Good(["checkpoint", "average", a, b, "-o", files.New("average.pt"), .. how]);
        Assert.Equal([0, -Inf, Inf, float.NaN, -Inf, float.NaN, float.NaN], Checkpoint.Load(files.New("average.pt")).GetTensor("mask").ToArray<float>()); // as torch.stack(…).mean(0)
    }
}
