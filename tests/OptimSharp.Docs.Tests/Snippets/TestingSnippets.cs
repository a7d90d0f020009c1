using OptimSharp;
using OptimSharp.Testing;

namespace Snippets; // as in a program of one's own, not below OptimSharp

/// <summary>The page on testing one's own optimizer.</summary>
public class TestingSnippets
{
    public static TheoryData<string> Laws => [.. OptimizerLaws.All.Select(law => law.Name)];

    [Theory]
    [MemberData(nameof(Laws))]
    public void Keeps_the_law(string law) =>
        OptimizerLaws.Named(law).Check(parameters => new AdamW(parameters, new() { WeightDecay = 0.1 }), new() { Seed = 7 });

    [Fact]
    public void All_laws()
    {
        OptimizerLaws.Check(parameters => new AdamW(parameters, new() { WeightDecay = 0.1, AMSGrad = true }));
        OptimizerLaws.Check(parameters => new Muon(parameters), new() { Elementwise = false });
    }

    [Fact]
    public void Golden_cases()
    {
        string folder = Path.Combine(OptimSharp.Conformance.GoldenFiles.RepositoryRoot(), "tests", "goldens", "adamw");
        GoldenCases.Check<AdamWOptions>(folder, (groups, options) => new AdamW(groups, options));
    }

    /// <summary>The page lists the laws there are, in their order.</summary>
    [Fact]
    public void The_table_has_all_laws()
    {
        string page = File.ReadAllText(Path.Combine(OptimSharp.Conformance.GoldenFiles.RepositoryRoot(), "docs", "testing.md"));
        var named = page.Split('\n').Select(line => line.Split('|')).Where(cells => cells.Length == 4).Select(cells => cells[1].Trim().Trim('`'));
        Assert.Equal(OptimizerLaws.All.Select(law => law.Name), named.SkipWhile(name => name != "Repeatable").Take(OptimizerLaws.All.Count));
    }
}
