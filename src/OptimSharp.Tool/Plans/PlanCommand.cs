using System.CommandLine;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace OptimSharp.Tool;

/// <summary><c>plan</c>: what optimizers would take for a model.</summary>
static class PlanCommand
{
    static readonly string[] usual = ["AdamW", "SGD(momentum=0.9)", "Lion", "Adafactor", "Muon"];

    static readonly StatePrecision[] usualPrecisions = [StatePrecision.Compute, StatePrecision.BFloat16, StatePrecision.Dynamic8, StatePrecision.Linear4];

    public static Command Make(Screen screen)
    {
        var file = OpenedCheckpoint.Argument();
        var optimizers = new Option<string[]>("--optimizer") { Description = $"an optimizer, with options or without: AdamW, \"SGD(momentum=0.9)\"; may be given several times. Default {string.Join(", ", usual)}", HelpName = "NAME" };
        optimizers.CompletionSources.Add([.. PlannedOptimizer.All.Keys]);
        var precisions = new Option<string?>("--precision") { Description = $"precisions of state, with commas between: {string.Join(", ", Enum.GetNames<StatePrecision>().Select(name => name.ToLowerInvariant()))}", HelpName = "LIST" };
        var dtype = new Option<string?>("--dtype") { Description = "the type that parameters are trained in; default the file's", HelpName = "TYPE" };
        var exclude = new Option<string[]>("--exclude") { Description = "tensors that are not trained, by a pattern with * and ?", HelpName = "PATTERN", DefaultValueFactory = _ => [] };
        var path = CommonOptions.Path();
        var json = CommonOptions.Json();
        var command = new Command("plan", "Memory that optimizers take for a model's shapes, and the bytes that a step moves, by precision of state.") { file, optimizers, precisions, dtype, exclude, path, json };
        command.SetAction(line => Tool.Guard(screen, () =>
        {
            var planned = (line.GetValue(optimizers) is { Length: > 0 } given ? given : usual).Select(PlannedOptimizer.Parse).ToArray();
            var kept = line.GetValue(precisions) is { } list ? Precisions(list) : usualPrecisions;
            ElementType? type = line.GetValue(dtype) is { } name ? ElementTypeNames.ParseFloat(name) : null;
            if (type is { } trained && !(trained is ElementType.Float32 or ElementType.Float64 or ElementType.Float16 or ElementType.BFloat16))
                throw new ToolException($"Parameters are trained in float32, float64, float16 or bfloat16, but not in {trained.Name()}.");
            var opened = OpenedCheckpoint.Open(line.GetRequiredValue(file));
            var model = ModelShapes.Of(line.GetValue(path) is { } place ? StateSearch.At(opened, place) : StateSearch.FindModel(opened).Model, type, line.GetValue(exclude)!);
            if (model.Parameters.Count == 0)
                throw new ToolException($"'{opened.Name}' has no parameters.");
            var rows = planned.SelectMany(optimizer => kept.Select(precision => new Row(optimizer.Title, precision, optimizer.Report(model, precision)))).ToList();
            if (line.GetValue(json))
                screen.Write(Json(opened, model, rows));
            else
                Show(screen, opened, model, rows);
            return ExitCode.Good;
        }));
        return command;
    }

    static void Show(Screen screen, OpenedCheckpoint opened, ModelShapes model, List<Row> rows)
    {
        var any = rows[0].Report;
        screen.Line($"{Printable.Of(opened.Name)}: {Sizes.Count(model.Parameters.Count)} parameters, {Sizes.Count(model.Count)} numbers; {Sizes.Text(any.ParameterBytes)} in {string.Join(", ", model.Parameters.Select(p => p.Type.Name()).Distinct())}, gradients {Sizes.Text(any.GradientBytes)}");
        if (model.LeftOut.Count > 0)
            screen.Line($"not trained: {string.Join(", ", model.LeftOut.Take(6).Select(name => Printable.Of(name, 60)))}{(model.LeftOut.Count > 6 ? $", and {model.LeftOut.Count - 6} more" : "")}");
        var table = Tables.New(["optimizer", "state in"], ["state", "all", "a step moves"]);
        string before = "";
        foreach (var row in rows)
        {
            string most = row.Report.IsUpperBound ? "≤ " : "";
            table.AddRow(Tables.Text(row.Optimizer == before ? "" : row.Optimizer), Tables.Text(row.Precision.ToString().ToLowerInvariant()), Tables.Text(most + Sizes.Text(row.Report.StateBytes)), Tables.Text(most + Sizes.Text(row.Report.TotalBytes)), Tables.Text(most + Sizes.Text(row.Moved)));
            before = row.Optimizer;
        }
        screen.Write(table);
    }

    static JsonObject Json(OpenedCheckpoint opened, ModelShapes model, List<Row> rows) => new()
    {
        ["file"] = opened.Name,
        ["parameters"] = model.Parameters.Count,
        ["numbers"] = model.Count,
        ["notTrained"] = new JsonArray([.. model.LeftOut.Select(name => (JsonNode)name)]),
        ["plans"] = new JsonArray([.. rows.Select(row => new JsonObject
        {
            ["optimizer"] = row.Optimizer,
            ["precision"] = row.Precision.ToString().ToLowerInvariant(),
            ["parameterBytes"] = row.Report.ParameterBytes,
            ["gradientBytes"] = row.Report.GradientBytes,
            ["stateBytes"] = row.Report.StateBytes,
            ["totalBytes"] = row.Report.TotalBytes,
            ["movedBytes"] = row.Moved,
            ["isUpperBound"] = row.Report.IsUpperBound,
        })]),
    };

    static StatePrecision[] Precisions(string list) => [.. list.Split(',').Select(name =>
        Enum.GetValues<StatePrecision>().Where(p => p.ToString().Equals(name.Trim(), StringComparison.OrdinalIgnoreCase)).Select(p => (StatePrecision?)p).FirstOrDefault()
            ?? throw new ToolException($"There is no precision '{name}'; there are: {string.Join(", ", Enum.GetNames<StatePrecision>().Select(n => n.ToLowerInvariant()))}."))];

    /// <param name="Optimizer">What it is called.</param>
    /// <param name="Precision">How state is kept.</param>
    /// <param name="Report">What it takes.</param>
    sealed record Row(string Optimizer, StatePrecision Precision, MemoryReport Report)
    {
        /// <summary>Parameters and state are read and written, gradients are read: once each, which is all that an elementwise optimizer does.</summary>
        public long Moved => 2 * Report.ParameterBytes + Report.GradientBytes + 2 * Report.StateBytes;
    }
}
