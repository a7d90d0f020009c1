using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace OptimSharp.Tool;

/// <summary><c>checkpoint stat</c>: numbers about each tensor's numbers.</summary>
static class StatCommand
{
    public static Command Make(Screen screen)
    {
        var file = OpenedCheckpoint.Argument();
        var only = CommonOptions.Only();
        var json = CommonOptions.Json();
        var command = new Command("stat", "Of each tensor: norm, least, greatest, mean, how many are zero, not a number, infinite.") { file, only, json };
        command.SetAction(line => Tool.Guard(screen, () =>
        {
            var opened = OpenedCheckpoint.Open(line.GetRequiredValue(file));
            var tensors = CommonOptions.Matching(StateWalk.Tensors(opened.Value), line.GetValue(only), opened.Name);
            var rows = screen.Progress(opened.Name, tensors.Sum(t => t.Tensor.Bytes), progress => tensors.Select(t => (t.Path, t.Tensor, Of: Statistics.Of(t.Tensor, progress))).ToList());
            if (line.GetValue(json))
                screen.Write(new JsonObject { ["file"] = opened.Name, ["tensors"] = new JsonArray([.. rows.Select(row => Json(row.Path, row.Tensor, row.Of))]) });
            else
                Show(screen, rows);
            return ExitCode.Good;
        }));
        return command;
    }

    static void Show(Screen screen, List<(string Path, TensorData Tensor, Statistics Of)> rows)
    {
        var table = Tables.New(["tensor", "shape", "type"], ["norm", "min", "max", "mean", "zeros", "nan", "inf"]);
        foreach (var (path, tensor, of) in rows)
        {
            table.AddRow(
            [
                Tables.Text(path), Tables.Text($"[{string.Join(", ", tensor.Shape.ToArray())}]"), Tables.Text(tensor.ElementType.Name()),
                .. new[] { of.Norm, of.Min, of.Max, of.Mean }.Select((number, i) => Tables.Text(double.IsNaN(number) || i > 0 && tensor.ElementType.IsComplex() ? "" : ValueText.Short(number))),
                Count(of.Zeros, ""), Count(of.NaNs, "red"), Count(of.Infinities, "red"),
            ]);
        }
        screen.Write(table);
        long bad = rows.Count(row => !row.Of.IsFinite);
        screen.Line();
        screen.Line($"{Sizes.Count(rows.Count)} {(rows.Count == 1 ? "tensor" : "tensors")}, norm of all {ValueText.Short(Math.Sqrt(rows.Sum(r => r.Of.Norm * r.Of.Norm)))}" + (bad > 0 ? $"; {bad} with numbers that are not finite" : ""));
    }

    static Markup Count(long count, string color) => new(count > 0 && color.Length > 0 ? $"[{color}]{Number(count)}[/]" : Number(count));

    static string Number(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    static JsonObject Json(string path, TensorData tensor, Statistics of) => new()
    {
        ["name"] = path,
        ["shape"] = new JsonArray([.. tensor.Shape.ToArray().Select(size => (JsonNode)size)]),
        ["dtype"] = tensor.ElementType.Name(),
        ["norm"] = ValueText.Json(of.Norm),
        ["min"] = OrNull(of.Min),
        ["max"] = OrNull(of.Max),
        ["mean"] = OrNull(of.Mean),
        ["zeros"] = of.Zeros,
        ["nan"] = of.NaNs,
        ["inf"] = of.Infinities,
    };

    static JsonNode? OrNull(double number) => double.IsNaN(number) ? null : ValueText.Json(number);
}
