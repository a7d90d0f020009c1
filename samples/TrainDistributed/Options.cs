using System.CommandLine;
using OptimSharp.Distributed;

namespace OptimSharp.Samples;

/// <summary>What can be chosen on the command line: the same on all ranks.</summary>
public sealed record Options(int Shards, StateSharding Sharding, double LearningRate, int Epochs, int BatchSize, int Seed, int Threads, bool Resume, DirectoryInfo Checkpoints, DirectoryInfo? Data)
{
    /// <summary>What a checkpoint must have in common with a run that goes on from it. How many ranks there are is not in it.</summary>
    public string Settings => FormattableString.Invariant($"--shards {Shards} --learning-rate {LearningRate} --epochs {Epochs} --batch-size {BatchSize} --seed {Seed}");

    /// <summary>Reads the command line and runs the program with what it says.</summary>
    /// <returns>The exit code.</returns>
    public static int Invoke(string[] args, Func<Options, int> run)
    {
        var shards = new Option<int>("--shards") { Description = "into how many shards a batch is cut, ≥ 1; it decides the result, the number of ranks does not", DefaultValueFactory = _ => 4 };
        var sharding = new Option<StateSharding>("--sharding") { Description = "what of the optimizer's state a rank keeps", DefaultValueFactory = _ => StateSharding.Sharded };
        var learningRate = new Option<double>("--learning-rate") { Description = "the rate to start from, ≥ 0", DefaultValueFactory = _ => 3e-3 };
        var epochs = new Option<int>("--epochs") { Description = "how often to go through the images, ≥ 1", DefaultValueFactory = _ => 15 };
        var batchSize = new Option<int>("--batch-size") { Description = "images a step, on all ranks together, ≥ 1", DefaultValueFactory = _ => 64 };
        var seed = new Option<int>("--seed") { Description = "the same seed gives the same result", DefaultValueFactory = _ => 1 };
        var threads = new Option<int>("--threads") { Description = "threads of each rank, ≥ 1; libtorch's sums may depend on it", DefaultValueFactory = _ => 1 };
        var resume = new Option<bool>("--resume") { Description = "save after each epoch, and go on from what an interrupted run saved, on any number of ranks" };
        var checkpoints = new Option<DirectoryInfo>("--checkpoints") { Description = "where --resume saves", DefaultValueFactory = _ => new("train-distributed-checkpoints") };
        var data = new Option<DirectoryInfo?>("--data") { Description = $"a folder with Fashion-MNIST, such as {FashionMnist.DebianFolder}, instead of the digits" };
        foreach (var count in new Option<int>[] { shards, epochs, batchSize, threads })
        {
            count.Validators.Add(result =>
            {
                if (result.GetValue(count) < 1)
                    result.AddError($"{count.Name} must be ≥ 1, but is {result.GetValue(count)}.");
            });
        }
        learningRate.Validators.Add(result =>
        {
            if (!(result.GetValue(learningRate) >= 0))
                result.AddError($"--learning-rate must be ≥ 0, but is {result.GetValue(learningRate)}.");
        });
        data.Validators.Add(result =>
        {
            if (result.GetValue(data) is { } folder && FashionMnist.Missing(folder) is { } missing)
                result.AddError(missing);
        });

        var command = new RootCommand("Trains a convolutional network on 1,797 handwritten digits, on as many ranks as mpirun starts.")
        {
            shards, sharding, learningRate, epochs, batchSize, seed, threads, resume, checkpoints, data,
        };
        command.SetAction(result => run(new(
            result.GetValue(shards), result.GetValue(sharding), result.GetValue(learningRate), result.GetValue(epochs), result.GetValue(batchSize), result.GetValue(seed),
            result.GetValue(threads), result.GetValue(resume), result.GetRequiredValue(checkpoints), result.GetValue(data))));
        return command.Parse(args).Invoke();
    }
}
