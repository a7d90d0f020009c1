using System.Globalization;
using System.Text.Json.Nodes;

namespace OptimSharp.Tool.Tests;

/// <summary>A schedule in a file is drawn with the rates that PyTorch had, or refused.</summary>
public class SavedScheduleTests
{
    static readonly JsonNode rates = JsonNode.Parse(File.ReadAllText(Fixture("rates.json")))!;

    /// <summary>A file, whose rates those are, and the options.</summary>
    public static TheoryData<string, string, string[]> Drawn => new()
    {
        { "onecycle-rising.pt", "onecycle-rising", [] },
        { "onecycle-rising-whole.pt", "onecycle-rising", [] },
        { "onecycle-first-whole.pt", "onecycle-first", [] },
        { "onecycle-first.pt", "onecycle-first", ["--lr", "0.1"] },
        { "onecycle-falling-whole.pt", "onecycle-falling", [] },
        { "onecycle-falling.pt", "onecycle-falling", ["--lr", "0.1"] },
        { "onecycle-groups-whole.pt", "onecycle-groups", [] },
        { "onecycle-groups.pt", "onecycle-groups", [] },
        { "swa-done-whole.pt", "swa-done", [] },
        { "swa-done.pt", "swa-done", [] },
        { "swa-moving-whole.pt", "swa-moving", [] },
        { "swa-moving.pt", "swa-moving", ["--lr", "0.05"] },
        { "swa-after-cosine.pt", "swa-after-cosine", ["--path", "swa_scheduler"] },
        { "sequence-in-onecycle-whole.pt", "sequence-in-onecycle", [] },
        { "sequence-in-onecycle.pt", "sequence-in-onecycle", [] },
        { "sequence-before-onecycle-whole.pt", "sequence-before-onecycle", [] },
        { "sequence-before-onecycle.pt", "sequence-before-onecycle", ["--lr", "0.2"] },
        { "cosine-groups-whole.pt", "cosine-groups", [] },
        { "cosine-groups.pt", "cosine-groups", [] },
        { "chain-whole.pt", "chain", [] },
        { "chain.pt", "chain", [] },
        { "cyclic-whole.pt", "cyclic", [] },
        { "cyclic.pt", "cyclic", [] },
        { "second-of-two.pt", "second-of-two", [] },
    };

    [Theory]
    [MemberData(nameof(Drawn))]
    public void The_rates_are_those_of_PyTorch(string file, string name, string[] options) => Check(file, name, options);

    [Fact]
    public void A_plateau_starts_from_its_first_epoch()
    {
        using var files = new Files();
        File.WriteAllLines(files.New("metrics"), Enumerable.Repeat("1.0", 20));
        string[] metrics = ["--metrics", files.New("metrics")];
        Check("plateau.pt", "plateau", [.. metrics, "--lr", "0.1"]);
        Assert.Contains("was saved after 17 epochs with the rate 1e-06, but from 1e-06", ToolRun.Failed(["schedule", Fixture("plateau.pt"), .. metrics]), StringComparison.Ordinal);
        File.WriteAllText(files.New("metrics"), "1.0\n");
        Assert.Contains("was saved after 17 epochs, but --metrics has 1 numbers", ToolRun.Failed(["schedule", Fixture("plateau.pt"), .. metrics]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("onecycle-first.pt", "does not say its highest rate (max_lr): PyTorch keeps it in the optimizer's groups, which are not in the file. Give it by --lr.")]
    [InlineData("onecycle-falling.pt", "does not say its highest rate (max_lr)")]
    [InlineData("sequence-before-onecycle.pt", "does not say its highest rate (max_lr)")]
    [InlineData("swa-moving.pt", "does not say the rate that it ends at (swa_lr)")]
    [InlineData("of-another.pt", "and no optimizer of the file fits. Give it by --lr.")]
    [InlineData("onecycle-falling.pt", "was saved with the rate 0.058928 at step 60, but with --lr 0.2 it would have 0.11786 there.", "--lr", "0.2")]
    [InlineData("two-on-one.pt", "The schedule 'linear' was saved with the rate 0.007 at step 20, but from the rates that the file says it started from it would have 0.07 there: something else moved the rate, too.", "--path", "linear")]
    [InlineData("chain.pt", "The checkpoint has the schedule's rates: --lr is for", "--lr", "0.2")]
    [InlineData("onecycle-first.pt", "--lr gives 2 rates, but the schedule is of 1 group.", "--lr", "0.2,0.1")]
    public void Rates_that_do_not_fit_are_refused(string file, string said, params string[] options) =>
        Assert.Contains(said, ToolRun.Failed(["schedule", Fixture(file), .. options]), StringComparison.Ordinal);

    [Fact]
    public void A_file_that_is_a_schedule_has_no_path_in_its_title()
    {
        var json = ToolRun.Json("schedule", Fixture("onecycle-rising.pt"));
        Assert.Equal(Fixture("onecycle-rising.pt"), (string)json["schedule"]!);
        Assert.StartsWith("saved at step 17, with the rate 0.064841; its lowest rate", (string)json["note"]!, StringComparison.Ordinal);
        Assert.StartsWith(Fixture("onecycle-rising.pt") + "\n", ToolRun.Good("schedule", Fixture("onecycle-rising.pt")).Output, StringComparison.Ordinal);
    }

    static void Check(string file, string name, string[] options)
    {
        double[][] expected = [.. rates[name]!.AsArray().Select(step => step!.AsArray().Select(rate => (double)rate!).ToArray())];
        for (int group = 0; group < expected[0].Length; group++)
        {
            string[] length = options.Contains("--metrics") ? [] : ["--steps", expected.Length.ToString(CultureInfo.InvariantCulture)];
            string[] lines = ToolRun.Good(["schedule", Fixture(file), "--csv", "-", "--group", group.ToString(CultureInfo.InvariantCulture), .. length, .. options]).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[1..];
            Assert.Equal(expected.Length, lines.Length);
            foreach (var (line, step) in lines.Zip(expected))
                Assert.Equal(step[group], double.Parse(line.Split(',')[1], CultureInfo.InvariantCulture), 1e-14);
        }
    }

    static string Fixture(string file) => Files.Fixture(Path.Combine("schedules", file));
}
