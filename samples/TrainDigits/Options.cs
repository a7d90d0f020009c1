using System.CommandLine;
using System.CommandLine.Parsing;

namespace OptimSharp.Samples;

/// <summary>What can be chosen on the command line.</summary>
public sealed record Options(string Optimizer, double? LearningRate, double Momentum, int Epochs, int BatchSize, int Seed, int? Threads, bool Resume, DirectoryInfo Checkpoints, FileInfo Output, DirectoryInfo? Log, bool FindRate)
{
    /// <summary>What a checkpoint must have in common with a run that goes on from it.</summary>
    public string Settings => FormattableString.Invariant($"--optimizer {Optimizer} --learning-rate {LearningRate} --momentum {Momentum} --epochs {Epochs} --batch-size {BatchSize} --seed {Seed}");

    /// <summary>Reads the command line and runs the program with what it says.</summary>
    /// <returns>The exit code.</returns>
    public static int Invoke(string[] args, Func<Options, int> run)
    {
        var optimizer = new Option<string>("--optimizer") { Description = "sgd, adam or adamw", DefaultValueFactory = _ => "sgd" };
        optimizer.AcceptOnlyFromAmong("sgd", "adam", "adamw");
        var learningRate = new Option<double?>("--learning-rate") { Description = "the rate to start from, ≥ 0 [default: 0.05 for sgd, else 0.002]" };
        var momentum = new Option<double>("--momentum") { Description = "SGD's momentum, ≥ 0; Adam's β₁ stays 0.9", DefaultValueFactory = _ => 0.9 };
        var epochs = new Option<int>("--epochs") { Description = "how often to go through the digits, ≥ 1", DefaultValueFactory = _ => 25 };
        var batchSize = new Option<int>("--batch-size") { Description = "digits a step, ≥ 1", DefaultValueFactory = _ => 32 };
        var seed = new Option<int>("--seed") { Description = "the same seed gives the same result", DefaultValueFactory = _ => 1 };
        var threads = new Option<int?>("--threads") { Description = "threads to use, ≥ 1 [default: all processors]" };
        var resume = new Option<bool>("--resume") { Description = "save after each epoch, and go on from what an interrupted run saved" };
        var checkpoints = new Option<DirectoryInfo>("--checkpoints") { Description = "where --resume saves", DefaultValueFactory = _ => new("train-digits-checkpoints") };
        var output = new Option<FileInfo>("--output") { Description = "where the picture of the run goes", DefaultValueFactory = _ => new("train-digits.png") };
        var log = new Option<DirectoryInfo?>("--log") { Description = "a folder for a log that TensorBoard shows; what was logged is drawn from it, too" };
        var findRate = new Option<bool>("--find-rate") { Description = "find a learning rate by a range test, and draw it, instead of training" };
        foreach (var count in new Option<int>[] { epochs, batchSize })
            count.Validators.Add(result => AtLeast(result, result.GetValue(count), 1));
        threads.Validators.Add(result => AtLeast(result, result.GetValue(threads) ?? 1, 1));
        momentum.Validators.Add(result => AtLeast(result, result.GetValue(momentum), 0));
        learningRate.Validators.Add(result => AtLeast(result, result.GetValue(learningRate) ?? 0, 0));

        var command = new RootCommand("Trains a convolutional network on 1,797 handwritten digits.")
        {
            optimizer, learningRate, momentum, epochs, batchSize, seed, threads, resume, checkpoints, output, log, findRate,
        };
        command.SetAction(result => run(new(
            result.GetRequiredValue(optimizer), result.GetValue(learningRate), result.GetValue(momentum), result.GetValue(epochs),
            result.GetValue(batchSize), result.GetValue(seed), result.GetValue(threads), result.GetValue(resume), result.GetRequiredValue(checkpoints), result.GetRequiredValue(output),
            result.GetValue(log), result.GetValue(findRate))));
        return command.Parse(args).Invoke();
    }

    static void AtLeast(OptionResult result, double value, double least)
    {
        if (!(value >= least))
            result.AddError($"{result.Option.Name} must be ≥ {least}, but is {value}.");
    }
}
