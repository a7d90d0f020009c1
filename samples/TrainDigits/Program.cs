using System.Globalization;
using OptimSharp;
using OptimSharp.Samples;
using OptimSharp.Schedulers;
using OptimSharp.TensorBoard;
using OptimSharp.Torch;
using Spectre.Console;
using static TorchSharp.torch;

return Options.Invoke(args, Train);

static int Train(Options options)
{
    using var checkpoints = options.Resume ? new CheckpointDirectory(options.Checkpoints.FullName, new() { KeepLast = 2, Name = "digits" }) : null;
    var saved = checkpoints?.LoadLatest();
    if (saved is not null && saved.GetString("settings") is var settings && settings != options.Settings)
    {
        Console.Error.WriteLine($"{checkpoints!.Path} has a run with {settings}, but this one is with {options.Settings}: choose the same, or another folder with --checkpoints.");
        return 1;
    }

    if (options.Threads is { } threads)
    {
        Execution.ThreadCount = threads;
        set_num_threads(threads);
    }
    manual_seed(options.Seed);

    var (training, heldOut) = Digits.Load();
    using var images = ToTensor(training);
    using var labels = tensor(training.Labels);
    using var testImages = ToTensor(heldOut);
    using var testLabels = tensor(heldOut.Labels);

    using var model = new Network();
    using var optimizer = MakeOptimizer(options, model.Parameters());
    if (options.FindRate)
        return FindRate(options, model, optimizer, images, labels);
    int batches = (training.Count + options.BatchSize - 1) / options.BatchSize;
    var scheduler = new CosineAnnealingLR(optimizer, tMax: options.Epochs * batches);
    var step = new TrainingStep(optimizer, new() { Schedulers = [scheduler], Statistics = options.Log is not null });
    var history = new List<Epoch>();
    if (saved is not null)
    {
        model.LoadStateDict(saved.GetDict("model"));
        optimizer.LoadStateDict(saved.GetDict("optimizer"));
        scheduler.LoadStateDict(saved.GetDict("scheduler"));
        history.AddRange(saved.GetDicts("history").Select((e, i) => new Epoch(i + 1, e.GetDouble("loss"), e.GetDouble("accuracy"), e.GetDouble("lr"))));
        AnsiConsole.MarkupLineInterpolated($"goes on after epoch {history.Count}");
    }

    string run = Path.Combine(options.Log?.FullName ?? "", options.Optimizer);
    using var log = options.Log is null ? null : new SummaryWriter(run, new() { PurgeStep = saved is null ? null : (long)history.Count * batches });
    log?.AddHyperparameters(new Dictionary<string, object?> { ["optimizer"] = options.Optimizer, ["rate"] = optimizer.ParameterGroups[0].InitialLearningRate, ["batch size"] = options.BatchSize, ["seed"] = options.Seed }, "accuracy/test");

    AnsiConsole.Progress().Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn()).Start(progress =>
    {
        var task = progress.AddTask($"{options.Optimizer} on {training.Count} digits", maxValue: options.Epochs * batches);
        task.Value = history.Count * batches;
        long steps = (long)history.Count * batches;
        for (int epoch = history.Count + 1; epoch <= options.Epochs; epoch++)
        {
            manual_seed(options.Seed * 7919 + epoch); // each epoch its own random numbers: a run that goes on has the same
            var shuffle = new System.Random(options.Seed * 7919 + epoch);
            double rate = optimizer.ParameterGroups[0].LearningRate, sum = 0;
            int[] order = [.. Enumerable.Range(0, training.Count)];
            shuffle.Shuffle(order);
            model.train();
            foreach (int[] batch in order.Chunk(options.BatchSize))
            {
                using var scope = NewDisposeScope();
                var index = tensor(batch.Select(i => (long)i).ToArray());
                var loss = nn.functional.cross_entropy(model.forward(images[index]), labels[index]);
                loss.backward();
                var report = step.Step();
                sum += loss.item<float>() * batch.Length;
                log?.AddScalar("loss/training", loss.item<float>(), steps);
                log?.AddStep(report, optimizer, steps++);
                task.Increment(1);
            }
            history.Add(new(epoch, sum / training.Count, Accuracy(model, testImages, testLabels), rate));
            if (log is not null)
            {
                log.AddScalar("accuracy/test", history[^1].TestAccuracy, steps - 1); // of the last step that was taken
                foreach (var (name, weights) in model.StateDict())
                    log.AddHistogram($"weights/{name}", (TensorData)weights!, steps - 1);
                log.Flush(); // a run that goes on from the checkpoint has all steps before it in its log
            }
            checkpoints?.Save(epoch, new()
            {
                { "settings", options.Settings },
                { "model", model.StateDict() },
                { "optimizer", optimizer.StateDict() },
                { "scheduler", scheduler.StateDict() },
                { "history", history.Select(e => new StateDict { { "loss", e.Loss }, { "accuracy", e.TestAccuracy }, { "lr", e.LearningRate } }) },
            });
        }
    });

    WriteTable(history);
    Chart.Save(history, options.Output.FullName, options.Optimizer);
    if (log is not null)
    {
        log.AddImage("run", File.ReadAllBytes(options.Output.FullName));
        log.Flush();
        string drawn = Path.ChangeExtension(options.Output.FullName, null) + "-log.png";
        LogChart.Save(run, drawn);
        AnsiConsole.MarkupLineInterpolated($"log           {run}, drawn: {drawn}");
    }
    foreach (var checkpoint in checkpoints?.Checkpoints ?? []) // done: the next run begins anew
        File.Delete(checkpoint.Path);
    AnsiConsole.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"picture       {options.Output.FullName}");
    AnsiConsole.WriteLine(string.Create(CultureInfo.InvariantCulture, $"test accuracy {history[^1].TestAccuracy:F4}"));
    return 0;
}

