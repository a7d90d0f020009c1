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
            var plan = Plan.Of(model, planned, kept);
            if (line.GetValue(json))
                screen.Write(Json(opened, model, plan));
            else
                Show(screen, opened, model, plan);
            return ExitCode.Good;
        }));
        return command;
    }

    static void Show(Screen screen, OpenedCheckpoint opened, ModelShapes model, Plan plan)
    {
        var any = plan.Rows[0].Report;
        screen.Line($"{Printable.Of(opened.Name)}: {Sizes.Count(model.Parameters.Count)} parameters, {Sizes.Count(model.Count)} numbers; {Sizes.Text(any.ParameterBytes)} in {string.Join(", ", model.Parameters.Select(p => p.Type.Name()).Distinct())}, gradients {Sizes.Text(any.GradientBytes)}");
        if (model.LeftOut.Count > 0)
            screen.Line($"not trained: {Listed(model.LeftOut.Select(name => Printable.Of(name, 60)))}");
        if (model.Tied.Count > 0)
            screen.Line($"tied, counted once: {Listed(model.Tied.Select(t => $"{Printable.Of(t.Name, 60)} is {Printable.Of(t.Of, 60)}"))}");
        foreach (string left in plan.LeftOut)
            screen.Line($"left out: {left}");
        var table = Tables.New(["optimizer", "state in"], ["state", "all", "a step moves"]);
        string before = "";
        foreach (var row in plan.Rows)
        {
            string most = row.Report.IsUpperBound ? "≤ " : "";
            table.AddRow(Tables.Text(row.Optimizer == before ? "" : row.Optimizer), Tables.Text(row.Precision.ToString().ToLowerInvariant()), Tables.Text(most + Sizes.Text(row.Report.StateBytes)), Tables.Text(most + Sizes.Text(row.Report.TotalBytes)), Tables.Text(most + Sizes.Text(row.Moved)));
            before = row.Optimizer;
        }
        screen.Write(table);
    }

    static JsonObject Json(OpenedCheckpoint opened, ModelShapes model, Plan plan) => new()
    {
        ["file"] = opened.Name,
        ["parameters"] = model.Parameters.Count,
        ["numbers"] = model.Count,
        ["tied"] = new JsonArray([.. model.Tied.Select(t => new JsonObject { ["name"] = t.Name, ["of"] = t.Of })]),
        ["notTrained"] = new JsonArray([.. model.LeftOut.Select(name => (JsonNode)name)]),
        ["leftOut"] = new JsonArray([.. plan.LeftOut.Select(left => (JsonNode)left)]),
        ["plans"] = new JsonArray([.. plan.Rows.Select(row => new JsonObject
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

    static string Listed(IEnumerable<string> names) => $"{string.Join(", ", names.Take(6))}{(names.Count() > 6 ? $", and {names.Count() - 6} more" : "")}";
}
