using System.Globalization;
using OptimSharp;
using OptimSharp.Schedulers;
using OptimSharp.TensorBoard;
using OptimSharp.Torch;
using Spectre.Console;
using static TorchSharp.torch;

/// <summary>What was chosen on the command line.</summary>
record Settings(int Epochs, int BatchSize, double LearningRate, int Seed, string Output);

static class Training
{
    public static int Run(Settings settings)
    {
        manual_seed(settings.Seed);
        using var training = Examples.Load(heldOut: false);
        using var heldOut = Examples.Load(heldOut: true);
        using var model = new Network();
        using var optimizer = new AdamW(model.Parameters(), new() { LearningRate = settings.LearningRate, WeightDecay = 0.01 });
        int steps = (training.Count + settings.BatchSize - 1) / settings.BatchSize; // an epoch
        var scheduler = new CosineAnnealingLR(optimizer, tMax: settings.Epochs * steps);
        var step = new TrainingStep(optimizer, new() { MaxNorm = 1, Schedulers = [scheduler] });

        // Where an interrupted run stopped, this one goes on, to the same bits.
        using var checkpoints = new CheckpointDirectory(Path.Combine(settings.Output, "checkpoints"), new() { KeepLast = 2, KeepBest = 1, HigherIsBetter = true });
        string chosen = (settings with { Output = "" }).ToString(); // the folder may be moved
        int epoch = 0;
        if (checkpoints.LoadLatest() is { } saved)
        {
            if (saved.GetString("settings") != chosen)
            {
                Console.Error.WriteLine($"{settings.Output} has a run with other settings, {saved.GetString("settings")}: choose these, or another --output.");
                return 1;
            }
            model.LoadStateDict(saved.GetDict("model"));
            optimizer.LoadStateDict(saved.GetDict("optimizer"));
            scheduler.LoadStateDict(saved.GetDict("scheduler"));
            epoch = (int)saved.GetInt64("epoch");
            Console.WriteLine($"goes on after epoch {epoch}");
        }

        using var log = new SummaryWriter(settings.Output, new() { PurgeStep = epoch == 0 ? null : (long)epoch * steps });
        AnsiConsole.Progress().Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn()).Start(progress =>
        {
            var task = progress.AddTask($"training on {training.Count} examples", maxValue: settings.Epochs * steps);
            task.Value = epoch * steps;
            while (epoch < settings.Epochs)
            {
                manual_seed(settings.Seed * 7919 + epoch); // each epoch has random numbers of its own, so that a run that goes on has the same
                model.train();
                long at = (long)epoch * steps;
                foreach (var (input, target) in training.Batches(settings.BatchSize, seed: settings.Seed * 7919 + epoch))
                {
                    using var scope = NewDisposeScope();
                    var loss = nn.functional.cross_entropy(model.forward(input), target);
                    loss.backward();
                    var report = step.Step();
                    log.AddScalar("loss/training", loss.item<float>(), at);
                    log.AddStep(report, optimizer, at++);
                    task.Increment(1);
                }
                epoch++;
                double accuracy = Accuracy(model, heldOut);
                log.AddScalar("accuracy/test", accuracy, at - 1);
                log.Flush(); // so that the log has all that the checkpoint has
                checkpoints.Save(epoch, new()
                {
                    { "settings", chosen },
                    { "model", model.StateDict() },
                    { "optimizer", optimizer.StateDict() },
                    { "scheduler", scheduler.StateDict() },
                    { "epoch", epoch },
                }, metric: accuracy);
            }
        });

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"test accuracy {Accuracy(model, heldOut):F4}"));
        Console.WriteLine($"checkpoints and log: {settings.Output}");
        return 0;
    }

    static double Accuracy(Network model, Examples examples)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        model.eval();
        return model.forward(examples.Inputs).argmax(1).eq(examples.Targets).to_type(ScalarType.Float64).mean().item<double>();
    }
}