static int FindRate(Options options, Network model, Optimizer optimizer, Tensor images, Tensor labels)
{
    model.train();
    var shuffle = new System.Random(options.Seed);
    var curve = model.FindLearningRate(optimizer, () =>
    {
        using var scope = NewDisposeScope();
        var index = tensor(Enumerable.Range(0, options.BatchSize).Select(_ => shuffle.NextInt64(labels.shape[0])).ToArray());
        optimizer.ZeroGrad();
        var loss = nn.functional.cross_entropy(model.forward(images[index]), labels[index]);
        loss.backward();
        optimizer.Step();
        return loss.item<float>();
    }, new() { StartRate = 1e-4, EndRate = 1, Smoothing = 0.9 });
    Console.WriteLine(curve);
    RateChart.Save(curve, options.Output.FullName);
    AnsiConsole.MarkupLineInterpolated($"picture {options.Output.FullName}");
    return 0;
}

static Optimizer MakeOptimizer(Options options, IReadOnlyList<TorchParameter> parameters) => options.Optimizer switch
{
    "sgd" => new SGD(parameters, new() { LearningRate = options.LearningRate ?? 0.05, Momentum = options.Momentum, WeightDecay = 5e-4 }),
    "adam" => new Adam(parameters, new() { LearningRate = options.LearningRate ?? 2e-3 }),
    _ => new AdamW(parameters, new() { LearningRate = options.LearningRate ?? 2e-3 }),
};

static Tensor ToTensor(Digits digits) => tensor(digits.Images).reshape(digits.Count, 1, 8, 8);

static double Accuracy(Network model, Tensor images, Tensor labels)
{
    using var scope = NewDisposeScope();
    using var _ = no_grad();
    model.eval();
    return model.forward(images).argmax(1).eq(labels).to_type(ScalarType.Float64).mean().item<double>();
}

static void WriteTable(List<Epoch> history)
{
    var table = new Table().RoundedBorder();
    foreach (string heading in new[] { "epoch", "loss", "test accuracy", "learning rate" })
        table.AddColumn(new TableColumn(heading).RightAligned());
    foreach (var epoch in history)
    {
        table.AddRow(
            epoch.Number.ToString(CultureInfo.InvariantCulture),
            epoch.Loss.ToString("F4", CultureInfo.InvariantCulture),
            epoch.TestAccuracy.ToString("F4", CultureInfo.InvariantCulture),
            epoch.LearningRate.ToString("G3", CultureInfo.InvariantCulture));
    }
    AnsiConsole.Write(table);
}
