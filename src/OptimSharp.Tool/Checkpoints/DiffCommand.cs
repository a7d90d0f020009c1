using System.CommandLine;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace OptimSharp.Tool;

/// <summary><c>checkpoint diff</c>: what is different between two files.</summary>
static class DiffCommand
{
    public static Command Make(Screen screen)
    {
        Argument<string> a = OpenedCheckpoint.Argument("a"), b = OpenedCheckpoint.Argument("b");
        Option<double> absolute = Tolerance("--atol", "absolute difference"), relative = Tolerance("--rtol", "difference relative to the second's number");
        var only = CommonOptions.Only();
        var json = CommonOptions.Json();
        var command = new Command("diff", "Compares two checkpoints: names, shapes, types, numbers. Ends with 1 when they differ.") { a, b, absolute, relative, only, json };
        command.SetAction(line => Tool.Guard(screen, () =>
        {
            double atol = Checked(absolute, line.GetValue(absolute)), rtol = Checked(relative, line.GetValue(relative));
            OpenedCheckpoint first = OpenedCheckpoint.Open(line.GetRequiredValue(a)), second = OpenedCheckpoint.Open(line.GetRequiredValue(b));
            var found = CheckpointDifference.Of(screen, first, second, line.GetValue(only), atol, rtol);
            if (line.GetValue(json))
                screen.Write(Json(found, first, second));
            else
                Show(screen, found, first, second);
            return found.IsSame ? ExitCode.Good : ExitCode.No;
        }));
        return command;
    }

    static Option<double> Tolerance(string name, string what) => new(name) { Description = $"the {what} that is tolerated, ≥ 0; default 0", HelpName = "NUMBER" };

    static double Checked(Option option, double value) => value >= 0 && double.IsFinite(value) ? value : throw new ToolException($"{option.Name} must be a number ≥ 0, but is {ValueText.Short(value)}.");

    static void Show(Screen screen, CheckpointDifference found, OpenedCheckpoint first, OpenedCheckpoint second)
    {
        List(screen, $"only in {first.Name}", found.OnlyInFirst);
        List(screen, $"only in {second.Name}", found.OnlyInSecond);
        if (found.Tensors.Count > 0)
        {
            var table = Tables.New(["tensor", "shape", "type"], ["differ", "largest", "at", "first", "second"]);
            foreach (var x in found.Tensors)
            {
                table.AddRow(
                [
                    Tables.Text(x.Name), Change(Shape(x.A), Shape(x.B)), Change(x.A.ElementType.Name(), x.B.ElementType.Name()),
                    .. x.Numbers is not { } n ? [Tables.Text(""), Tables.Text(""), Tables.Text(""), Tables.Text(""), Tables.Text("")] : n.At < 0
                        ? (Text[])[Tables.Text("0"), Tables.Text("0"), Tables.Text(""), Tables.Text(""), Tables.Text("")]
                        : [Tables.Text(Sizes.Count(n.Different)), Tables.Text(ValueText.Short(n.Largest)), Tables.Text(CheckpointDifference.Place(x.A, n.At)), Tables.Text(Number(x.A, n.At, n.A)), Tables.Text(Number(x.B, n.At, n.B))],
                ]);
            }
            screen.Write(table);
        }
        if (found.Values.Count > 0)
        {
            var table = Tables.New(["value", "first", "second"], []);
            foreach (var (name, x, y) in found.Values)
                table.AddRow(Tables.Text(name), Tables.Text(ValueText.Of(x, 60)), Tables.Text(ValueText.Of(y, 60)));
            screen.Write(table);
        }
        int different = found.OnlyInFirst.Count + found.OnlyInSecond.Count + found.Tensors.Count + found.Values.Count;
        screen.Line($"{(found.IsSame ? "no difference" : $"{different} different")}; the same: {found.SameTensors} {(found.SameTensors == 1 ? "tensor" : "tensors")}, {found.SameValues} other {(found.SameValues == 1 ? "value" : "values")}");
    }

    static void List(Screen screen, string title, List<string> names)
    {
        if (names.Count == 0)
            return;
        screen.Line($"{Printable.Of(title)}:");
        foreach (string name in names)
            screen.Line($"  {Printable.Of(name, 200)}");
    }

    static string Number(TensorData tensor, long at, double value) => CheckpointDifference.Number(tensor, at, value) is double number ? ValueText.Short(number) : ValueText.Of(CheckpointDifference.Number(tensor, at, value));

    static Text Change(string a, string b) => Tables.Text(a == b ? a : $"{a} → {b}");

    static string Shape(TensorData tensor) => $"[{string.Join(", ", tensor.Shape.ToArray())}]";

    static JsonObject Json(CheckpointDifference found, OpenedCheckpoint first, OpenedCheckpoint second) => new()
    {
        ["first"] = first.Name,
        ["second"] = second.Name,
        ["same"] = found.IsSame,
        ["onlyInFirst"] = new JsonArray([.. found.OnlyInFirst.Select(name => (JsonNode)name)]),
        ["onlyInSecond"] = new JsonArray([.. found.OnlyInSecond.Select(name => (JsonNode)name)]),
        ["tensors"] = new JsonArray([.. found.Tensors.Select(x => new JsonObject
        {
            ["name"] = x.Name,
            ["shapes"] = new JsonArray(SizesOf(x.A), SizesOf(x.B)),
            ["dtypes"] = new JsonArray(x.A.ElementType.Name(), x.B.ElementType.Name()),
            ["different"] = x.Numbers?.Different,
            ["largest"] = x.Numbers is { } n ? ValueText.Json(n.Largest) : null,
            ["at"] = x.Numbers is { At: >= 0 } m ? new JsonArray([.. CheckpointDifference.Index(x.A, m.At).Select(i => (JsonNode)i)]) : null,
            ["first"] = x.Numbers is { At: >= 0 } p ? ValueText.Json(CheckpointDifference.Number(x.A, p.At, p.A)) : null,
            ["second"] = x.Numbers is { At: >= 0 } q ? ValueText.Json(CheckpointDifference.Number(x.B, q.At, q.B)) : null,
        })]),
        ["values"] = new JsonArray([.. found.Values.Select(x => new JsonObject { ["name"] = x.Name, ["first"] = ValueText.Json(x.A), ["second"] = ValueText.Json(x.B), ["kinds"] = new JsonArray(ValueText.JsonKind(x.A), ValueText.JsonKind(x.B)) })]),
        ["sameTensors"] = found.SameTensors,
        ["sameValues"] = found.SameValues,
    };

    static JsonArray SizesOf(TensorData tensor) => [.. tensor.Shape.ToArray().Select(size => (JsonNode)size)];
}
