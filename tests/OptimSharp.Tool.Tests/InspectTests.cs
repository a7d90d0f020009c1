using System.Text.Json.Nodes;

namespace OptimSharp.Tool.Tests;

public class InspectTests
{
    [Fact]
    public void Each_tensor_of_a_Lightning_checkpoint_is_named_with_shape_and_type()
    {
        var json = ToolRun.Json("checkpoint", "inspect", Files.Fixture("lightning.ckpt"));
        var tensors = json["tensors"]!.AsArray().ToDictionary(t => (string)t!["name"]!, t => t!);
        Assert.Equal([16, 8], tensors["state_dict.model.embed.weight"]["shape"]!.AsArray().Select(n => (long)n!));
        Assert.Equal("int64", (string)tensors["state_dict.model.norm.num_batches_tracked"]["dtype"]!);
        Assert.Equal(4 * 16 * 8, (long)tensors["optimizer_states[0].state.0.exp_avg"]["bytes"]!);
        Assert.Contains(json["values"]!.AsArray(), v => (string)v!["name"]! == "lr_schedulers[0]._milestones" && v["value"]!.ToJsonString() == "[5]");
    }

    [Fact]
    public void Objects_of_classes_are_shown_and_said_to_be_objects()
    {
        var run = ToolRun.Good("checkpoint", "inspect", Files.Fixture("lightning.ckpt"));
        Assert.Contains("hyper_parameters: pytorch_lightning.utilities.parsing.AttributeDict (an object)", run.Output, StringComparison.Ordinal);
        var values = ToolRun.Json("checkpoint", "inspect", Files.Fixture("lightning.ckpt"))["values"]!.AsArray();
        Assert.Contains(values, v => (string?)v!["class"] == "pytorch_lightning.utilities.parsing.AttributeDict");
        Assert.Contains(values, v => (string)v!["name"]! == "hyper_parameters.width" && (long)v["value"]! == 16);
    }

    [Fact]
    public void A_folder_its_index_and_the_path_it_was_saved_under_are_one_model()
    {
        string[] paths = ["sharded", "sharded/model.safetensors.index.json", "sharded/model.safetensors"];
        JsonNode[] shown = [.. paths.Select(path => ToolRun.Json("checkpoint", "inspect", Files.Fixture(path))["tensors"]!)];
        Assert.Equal(9, shown[0].AsArray().Count);
        Assert.All(shown, json => Assert.Equal(shown[0].ToJsonString(), json.ToJsonString()));
    }

    [Fact]
    public void Texts_beside_the_tensors_are_shown()
    {
        Assert.Equal("pt", (string)ToolRun.Json("checkpoint", "inspect", Files.Fixture("sharded"))["metadata"]!["format"]!);
        Assert.Contains("metadata format: pt", ToolRun.Good("checkpoint", "inspect", Files.Fixture("sharded")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_depth_can_be_limited()
    {
        string output = ToolRun.Good("checkpoint", "inspect", Files.Fixture("lightning.ckpt"), "--depth", "1").Output;
        Assert.Contains("state_dict", output, StringComparison.Ordinal);
        Assert.DoesNotContain("embed", output, StringComparison.Ordinal);
        Assert.Contains("--depth must be ≥ 1, but is 0", ToolRun.Failed("checkpoint", "inspect", Files.Fixture("lightning.ckpt"), "--depth", "0"), StringComparison.Ordinal);
    }

    [Fact]
    public void Tied_weights_are_counted_once()
    {
        using var files = new Files();
        var weight = TensorData.Of(new float[256], 16, 16);
        string path = files.Save("tied.pt", new() { { "embed", weight }, { "head", weight } });
        Assert.Contains("2 tensors, 512 numbers, 1.00 KiB (2 float32); 1 of them shares memory", ToolRun.Good("checkpoint", "inspect", path).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_cannot_move_the_cursor_or_turn_the_text_around()
    {
        using var files = new Files();
        string path = files.Save("bad.safetensors", new() { { "a\u001b[31mb\u202ec\r\nd", Vector.Of([1f]) }, { "[red]x[/]", Vector.Of([2f]) } });
        foreach (string command in (string[])["inspect", "stat", "verify"])
        {
            string output = ToolRun.Good("checkpoint", command, path).Output;
            Assert.DoesNotContain(output, c => c is '\u001b' or '\u202e' or '\r');
        }
        string shown = ToolRun.Good("checkpoint", "inspect", path).Output;
        Assert.Contains(@"a\x1b[31mb\u202ec\r\nd", shown, StringComparison.Ordinal);
        Assert.Contains("[red]x[/]", shown, StringComparison.Ordinal);
    }

    [Fact]
    public void A_bare_value_is_shown()
    {
        Assert.Contains("float32", ToolRun.Good("checkpoint", "inspect", Path.Combine(Files.Fixtures, "pytorch-2.14", "bare_tensor.pt")).Output, StringComparison.Ordinal);
        Assert.Contains("holds no dictionary, but a tensor", ToolRun.Failed("checkpoint", "convert", Path.Combine(Files.Fixtures, "pytorch-2.14", "bare_tensor.pt"), "/tmp/never.pt"), StringComparison.Ordinal);
    }
}
