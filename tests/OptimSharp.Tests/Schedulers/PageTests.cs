using System.Reflection;
using OptimSharp.Conformance;
using OptimSharp.Samples;
using OptimSharp.Schedulers;

namespace OptimSharp.Tests.Schedulers;

/// <summary>The gallery and the pages have every public scheduler, and say what is so.</summary>
public class PageTests
{
    const string Rewrite = "OPTIMSHARP_WRITE_DRAWINGS"; // set: the pages' drawings are written instead of compared

    static readonly string root = GoldenFiles.RepositoryRoot();

    public static TheoryData<string> Schedulers =>
    [
        .. from type in typeof(LRScheduler).Assembly.GetExportedTypes()
           where type.IsSubclassOf(typeof(LRScheduler)) && !type.IsAbstract
           select type.Name
    ];

    public static TheoryData<string> Warmups => [.. typeof(Warmup).GetMethods(BindingFlags.Public | BindingFlags.Static).Select(m => $"Warmup.{m.Name}")];

    public static TheoryData<string> Pages => [.. Directory.GetFiles(Path.Combine(root, "docs", "schedulers"), "*.md").Select(f => Path.GetFileNameWithoutExtension(f)!)];

    [Theory]
    [MemberData(nameof(Schedulers))]
    [MemberData(nameof(Warmups))]
    public void The_gallery_shows(string name)
    {
        var schedule = Assert.Single(Gallery.Schedules, s => s.Name == name);
        var (rates, _) = schedule.Run(100);
        Assert.True(rates.Distinct().Count() > 1, $"{name}'s curve is flat.");
        Assert.Contains(name, schedule.Code, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Schedulers))]
    public void There_is_a_page_with_all_arguments(string name)
    {
        string page = Read(name);
        foreach (string title in new[] { $"# {name}\n", "## Formula", "## Arguments", "## Picture", "## Differences from PyTorch", "## Example" })
            Assert.Contains(title, page, StringComparison.Ordinal);
        var type = typeof(LRScheduler).Assembly.GetType($"OptimSharp.Schedulers.{name}")!;
        foreach (var parameter in type.GetConstructors().SelectMany(c => c.GetParameters()).Where(p => p.ParameterType != typeof(Optimizer) && p.Name != "lastEpoch"))
            Assert.Contains($"| `{parameter.Name}` |", page, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Schedulers))]
    public void The_pages_drawing_is_the_schedules(string name)
    {
        var schedule = Gallery.Schedules.Single(s => s.Name == name);
        string drawing = ScheduleReport.Of(name, step => schedule.Run(100).Rates[step], 100).Draw(width: 64, height: 8);
        string expected = $"`{schedule.Code}` over 100 steps, from a rate of 0.1:\n\n```text\n{drawing}\n```\n", page = Read(name);
        if (Environment.GetEnvironmentVariable(Rewrite) is { Length: > 0 })
        {
            int start = page.IndexOf("## Picture\n", StringComparison.Ordinal) + "## Picture\n".Length, end = page.IndexOf("## Differences", StringComparison.Ordinal);
            File.WriteAllText(PathOf(name), $"{page[..start]}\n{expected}\n{page[end..]}");
            return;
        }
        Assert.Contains(expected, page, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void The_pages_code_is_compiled(string name)
    {
        string compiled = Lines(File.ReadAllText(Path.Combine(root, "tests", "OptimSharp.Tests", "Schedulers", "Examples.cs")));
        string[] parts = Read(name).Split("```csharp\n");
        foreach (string part in parts.Skip(1))
            Assert.Contains(Lines(part[..part.IndexOf("```", StringComparison.Ordinal)]), compiled, StringComparison.Ordinal);
        Assert.True(parts.Length > 1, $"{name} has no example.");
    }

    /// <summary>Without indentation: an example is deeper in its method than on its page.</summary>
    static string Lines(string text) => string.Join('\n', text.Split('\n').Select(l => l.Trim()).Where(l => l.Length > 0));

    static string PathOf(string name) => Path.Combine(root, "docs", "schedulers", $"{name}.md");

    static string Read(string name) => File.ReadAllText(PathOf(name)).ReplaceLineEndings("\n");
}
