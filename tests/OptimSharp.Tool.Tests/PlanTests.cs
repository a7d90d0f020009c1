namespace OptimSharp.Tool.Tests;

public class PlanTests
{
    const long Gpt2 = 124_439_808; // numbers of GPT-2: 50257·768 + 1024·768 + 12·(12·768² + 13·768) + 2·768

    [Theory]
    [InlineData("AdamW", "compute", 8)]
    [InlineData("Lion", "compute", 4)]
    [InlineData("Lion", "bfloat16", 2)]
    [InlineData("SGD", "compute", 0)]
    [InlineData("SGD(momentum=0.9)", "compute", 4)]
    [InlineData("AdEMAMix", "compute", 12)]
    [InlineData("torch.optim.AdamW(amsgrad=True)", "compute", 12)]
    public void State_takes_so_many_bytes_a_number(string optimizer, string precision, int bytes)
    {
        var json = ToolRun.Json("plan", Files.Fixture("gpt2-shapes.pt"), "--optimizer", optimizer, "--precision", precision);
        var plan = json["plans"]![0]!;
        Assert.Equal(Gpt2, (long)json["numbers"]!);
        Assert.Equal((4 * Gpt2, 4 * Gpt2, bytes * Gpt2), ((long)plan["parameterBytes"]!, (long)plan["gradientBytes"]!, (long)plan["stateBytes"]!));
        Assert.Equal((8 + bytes) * Gpt2, (long)plan["totalBytes"]!);
        Assert.Equal((12 + 2 * bytes) * Gpt2, (long)plan["movedBytes"]!);
    }

    [Fact]
    public void Parameters_may_be_trained_in_another_type()
    {
        var plan = ToolRun.Json("plan", Files.Fixture("gpt2-shapes.pt"), "--optimizer", "AdamW", "--precision", "parameter", "--dtype", "bf16")["plans"]![0]!;
        Assert.Equal((2 * Gpt2, 4 * Gpt2), ((long)plan["parameterBytes"]!, (long)plan["stateBytes"]!));
    }

    [Fact]
    public void Statistics_and_counts_are_not_trained()
    {
        var json = ToolRun.Json("plan", Files.Fixture("lightning.ckpt"), "--optimizer", "AdamW");
        Assert.Equal(["model.norm.running_mean", "model.norm.running_var", "model.norm.num_batches_tracked"], json["notTrained"]!.AsArray().Select(name => (string)name!));
        Assert.Equal(16 * 8 + 16 + 16 + 16 + 4 * 16 + 4, (int)json["numbers"]!);
        Assert.Equal(16 * 8 + 4 * 16, (int)ToolRun.Json("plan", Files.Fixture("lightning.ckpt"), "--optimizer", "SGD", "--exclude", "*.bias", "--exclude", "*.norm.*")["numbers"]!);
    }

    [Fact]
    public void Every_optimizer_can_be_planned()
    {
        foreach (string name in PlannedOptimizer.All.Keys)
            ToolRun.Good("plan", Files.Fixture("gpt2-shapes.pt"), "--optimizer", name);
        Assert.Contains("Muon takes hidden matrices, and the model has none.", ToolRun.Failed("plan", Files.Fixture("epoch0.pt"), "--optimizer", "Muon"), StringComparison.Ordinal);
    }

    [Fact]
    public void Tied_weights_are_one_parameter()
    {
        var json = ToolRun.Json("plan", Files.Fixture("tied.pt"), "--optimizer", "AdamW", "--precision", "compute");
        Assert.Equal((3, 100 * 64 + 64 * 64 + 64), ((int)json["parameters"]!, (int)json["numbers"]!)); // as model.parameters() of PyTorch
        Assert.Equal(("lm_head.weight", "emb.weight"), ((string)json["tied"]![0]!["name"]!, (string)json["tied"]![0]!["of"]!));
        Assert.Contains("tied, counted once: lm_head.weight is emb.weight", ToolRun.Good("plan", Files.Fixture("tied.pt")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Parts_of_one_memory_are_not_tied()
    {
        var json = ToolRun.Json("plan", Files.Fixture("parts.pt"));
        Assert.Equal((3, 24), ((int)json["parameters"]!, (int)json["numbers"]!));
        Assert.Empty(json["tied"]!.AsArray());
    }

    [Fact]
    public void What_an_optimizer_can_not_have_is_left_out()
    {
        string[] line = ["plan", Files.Fixture("epoch0.pt"), "--optimizer", "RMSprop(centered=True)", "--optimizer", "AdamW", "--optimizer", "Muon"];
        var json = ToolRun.Json(line);
        Assert.Equal([("RMSprop(centered=True)", "compute"), ("AdamW", "compute"), ("AdamW", "bfloat16"), ("AdamW", "dynamic8"), ("AdamW", "linear4")],
            json["plans"]!.AsArray().Select(plan => ((string)plan!["optimizer"]!, (string)plan["precision"]!)));
        Assert.Contains("left out: RMSprop(centered=True) can't keep its state in bfloat16, dynamic8, linear4.\n", ToolRun.Good(line).Output, StringComparison.Ordinal);
        Assert.Contains("can't keep its state in bfloat16.", ToolRun.Failed("plan", Files.Fixture("epoch0.pt"), "--optimizer", "RMSprop(centered=True)", "--precision", "bfloat16"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("There is no optimizer 'AdamX'; there are: ADOPT", "--optimizer", "AdamX")]
    [InlineData("Options of SGD are given by name", "--optimizer", "SGD(0.9)")]
    [InlineData("SGD: ", "--optimizer", "SGD(speed=1)")]
    [InlineData("SGD: ", "--optimizer", "SGD(momentum=-1)")]
    [InlineData("There is no precision 'half'", "--precision", "half")]
    [InlineData("has no 'nothing'", "--path", "nothing")]
    public void Wrong_options_are_said(string said, params string[] options) =>
        Assert.Contains(said, ToolRun.Failed(["plan", Files.Fixture("epoch0.pt"), .. options]), StringComparison.Ordinal);
}
