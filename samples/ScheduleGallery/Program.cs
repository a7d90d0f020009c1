using System.CommandLine;
using System.Globalization;
using OptimSharp;
using OptimSharp.Samples;
using OptimSharp.Schedulers;
using Spectre.Console;

var steps = new Option<int>("--steps") { Description = "how many steps to show, ≥ 2", DefaultValueFactory = _ => 100 };
steps.Validators.Add(result =>
{
    if (result.GetValue(steps) < 2)
        result.AddError("--steps must be ≥ 2.");
});
var output = new Option<FileInfo>("--output") { Description = "where the picture goes", DefaultValueFactory = _ => new("schedules.png") };
var show = new Option<string?>("--show") { Description = "draw one schedule in the terminal, by its name, with what is likely a mistake in it" };
show.AcceptOnlyFromAmong([.. Gallery.Schedules.Select(s => s.Name)]);
var command = new RootCommand("Draws every learning-rate schedule of OptimSharp.") { steps, output, show };
command.SetAction(result =>
{
    if (result.GetValue(show) is { } name)
        Show(Gallery.Schedules.Single(s => s.Name == name), result.GetValue(steps));
    else
        ShowAll(result.GetValue(steps), result.GetRequiredValue(output));
});
return command.Parse(args).Invoke();

static void ShowAll(int steps, FileInfo output)
{
    var runs = Gallery.Schedules.Select(s => (Schedule: s, Run: s.Run(steps))).Select(s => (s.Schedule, s.Run.Rates, s.Run.Momenta)).ToArray();
    var table = new Table().Border(TableBorder.Rounded).AddColumn(new TableColumn("schedule").NoWrap());
    foreach (string place in new[] { "first", "middle", "last" })
        table.AddColumn(new TableColumn(place).RightAligned().NoWrap());
    table.AddColumn(new TableColumn("curve").NoWrap());
    foreach (var (schedule, rates, momenta) in runs)
    {
        AddRow(table, schedule.Name, rates);
        if (momenta.Any(m => m != momenta[0]))
            AddRow(table, "  its momentum", momenta);
    }
    AnsiConsole.Write(table);
    output.Directory?.Create();
    if (!Picture.Save(runs, output.FullName))
        AnsiConsole.MarkupLine("[yellow]There is no font on this system: the picture has no text (on Debian: apt install fonts-dejavu-core).[/]");
    AnsiConsole.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"picture: {output.FullName}");
}

static void AddRow(Table table, string name, double[] values)
{
    string[] cells = [.. new[] { values[0], values[values.Length / 2], values[^1] }.Select(v => v.ToString("0.0####", CultureInfo.InvariantCulture))];
    table.AddRow([name, .. cells, Sparkline(values)]);
}

static void Show(Schedule schedule, int steps)
{
    Console.WriteLine(schedule.Code);
    using var optimizer = new SGD([Parameter.Of("w", new float[1])], new() { LearningRate = 0.1, Momentum = 0.9 });
    var report = schedule.Make(optimizer) is ReduceLROnPlateau
        ? ScheduleReport.Of(schedule.Name, step => schedule.Run(steps).Rates[step], steps)
        : ScheduleReport.Of(schedule.Make(optimizer), steps);
    Console.WriteLine(report);
}

static string Sparkline(double[] values)
{
    const string Blocks = "▁▂▃▄▅▆▇█";
    const int Width = 16;
    double highest = Math.Max(values.Max(), double.Epsilon);
    return string.Concat(Enumerable.Range(0, Width).Select(i => Blocks[(int)Math.Round(values[i * (values.Length - 1) / (Width - 1)] / highest * (Blocks.Length - 1))]));
}
