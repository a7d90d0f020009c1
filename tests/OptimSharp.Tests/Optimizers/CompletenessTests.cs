using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.Optimizers;

/// <summary>What belongs to every public optimizer. A new one fails here by name until it is there.</summary>
public class CompletenessTests
{
    [Theory]
    [MemberData(nameof(Rows.Optimizers), MemberType = typeof(Rows))]
    public void It_has_golden_cases(string optimizer)
    {
        string folder = Path.Combine(GoldenFiles.RepositoryRoot(), "tests", "goldens", Lower(optimizer));
        Assert.True(Directory.Exists(folder) && Directory.GetFiles(folder, "*.json").Length > 20, $"{optimizer} needs golden cases in {folder}: see tools/goldens/README.md.");
    }

    [Theory]
    [MemberData(nameof(Rows.Optimizers), MemberType = typeof(Rows))]
    public void Each_number_among_its_options_has_a_range(string optimizer)
    {
        string[] free = ["dampening", "t0", "ns_coefficients"]; // any number makes sense
        foreach (var option in OptimizerDriver.For(optimizer).Options.Where(o => !free.Contains(o.Key)))
        {
            if (option.Type != typeof(bool) && !option.Type.IsEnum)
                Assert.True(option.Range != "a number", $"{optimizer}: '{option.Key}' has no range.");
        }
    }

    [Theory]
    [MemberData(nameof(Rows.Optimizers), MemberType = typeof(Rows))]
    public void It_has_a_page_that_names_every_option_with_its_default(string optimizer)
    {
        string file = Path.Combine(GoldenFiles.RepositoryRoot(), "docs", "optimizers", optimizer + ".md");
        Assert.True(File.Exists(file), $"{optimizer} needs a page, {file}.");
        string page = File.ReadAllText(file);
        using var made = OptimizerDriver.For(optimizer).Create([Parameter.Of("w", new float[4], 2, 2)], []);
        ParameterGroup group = made.ParameterGroups[0];
        foreach (var option in OptimizerDriver.For(optimizer).Options)
        {
            string row = $"| `{option.Name}` | `{option.Key}` | {OptionDescriptor.Text(group[option.Key])} | {Range(option)} |";
            Assert.True(page.Contains(row, StringComparison.Ordinal), $"{file} needs the row\n{row} …");
        }
        foreach (string heading in new[] { "## Options", "## State", "## When to use it", "## Differences from PyTorch", "## Example" })
            Assert.Contains(heading, page, StringComparison.Ordinal);
    }

    // The guide's matrix has the page's words; here the number that they begin with is counted, with the default options.
    [Theory]
    [MemberData(nameof(Rows.Optimizers), MemberType = typeof(Rows))]
    public void Its_page_says_how_large_its_state_is(string optimizer)
    {
        string said = File.ReadLines(Path.Combine(GoldenFiles.RepositoryRoot(), "docs", "optimizers", optimizer + ".md"))
            .Single(line => line.StartsWith("In all: ", StringComparison.Ordinal))["In all: ".Length..];
        var driver = OptimizerDriver.For(optimizer);
        if (!OptimizerSamples.IsElementwise(driver.Type))
            return; // by rows, columns, iterations
        var parameter = Parameter.Of("w", new float[4], 2, 2);
        using var made = driver.Create([parameter], []);
        if (OptimizerSamples.TakesDenseGradients(driver.Type))
            parameter.Gradient = new float[4];
        else
            parameter.SparseGradient = new(new long[] { 0, 1 }, new float[4]);
        made.Step();
        int count = made.StateOf(parameter) is { } state ? state.TensorKeys.Sum(key => state.Tensor(key).Length) : 0;
        Assert.StartsWith(count == 0 ? "none" : $"{count * sizeof(float) / 4} ", said, StringComparison.Ordinal);
    }

    static string Range(OptionDescriptor option) =>
        option.Type == typeof(bool) ? "true, false" : option.Type.IsEnum ? string.Join(", ", Enum.GetNames(option.Type)) : option.Range;

#pragma warning disable CA1308 // folders are in lower case
    static string Lower(string name) => name.ToLowerInvariant();
}
