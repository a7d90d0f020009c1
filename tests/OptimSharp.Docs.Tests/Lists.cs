using System.Text.RegularExpressions;
using OptimSharp.Conformance;
using OptimSharp.Schedulers;

namespace OptimSharp.Docs.Tests;

/// <summary>A stretch of a file that is made from what there is, not written by hand.</summary>
/// <param name="File">The file, from the repository's root.</param>
/// <param name="Opening">What stands before it, in a comment.</param>
/// <param name="Closing">What stands after it.</param>
/// <param name="Make">Makes it.</param>
public sealed record Stretch(string File, string Opening, string Closing, Func<string> Make)
{
    public override string ToString() => $"{File}, {Opening.Trim()}";
}

/// <summary>All lists that name every optimizer. What is said of one comes from its class and its page.</summary>
static partial class Lists
{
    const string Guide = "docs/choosing.md";

    /// <summary>Names that a program has from TorchSharp although OptimSharp has them too: what a model is made of.</summary>
    static readonly string[] theirs = ["BFloat16", "Parameter"];

    public static IEnumerable<Stretch> All =>
    [
        InMarkup("README.md", "optimizers", () => Wrapped(Optimizers, "  ")),
        InMarkup("README.md", "schedulers", () => Wrapped(Schedulers, "  ")),
        InMarkup("docs/README.md", "optimizers", () => $"\n{Wrapped(Optimizers.Select(name => $"[{name}](optimizers/{name}.md)"))}\n"),
        .. Headings.Select(heading => InMarkup(Guide, $"take: {heading}", () => "\n\n" + Table("| you have | take | because |",
            Optimizers.Select(OptimizerPage.ChoiceOf).Where(choice => choice.Heading == heading).Select(choice => choice.Row)) + "\n\n")),
        InMarkup(Guide, "support", () => "\n\n" + Table("| | state a parameter, float32 | half types | complex | sparse gradients | closure |", Optimizers.Select(name =>
            $"| [{name}](optimizers/{name}.md) | {OptimizerPage.StateOf(name)} | {string.Join(" | ", Support.Of(name))} |")) + "\n\n"),
        InMarkup("docs/memory.md", "report", ModelMemory.Report),
        InMarkup("docs/memory.md", "models", ModelMemory.Table),
        InMarkup("src/OptimSharp.Torch/build/OptimSharp.Torch.props", "aliases", () => Aliases(typeof(Optimizer), typeof(Torch.TorchParameter))),
        InMarkup("src/OptimSharp.TensorBoard/build/OptimSharp.TensorBoard.props", "aliases", () => Aliases(typeof(TensorBoard.SummaryWriter))),
        InCode("src/OptimSharp/Checkpoints/GroupReader.cs", "options", indent: 8, () => Wrapped(OptionsOfAll.Select(key => $"\"{key}\""), new(' ', 8), 140) + ","),
        InCode("tests/OptimSharp.Tests/Optimizers/PageExamples.cs", "examples", indent: 4, () => string.Join("\n\n", Optimizers.Select(OptimizerPage.TestOf)).TrimStart()),
    ];

    /// <summary>All public optimizers, by name.</summary>
    static IEnumerable<string> Optimizers => ByName(OptimizerDriver.PublicOptimizers);

    static IEnumerable<string> Schedulers => ByName(typeof(LRScheduler).Assembly.GetExportedTypes().Where(t => t.IsSubclassOf(typeof(LRScheduler)) && !t.IsAbstract));

    /// <summary>The guide's headings that have a table of optimizers.</summary>
    public static IEnumerable<string> Headings => Takes().Matches(Markdown.Read(Guide)).Select(match => match.Groups[1].Value);

    /// <summary>A name that both OptimSharp and a namespace of TorchSharp have is one of them in every file of a program.</summary>
    /// <param name="packages">A type of each package.</param>
    static string Aliases(params Type[] packages) => string.Concat((
        from ours in packages.SelectMany(type => type.Assembly.GetExportedTypes())
        join their in typeof(TorchSharp.torch).Assembly.GetExportedTypes() on ours.Name equals their.Name
        where !ours.IsNested && !their.IsNested
        let type = theirs.Contains(ours.Name) ? their : ours
        orderby type == their, type.Name.ToUpperInvariant()
        select $"\n    <Using Include=\"{type.FullName}\" Alias=\"{type.Name}\" />"
    ).Distinct()) + "\n    ";

    /// <summary>The options of all optimizers, by PyTorch's names.</summary>
    static IEnumerable<string> OptionsOfAll => OptimizerDriver.PublicOptimizers.SelectMany(type =>
    {
        using var made = OptimizerDriver.For(type).Create([Parameter.Of("w", new float[4], 2, 2)], []);
        return made.ParameterGroups[0].OptionKeys.ToArray();
    }).Distinct().Order(StringComparer.Ordinal);

    static Stretch InMarkup(string file, string name, Func<string> make) => new(file, $"<!-- {name} -->", $"<!-- /{name} -->", make);

    static Stretch InCode(string file, string name, int indent, Func<string> make) =>
        new(file, $"// <{name}>\n", $"// </{name}>", () => $"{new string(' ', indent)}{make()}\n{new string(' ', indent)}");

    static IEnumerable<string> ByName(IEnumerable<Type> types) => types.Select(t => t.Name).Order(StringComparer.OrdinalIgnoreCase);

    static string Table(string heading, IEnumerable<string> rows) =>
        string.Join('\n', [heading, "|" + string.Concat(Enumerable.Repeat("---|", heading.Count(c => c == '|') - 1)), .. rows]);

    /// <summary>Separated by commas, in lines of about <paramref name="width"/> characters.</summary>
    static string Wrapped(IEnumerable<string> items, string indent = "", int width = 120) =>
        Regex.Replace(string.Join(", ", items), $"(.{{1,{width}}}(,|$)) ?", $"$1\n{indent}").TrimEnd();

    [GeneratedRegex("<!-- take: (.+?) -->")]
    private static partial Regex Takes();
}
