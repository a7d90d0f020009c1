// A small GPT on the characters of this repository's documentation: Muon and AdamW as one optimizer, groups by name, a schedule, clipping and averages in one step, checkpoints.
//
//     dotnet run -c Release --project samples/CharacterGpt

using System.Globalization;
using OptimSharp;
using OptimSharp.Samples;
using Spectre.Console;
using static TorchSharp.torch;

return Options.Invoke(args, Run);

static int Run(Options options)
{
    CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
    Execution.ThreadCount = options.Threads;
    set_num_threads(options.Threads);
    using var stop = new CancellationTokenSource();
    Console.CancelKeyPress += (_, e) =>
    {
        e.Cancel = true; // the step is finished and saved first
        stop.Cancel();
    };

    using var corpus = new Corpus(Gpt.Context);
    using var run = new Training(options, corpus);
    using var checkpoints = new CheckpointDirectory(options.Checkpoints.FullName, new() { KeepLast = 2, Name = "gpt" });
    if (options.Resume && checkpoints.LoadLatest() is { } saved && run.LoadStateDict(saved) is { } other)
    {
        Console.Error.WriteLine($"{checkpoints.Path} has another run: {other}. Choose the same, another folder with --checkpoints, or --resume false.");
        return 1;
    }
    if (run.Points.Count == 0)
        Clear(checkpoints);
    Console.WriteLine(run.Audit);
    Console.WriteLine();
    Console.WriteLine($"{corpus.Length:N0} characters, {corpus.Characters} different ones; the last tenth is held out");
    if (run.Points.Count > 0)
        Console.WriteLine($"goes on after step {run.Points.Count} of {options.Steps}");

    Train(run, options, checkpoints, stop.Token);
    if (run.Points.Count < options.Steps)
    {
        Console.WriteLine($"Interrupted and saved after step {run.Points.Count} of {options.Steps}. The same command goes on from there.");
        return 130;
    }

    double loss = run.Evaluate();
    Chart.Save(run, options.Output.FullName);
    Clear(checkpoints); // done: the next run begins anew
    Console.WriteLine(run.Write("# ", 400));
    Console.WriteLine();
    Console.WriteLine($"picture  {options.Output.FullName}");
    Console.WriteLine($"held-out loss  {loss:F4} nats a character, {loss / Math.Log(2):F4} bits a character");
    return 0;
}

static void Train(Training run, Options options, CheckpointDirectory checkpoints, CancellationToken stop) =>
    AnsiConsole.Progress().Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn(), new RemainingTimeColumn()).Start(progress =>
    {
        var task = progress.AddTask("loss", maxValue: options.Steps);
        task.Value = run.Points.Count;
        while (run.Points.Count < options.Steps && !stop.IsCancellationRequested)
        {
            task.Description = $"loss {run.Step():F3}";
            task.Value = run.Points.Count;
            if (run.IsAtMark)
                checkpoints.Save(run.Points.Count, run.StateDict());
        }
        if (run.Points.Count < options.Steps)
            checkpoints.Save(run.Points.Count, run.StateDict());
    });

static void Clear(CheckpointDirectory checkpoints)
{
    foreach (var checkpoint in checkpoints.Checkpoints)
        File.Delete(checkpoint.Path);
}
