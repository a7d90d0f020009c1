using System.Globalization;
using OptimSharp;
using OptimSharp.Samples;
using Spectre.Console;

return Options.Invoke(args, Run);

static int Run(Options options)
{
    using var checkpoints = new CheckpointDirectory(options.Checkpoints.FullName, new() { KeepLast = 2, Name = "swa" });
    var saved = options.Restart ? null : checkpoints.LoadLatest();
    if (saved is not null && saved.GetString("settings") is var settings && settings != options.Settings)
    {
        Console.Error.WriteLine($"{checkpoints.Path} has a run with {settings}, but this one is with {options.Settings}: choose the same, or another folder, or --restart.");
        return 1;
    }
    using var stop = new CancellationTokenSource();
    Console.CancelKeyPress += (_, e) =>
    {
        e.Cancel = true; // the step is finished first
        stop.Cancel();
    };

    var (training, test) = Images.Load(options.Data);
    using var run = new Training(options, training, test);
    if (saved is not null)
    {
        run.LoadStateDict(saved);
        AnsiConsole.MarkupLineInterpolated($"goes on after epoch {run.History.Count}");
    }
    AnsiConsole.Progress().Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn(), new RemainingTimeColumn()).Start(progress =>
    {
        var task = progress.AddTask($"{training.Count} images", maxValue: (double)options.Epochs * run.StepsPerEpoch);
        task.Value = run.History.Count * run.StepsPerEpoch;
        while (run.History.Count < options.Epochs && run.Run(() => task.Increment(1), stop.Token))
            checkpoints.Save(run.History.Count, run.StateDict());
    });
    if (run.History.Count < options.Epochs)
    {
        Console.WriteLine($"Interrupted after epoch {run.History.Count} of {options.Epochs}. The same command goes on from there.");
        return 130;
    }

    string data = options.Data is null ? "handwritten digits" : "Fashion-MNIST";
    WriteTable(run.History);
    Chart.Save(run.History, options.Output.FullName, $"SGD on {data}");
    foreach (var checkpoint in checkpoints.Checkpoints) // done: the next run begins anew
        File.Delete(checkpoint.Path);
    var end = run.History[^1];
    AnsiConsole.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"picture  {options.Output.FullName}");
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"test accuracy on {data}: last weights {end.Last:F4}, SWA {end.Swa:F4}, EMA {end.Ema:F4}"));
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"SWA gains {end.Swa - end.Last:F4}"));
    return 0;
}

static void WriteTable(IEnumerable<Epoch> history)
{
    var table = new Table().RoundedBorder();
    foreach (string heading in new[] { "epoch", "learning rate", "loss", "last weights", "SWA", "EMA" })
        table.AddColumn(new TableColumn(heading).RightAligned());
    foreach (var epoch in history)
    {
        table.AddRow(
            epoch.Number.ToString(CultureInfo.InvariantCulture),
            epoch.LearningRate.ToString("G3", CultureInfo.InvariantCulture),
            epoch.Loss.ToString("F4", CultureInfo.InvariantCulture),
            epoch.Last.ToString("F4", CultureInfo.InvariantCulture),
            epoch.Swa?.ToString("F4", CultureInfo.InvariantCulture) ?? "",
            epoch.Ema.ToString("F4", CultureInfo.InvariantCulture));
    }
    AnsiConsole.Write(table);
}
