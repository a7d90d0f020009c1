using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace OptimSharp.Docs.Tests;

/// <summary>The numbers in the committed charts are those of the measurements beside them, and of the tables that were made from these.</summary>
public partial class ChartTests
{
    const string Machine = "amd-epyc-milan-2-cores";

    static readonly string[] shapes = ["1x16M", "256x64K", "4000x256", "resnet50", "gpt6"];

    [Fact]
    public void The_chart_of_shapes_has_the_medians_of_all_processes()
    {
        string[] cases = [.. shapes.Where(shape => shape != "256x64K").Select(shape => $"adamw/{shape}/f32/2t")];
        Assert.Equal([.. cases.Select(c => Repeated(c, "libtorch_fused")), .. cases.Select(c => Repeated(c, "torchsharp"))], Numbers("shapes"));
        Assert.All(cases.Select(c => Tabled(c, 4)).Concat(cases.Select(c => Tabled(c, 5))).Zip(Numbers("shapes")), x =>
            Assert.Equal(x.First, double.Parse(x.Second, CultureInfo.InvariantCulture), x.First < 10 ? 0.0051 : 0.0551)); // both are rounded
    }

    [Fact]
    public void The_chart_of_optimizers_has_the_medians_of_all_processes()
    {
        string[] cases = ["adadelta", "adagrad", "adam", "adamax", "adamw", "asgd", "nadam", "radam", "rmsprop", "rprop", "sgd"], fused = ["adagrad", "adam", "adamw", "sgd"];
        Assert.Equal(
            [.. fused.Select(c => Repeated($"{c}/1x16M/f32/2t", "libtorch_fused")), .. cases.Select(c => Repeated($"{c}/1x16M/f32/2t", "torchsharp"))], Numbers("optimizers"));
    }

    [Fact]
    public void The_chart_of_the_whole_step_has_the_ratios_of_one_process_and_PyTorchs()
    {
        string[] cases = [.. shapes.Select(shape => $"whole/{shape}/f32/2t")];
        var ours = Cases("").ToDictionary(c => c.GetProperty("case").GetString()!);
        var theirs = Cases(".pytorch").ToDictionary(c => c.GetProperty("case").GetString()!);
        Assert.Equal(
            [
                .. cases.Select(c => Text(theirs[c].GetProperty("pytorch_ms").GetDouble() / ours[c].GetProperty("ours_ms").GetDouble())),
                .. cases.Select(c => Text(ours[c].GetProperty("ratios").GetProperty("libtorch_fused").GetDouble())),
                .. cases.Select(c => Text(ours[c].GetProperty("ratios").GetProperty("torchsharp").GetDouble())),
            ],
            Numbers("whole-step"));
    }

    [Theory]
    [InlineData("shapes")]
    [InlineData("optimizers")]
    [InlineData("whole-step")]
    public void A_chart_says_where_it_was_measured(string chart)
    {
        string machine = Markdown.Read("bench/results/README.md").Split($"## {Machine}\n\n")[1].Split(". ")[0].Replace('\n', ' ');
        Assert.Contains(machine, string.Join(' ', Texts(chart)), StringComparison.Ordinal);
    }

    /// <summary>The front page's numbers are the chart's, as it rounds them.</summary>
    [Theory]
    [InlineData("libtorch's fused step takes (\\d+) times as long", "adamw/4000x256/f32/2t", "libtorch_fused")]
    [InlineData("TorchSharp's (\\d+) times\\.", "adamw/4000x256/f32/2t", "torchsharp")]
    [InlineData("it is ([\\d.]+) and", "adamw/1x16M/f32/2t", "libtorch_fused")]
    [InlineData("it is [\\d.]+ and ([\\d.]+) times", "adamw/1x16M/f32/2t", "torchsharp")]
    public void The_front_page_quotes_the_medians(string pattern, string name, string peer)
    {
        string quoted = Regex.Match(Markdown.Read("README.md"), pattern).Groups[1].Value;
        int digits = quoted.Contains('.', StringComparison.Ordinal) ? quoted.Length - quoted.IndexOf('.', StringComparison.Ordinal) - 1 : 0;
        Assert.Equal(Median(name, peer).ToString($"F{digits}", CultureInfo.InvariantCulture), quoted);
    }

    static string Repeated(string name, string peer) => Text(Median(name, peer));

    static double Median(string name, string peer)
    {
        double[] ratios = [.. Cases(".repeats").Where(c => c.GetProperty("case").GetString() == name).Select(c => c.GetProperty("ratios").GetProperty(peer).GetDouble()).Order()];
        int half = ratios.Length / 2;
        return ratios.Length % 2 == 1 ? ratios[half] : (ratios[half - 1] + ratios[half]) / 2;
    }

    /// <summary>A number of the table in the results' page: before the brackets, in one of its columns.</summary>
    static double Tabled(string name, int column)
    {
        string row = Markdown.Read("bench/results/README.md").Split('\n').First(line => line.StartsWith($"| `{name}` |", StringComparison.Ordinal));
        return double.Parse(row.Split('|')[column + 1].Trim().Split(' ')[0], CultureInfo.InvariantCulture);
    }

    static string Text(double ratio) => ratio.ToString(ratio < 10 ? "F2" : "F1", CultureInfo.InvariantCulture);

    static JsonElement[] Cases(string kind) =>
        [.. JsonDocument.Parse(Markdown.Read($"bench/results/{Machine}{kind}.json")).RootElement.EnumerateArray()];

    static string[] Numbers(string chart) => [.. Texts(chart).Where(text => Number().IsMatch(text))];

    static IEnumerable<string> Texts(string chart) =>
        XDocument.Parse(Markdown.Read($"docs/speed/{chart}.svg")).Descendants().Where(element => element.Name.LocalName == "text").Select(element => element.Value.Trim());

    [GeneratedRegex(@"^\d+\.\d+$")]
    private static partial Regex Number();
}
