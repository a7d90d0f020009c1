// Every optimizer of the library trains one network, at its documented default rate and at multiples of it: a table and two pictures of how far each came.
//
//     dotnet run -c Release --project samples/OptimizerRace [-- --data FOLDER_OF_FASHION_MNIST]

using System.Globalization;
using OptimSharp;
using OptimSharp.Samples;
using Spectre.Console;
using static TorchSharp.torch;

return Options.Invoke(args, Race);

static int Race(Options options)
{
    CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
    foreach (string missing in Contenders.Missing)
        Console.WriteLine($"{missing} has no line in Contenders.cs");
    if (options.Threads is { } threads)
    {
        Execution.ThreadCount = threads;
        set_num_threads(threads);
    }
    using var stop = new CancellationTokenSource();
    Console.CancelKeyPress += (_, e) =>
    {
        e.Cancel = true; // files are closed first
        stop.Cancel();
    };

    var (training, test) = Images.Load(options.Data);
    using var images = training;
    using var testImages = test;
    var results = new Results(options);
    (Contender Contender, double Multiple, int Seed)[] runs =
        [.. from contender in options.Contenders from multiple in options.Multiples from seed in Enumerable.Range(1, options.Seeds) select (contender, multiple, seed)];
    var missingRuns = runs.Where(r => results.Read(r.Contender, r.Multiple, r.Seed) is null).ToArray();
    if (missingRuns.Length < runs.Length)
        Console.WriteLine($"{runs.Length - missingRuns.Length} of {runs.Length} runs are there already");
    if (missingRuns.Length > 0)
        WarmUp(options, training, test);
    AnsiConsole.Progress().Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn(), new RemainingTimeColumn()).Start(progress =>
    {
        var task = progress.AddTask($"{missingRuns.Length} runs", maxValue: Math.Max(1, (double)missingRuns.Length * options.Gradients));
        foreach (var (i, (contender, multiple, seed)) in missingRuns.Index())
        {
            task.Description = $"{contender.Name}, rate {contender.Rate * multiple:G3}";
            if (new Run(options, contender, multiple, seed, training, test).Go(() => task.Increment(1), stop.Token) is not { } history)
                return;
            results.Write(contender, multiple, seed, history);
            task.Value = (i + 1.0) * options.Gradients;
        }
    });
    if (stop.IsCancellationRequested)
    {
        Console.WriteLine("Interrupted. The same command goes on after the last finished run.");
        return 130;
    }

    Outcome[] outcomes = [.. from run in runs group run by (run.Contender, run.Multiple) into g select new Outcome(g.Key.Contender, g.Key.Multiple, [.. g.Select(r => results.Read(r.Contender, r.Multiple, r.Seed)!)])];
    Outcome[] best = [.. from outcome in outcomes group outcome by outcome.Contender into g select g.OrderBy(o => o.TestLoss).ThenByDescending(o => o.Accuracy).First()];
    best = [.. best.OrderByDescending(o => o.Accuracy).ThenBy(o => o.TestLoss)];
    WriteTable(best, outcomes);
    string data = options.Data is null ? "handwritten digits" : "Fashion-MNIST";
    foreach (bool bySecond in new[] { false, true })
    {
        string picture = Path.Combine(options.Output.FullName, $"optimizer-race-{(bySecond ? "seconds" : "gradients")}.png");
        Chart.Save([.. best.OrderBy(o => o.Course.Last().Loss)], bySecond, $"{options.Gradients} gradients of {options.BatchSize} {data}, each at its best rate", picture);
        Console.WriteLine($"picture  {picture}");
    }
    Console.WriteLine($"test accuracy  {best[0].Contender.Name} {best[0].Accuracy:F4}");
    return 0;
}

// What is compiled, loaded and allocated once is in no contender's time.
static void WarmUp(Options options, Images training, Images test)
{
    foreach (var contender in options.Contenders)
        new Run(options with { Gradients = 25 }, contender, 1, 1, training, test).Go(() => { }, CancellationToken.None);
}

static void WriteTable(Outcome[] best, Outcome[] outcomes)
{
    var table = new Table().MinimalBorder();
    table.AddColumn(new TableColumn("optimizer").NoWrap());
    foreach (string heading in new[] { "accuracy", "loss", "rate", "×", "at × 1", "ms", "bytes" })
        table.AddColumn(new TableColumn(heading).RightAligned().NoWrap());
    foreach (var outcome in best)
    {
        var atDefault = outcomes.FirstOrDefault(o => o.Contender == outcome.Contender && o.Multiple == 1);
        table.AddRow(outcome.Contender.Name, $"{outcome.Accuracy:F4}", outcome.TestLoss < 100 ? $"{outcome.TestLoss:F4}" : $"{outcome.TestLoss:G2}", $"{outcome.Rate:G3}", $"{outcome.Multiple:G3}", atDefault is null ? "" : $"{atDefault.Accuracy:F4}",
            outcome.StepMilliseconds < 10 ? $"{outcome.StepMilliseconds:F3}" : $"{outcome.StepMilliseconds:F1}", outcome.StateBytes < 100 ? $"{outcome.StateBytes:F1}" : $"{outcome.StateBytes:F0}");
    }
    AnsiConsole.Write(table);
    Console.WriteLine("accuracy, loss: of the test images. rate: that of the lowest loss, so often (×) the documented default, whose accuracy follows. ms: of a step, without the gradient. bytes: of state, a parameter.");
}
