using System.Text.Json.Nodes;

namespace OptimSharp.Tool.Tests;

/// <summary>Whatever a file has, a command shows it or says in one line what is wrong.</summary>
public class HostileTests
{
    public static TheoryData<string> All => [.. Directory.EnumerateFiles(Files.Fixtures, "*", SearchOption.AllDirectories)
        .Where(file => Path.GetExtension(file) is not ".md" && !file.EndsWith("decompositions.json", StringComparison.Ordinal)).Select(file => Path.GetRelativePath(Files.Fixtures, file)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(All))]
    public void Every_fixture_is_shown_or_refused(string name)
    {
        string path = Path.Combine(Files.Fixtures, name);
        foreach (string command in (string[])["inspect", "stat", "verify"])
        {
            Check(ToolRun.Of("checkpoint", command, path));
            var json = ToolRun.Of("checkpoint", command, path, "--json");
            Check(json);
            if (json.Code != ExitCode.Failed)
                JsonNode.Parse(json.Output);
        }
        Check(ToolRun.Of("checkpoint", "diff", path, path));
        Check(ToolRun.Of("plan", path, "--optimizer", "AdamW", "--precision", "compute"));
        Check(ToolRun.Of("schedule", path));
    }

    [Theory]
    [InlineData("lightning.ckpt", 300)]
    [InlineData("sharded/model-00001-of-00002.safetensors", 300)]
    [InlineData("gpt2-shapes.pt", 100)]
    [InlineData("schedules/onecycle-rising.pt", 200)]
    [InlineData("schedules/sequence-in-onecycle-whole.pt", 200)]
    public void Changed_files_are_shown_or_refused(string name, int times)
    {
        using var files = new Files();
        byte[] whole = File.ReadAllBytes(Files.Fixture(name));
        string path = files.New("x" + Path.GetExtension(name));
        for (int seed = 0; seed < times; seed++)
        {
            var random = new Random(seed);
            byte[] changed = random.Next(4) == 0 ? whole[..random.Next(whole.Length)] : [.. whole];
            for (int i = 0; i < 1 + random.Next(4) && changed.Length > 0; i++)
                changed[random.Next(changed.Length)] = (byte)random.Next(256);
            File.WriteAllBytes(path, changed);
            foreach (string[] command in (string[][])[["checkpoint", "inspect", path], ["checkpoint", "stat", path], ["checkpoint", "verify", path], ["schedule", path], ["plan", path, "--optimizer", "SGD", "--precision", "compute"]])
                Check(ToolRun.Of(command));
        }
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("version https://git-lfs.github.com/spec/v1\nsize 12\n", "Git LFS pointer")]
    [InlineData("<!DOCTYPE html><html>", "HTML page")]
    [InlineData("{\"a\": 1}", "weight_map")]
    [InlineData("hello", "neither a PyTorch file nor a safetensors file")]
    public void What_is_no_checkpoint_is_named(string text, string said)
    {
        using var files = new Files();
        File.WriteAllText(files.New("x.pt"), text);
        Assert.Contains(said, ToolRun.Failed("checkpoint", "inspect", files.New("x.pt")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_and_a_folder_without_a_model_are_named()
    {
        using var files = new Files();
        foreach (string[] command in (string[][])[["checkpoint", "inspect"], ["checkpoint", "stat"], ["plan"], ["schedule"]])
        {
            Assert.Contains("There is no file", ToolRun.Failed([.. command, files.New("nothing.pt")]), StringComparison.Ordinal);
            if (command[0] != "schedule")
                Assert.Contains("is a folder, and none with a model", ToolRun.Failed([.. command, files.Folder]), StringComparison.Ordinal);
        }
    }

    static void Check(ToolRun run)
    {
        if (run.Code == ExitCode.Failed)
        {
            Assert.StartsWith("optimsharp: ", run.Error, StringComparison.Ordinal);
            Assert.Equal(1, run.Error.Count(c => c == '\n'));
            Assert.Empty(run.Output);
        }
        else
        {
            Assert.InRange(run.Code, 0, 1);
            Assert.Empty(run.Error);
            Assert.NotEmpty(run.Output);
        }
        Assert.DoesNotContain('\u001b', run.Output + run.Error);
    }
}
