namespace OptimSharp.Tool.Tests;

/// <summary><c>extract</c> and <c>prefix</c>.</summary>
public class ExtractTests
{
    [Theory]
    [InlineData("tool/lightning.ckpt", 9)]
    [InlineData("pytorch-2.14/lightning.ckpt", 9)]
    [InlineData("pytorch-2.14/timm.pth", null)]
    [InlineData("pytorch-2.14/nnunet.pth", null)]
    [InlineData("pytorch-2.14/whole_module.pt", null)]
    [InlineData("pytorch-2.14/training.pt", null)]
    [InlineData("tool/epoch0.pt", 9)]
    public void The_model_of_a_checkpoint_is_found(string name, int? tensors)
    {
        using var files = new Files();
        ToolRun.Good("checkpoint", "extract", "model", Path.Combine(Files.Fixtures, name), "-o", files.New("model.safetensors"));
        var model = Checkpoint.Load(files.New("model.safetensors"));
        Assert.True(model.Count > 0 && model.All(entry => entry.Value is TensorData), model.ToString());
        if (tensors is { } count)
            Assert.Equal(count, model.Count);
        Assert.DoesNotContain(model, entry => entry.Key.Name!.Contains("exp_avg", StringComparison.Ordinal));
    }

    [Fact]
    public void A_path_gives_what_is_there()
    {
        using var files = new Files();
        ToolRun.Good("checkpoint", "extract", "optimizer_states[0].state.1", Files.Fixture("lightning.ckpt"), "-o", files.New("a.pt"));
        Assert.Equal(["step", "exp_avg", "exp_avg_sq"], Checkpoint.Load(files.New("a.pt")).Keys.Select(key => key.Name));
        Assert.Contains("has no 'nothing'; it has: epoch, global_step", ToolRun.Failed("checkpoint", "extract", "nothing", Files.Fixture("lightning.ckpt"), "-o", files.New("b.pt")), StringComparison.Ordinal);
        Assert.Contains("is no dictionary, but a number", ToolRun.Failed("checkpoint", "extract", "epoch", Files.Fixture("lightning.ckpt"), "-o", files.New("b.pt")), StringComparison.Ordinal);
    }

    [Fact]
    public void Several_models_are_named()
    {
        using var files = new Files();
        var model = new StateDict { { "w", Vector.Of([1f]) } };
        string path = files.Save("two.pt", new() { { "generator", model.Clone() }, { "discriminator", model.Clone() } });
        Assert.Contains("several dictionaries of tensors: 'generator', 'discriminator'", ToolRun.Failed("checkpoint", "extract", "model", path, "-o", files.New("o.pt")), StringComparison.Ordinal);
        ToolRun.Good("checkpoint", "extract", "generator", path, "-o", files.New("o.pt"));
    }

    [Fact]
    public void A_prefix_is_taken_off_and_put_on()
    {
        using var files = new Files();
        ToolRun.Good("checkpoint", "extract", "model", Files.Fixture("lightning.ckpt"), "--strip-prefix", "model.", "-o", files.New("a.pt"));
        Assert.Equal(ExitCode.Good, ToolRun.Of("checkpoint", "diff", files.New("a.pt"), Files.Fixture("epoch2.pt")).Code);
        Assert.Contains("9 of 9 names changed", ToolRun.Good("checkpoint", "prefix", "add", "module.", files.New("a.pt"), "-o", files.New("b.pt")).Output, StringComparison.Ordinal);
        Assert.All(Checkpoint.Load(files.New("b.pt")).Keys, key => Assert.StartsWith("module.", key.Name, StringComparison.Ordinal));
        ToolRun.Good("checkpoint", "prefix", "strip", "module.", files.New("b.pt"), "-o", files.New("c.pt"));
        Assert.Equal(ExitCode.Good, ToolRun.Of("checkpoint", "diff", files.New("a.pt"), files.New("c.pt")).Code);
    }

    [Fact]
    public void The_rest_of_a_training_checkpoint_stays_when_names_change()
    {
        using var files = new Files();
        ToolRun.Good("checkpoint", "prefix", "strip", "model.", Files.Fixture("lightning.ckpt"), "--allow-objects", "-o", files.New("a.ckpt"));
        var json = ToolRun.Json("checkpoint", "diff", Files.Fixture("lightning.ckpt"), files.New("a.ckpt"));
        Assert.Equal((9, 9, 0, 0), (json["onlyInFirst"]!.AsArray().Count, json["onlyInSecond"]!.AsArray().Count, json["tensors"]!.AsArray().Count, json["values"]!.AsArray().Count));
    }

    [Fact]
    public void A_prefix_that_no_name_has_is_an_error()
    {
        using var files = new Files();
        Assert.Contains("No name begins with 'x.'; they are: embed.weight", ToolRun.Failed("checkpoint", "prefix", "strip", "x.", Files.Fixture("epoch0.pt"), "-o", files.New("a.pt")), StringComparison.Ordinal);
    }
}
