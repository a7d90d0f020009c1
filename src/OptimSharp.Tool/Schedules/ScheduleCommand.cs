using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using OptimSharp.Schedulers;

namespace OptimSharp.Tool;

/// <summary><c>schedule</c>: a schedule looked at before, or after, a training.</summary>
static class ScheduleCommand
{
    /// <summary>Each takes memory for its rates.</summary>
    public const int MostSteps = 10_000_000;

    const int UsualSteps = 100;

    public static Command Make(Screen screen)
    {
        var what = new Argument<string>("schedule")
        {
            Description = "a scheduler with PyTorch's names of arguments, as \"StepLR(step_size=30)\", or a checkpoint that has one",
            HelpName = "SCHEDULE",
        };
        what.CompletionSources.Add([.. SchedulerCatalog.All.Keys.Select(name => name + "(")]);
        var rates = new Option<string?>("--lr") { Description = "the optimizer's rate; several with commas between for several groups. Default 0.1. Of a checkpoint: a rate that it does not say", HelpName = "RATE" };
        var momentum = new Option<double>("--momentum") { Description = "the optimizer's momentum, for schedules that cycle it", DefaultValueFactory = _ => 0.9, HelpName = "NUMBER" };
        var steps = new Option<int?>("--steps") { Description = "how often the scheduler is stepped, ≥ 1. Default what the schedule is planned for, else 100", HelpName = "N" };
        var group = new Option<int>("--group") { Description = "which parameter group is shown, from 0", HelpName = "N" };
        var path = new Option<string?>("--path") { Description = "which schedule of the checkpoint, as lr_schedulers[0]", HelpName = "PATH" };
        var metrics = new Option<string?>("--metrics") { Description = "a file with a number a line, for ReduceLROnPlateau: the metric of each epoch", HelpName = "FILE" };
        var png = new Option<string?>("--png") { Description = "draw it to this file", HelpName = "FILE" };
        var csv = new Option<string?>("--csv") { Description = "write step, rate and momentum to this file; - for standard output", HelpName = "FILE" };
        var strict = new Option<bool>("--strict") { Description = "end with 1 when there are findings" };
        var force = new Option<bool>("--force") { Description = "replace pictures and tables that are there" };
        var json = CommonOptions.Json();
        var command = new Command("schedule", "Draws a learning-rate schedule and says what is likely a mistake in it.") { what, rates, momentum, steps, group, path, metrics, png, csv, strict, force, json };
        command.SetAction(line => Tool.Guard(screen, () =>
        {
            string text = line.GetRequiredValue(what);
            if (line.GetValue(steps) is < 1 or > MostSteps)
                throw new ToolException($"--steps must be from 1 to {MostSteps}, but is {line.GetValue(steps)}.");
            if (line.GetValue(csv) == "-" && line.GetValue(json))
                throw new ToolException("--csv - and --json both write to standard output: give one.");
            AtomicOutput.Check(line.GetValue(png), line.GetValue(force));
            AtomicOutput.Check(line.GetValue(csv), line.GetValue(force));
            double[]? given = line.GetValue(rates) is { } list ? Rates(list) : null;
            double[]? measured = line.GetValue(metrics) is { } file ? Metrics(file) : null;
            var schedule = IsFile(text) ? ShownSchedule.OfFile(text, line.GetValue(path), given, line.GetValue(momentum)) : ShownSchedule.OfExpression(text, given ?? [0.1], line.GetValue(momentum));
            using (schedule)
            {
                var report = schedule.Report(line.GetValue(steps), UsualSteps, line.GetValue(group), measured);
                if (line.GetValue(png) is { } picture && !SchedulePicture.Save(report, schedule.Title, picture))
                    screen.Error("there is no font on this system, so that the picture has no text (on Debian: apt install fonts-dejavu-core)");
                if (line.GetValue(csv) is { } table and not "-")
                    AtomicOutput.Write(table, Csv(report));
                if (line.GetValue(csv) == "-")
                    screen.Output.Write(Csv(report));
                else if (line.GetValue(json))
                    screen.Write(Json(schedule, report));
                else
                    Show(screen, schedule, report, line.GetValue(png), line.GetValue(csv));
                return line.GetValue(strict) && report.Findings.Count > 0 ? ExitCode.No : ExitCode.Good;
            }
        }));
        return command;
    }

    /// <summary>A file that is there, or whose name is a checkpoint's; else it is an expression.</summary>
    static bool IsFile(string text) => File.Exists(text) || Directory.Exists(text)
        || !text.Contains('(', StringComparison.Ordinal) && Path.GetExtension(text).ToLowerInvariant() is ".pt" or ".pth" or ".ckpt" or ".bin" or ".tar" or ".safetensors" or ".json";

    static void Show(Screen screen, ShownSchedule schedule, ScheduleReport report, string? png, string? csv)
    {
        screen.Line(Printable.Of(schedule.Title, 300));
        foreach (string said in report.ToString().Split('\n'))
            screen.Line(said.TrimEnd());
        if (schedule.Note is { } note)
            screen.Line(note);
        if (png is not null)
            screen.Line($"wrote {Printable.Of(png)}");
        if (csv is not null)
            screen.Line($"wrote {Printable.Of(csv)}: {report.Rates.Count} steps");
    }

    static string Csv(ScheduleReport report)
    {
        bool hasMomenta = report.Momenta.Any(m => m is not null);
        var text = new StringBuilder(hasMomenta ? "step,lr,momentum\n" : "step,lr\n");
        for (int step = 0; step < report.Rates.Count; step++)
        {
            text.Append(CultureInfo.InvariantCulture, $"{step},{report.Rates[step]:R}");
            if (hasMomenta)
                text.Append(CultureInfo.InvariantCulture, $",{report.Momenta[step]:R}");
            text.Append('\n');
        }
        return text.ToString();
    }

    static JsonObject Json(ShownSchedule schedule, ScheduleReport report) => new()
    {
        ["schedule"] = schedule.Title,
        ["class"] = report.Name,
        ["plannedSteps"] = report.PlannedSteps,
        ["rates"] = new JsonArray([.. report.Rates.Select(rate => ValueText.Json(rate))]),
        ["momenta"] = report.Momenta.Any(m => m is not null) ? new JsonArray([.. report.Momenta.Select(m => m is { } number ? ValueText.Json(number) : null)]) : null,
        ["note"] = schedule.Note,
        ["findings"] = new JsonArray([.. report.Findings.Select(finding => new JsonObject { ["kind"] = finding.Kind.ToString(), ["step"] = finding.Step, ["message"] = finding.Message })]),
    };

    static double[] Rates(string text) => [.. text.Split(',').Select(part =>
        double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out double rate) && rate >= 0 && double.IsFinite(rate) ? rate : throw new ToolException($"--lr must be a number ≥ 0, but is '{part}'."))];

    static double[] Metrics(string file)
    {
        if (!File.Exists(file))
            throw new ToolException($"There is no file '{file}'.");
        var metrics = new List<double>();
        foreach (var (number, line) in File.ReadLines(file).Index())
        {
            if (string.IsNullOrWhiteSpace(line))
                continue;
            if (!double.TryParse(line, NumberStyles.Float, CultureInfo.InvariantCulture, out double metric))
                throw new ToolException($"Line {number + 1} of '{file}' should be a number, but is '{Printable.Of(line, 60)}'.");
            metrics.Add(metric);
        }
        return metrics.Count > 0 ? [.. metrics] : throw new ToolException($"'{file}' has no numbers.");
    }
}
