using System.CommandLine;
using System.CommandLine.Parsing;

namespace OptimSharp.Samples;

/// <summary>What can be chosen on the command line.</summary>
public sealed record Options(DirectoryInfo? Data, int Epochs, double LearningRate, int BatchSize, int Seed, DirectoryInfo Checkpoints, bool Restart, FileInfo Output)
{
    /// <summary>What a checkpoint must have in common with a run that goes on from it.</summary>
    public string Settings => FormattableString.Invariant($"--epochs {Epochs} --learning-rate {LearningRate} --batch-size {BatchSize} --seed {Seed} on {(Data is null ? "digits" : "Fashion-MNIST")}");

    /// <summary>Reads the command line and runs the program with what it says.</summary>
    /// <returns>The exit code.</returns>
    public static int Invoke(string[] args, Func<Options, int> run)
    {
        var data = new Option<DirectoryInfo?>("--data")
        {
            Description = $"the folder of Fashion-MNIST; on Debian: apt-get install dataset-fashion-mnist, --data {FashionMnist.DebianFolder} [default: the digits that come with the program]",
        };
        var epochs = new Option<int?>("--epochs") { Description = "how often to go through the data, ≥ 2 [default: 100 on the digits, 12 on Fashion-MNIST]" };
        var learningRate = new Option<double>("--learning-rate") { Description = "SGD's rate at the beginning, > 0; while weights are averaged it is half of it", DefaultValueFactory = _ => 0.02 };
        var batchSize = new Option<int?>("--batch-size") { Description = "images a step, ≥ 1 [default: 32 on the digits, 128 on Fashion-MNIST]" };
        var seed = new Option<int>("--seed") { Description = "the same seed gives the same result", DefaultValueFactory = _ => 1 };
        var checkpoints = new Option<DirectoryInfo>("--checkpoints") { Description = "where the state goes after each epoch; an interrupted run goes on from there", DefaultValueFactory = _ => new("swa-checkpoints") };
        var restart = new Option<bool>("--restart") { Description = "begin anew, whatever is in the folder of checkpoints" };
        var output = new Option<FileInfo>("--output") { Description = "where the picture of the run goes", DefaultValueFactory = _ => new("stochastic-weight-averaging.png") };
        epochs.Validators.Add(result => AtLeast(result, result.GetValue(epochs) ?? 2, 2));
        learningRate.Validators.Add(result =>
        {
            if (!(result.GetValue(learningRate) > 0))
                result.AddError($"--learning-rate must be > 0, but is {result.GetValue(learningRate)}.");
        });
        batchSize.Validators.Add(result => AtLeast(result, result.GetValue(batchSize) ?? 1, 1));
        data.Validators.Add(result =>
        {
            if (result.GetValue(data) is { } folder && FashionMnist.Missing(folder) is { } missing)
                result.AddError(missing);
        });

        var command = new RootCommand("Trains a convolutional network and compares its last weights with their average over the last epochs (SWA) and with their exponential moving average (EMA).")
        {
            data, epochs, learningRate, batchSize, seed, checkpoints, restart, output,
        };
        command.SetAction(result =>
        {
            var folder = result.GetValue(data);
            return run(new(folder, result.GetValue(epochs) ?? (folder is null ? 100 : 12), result.GetValue(learningRate), result.GetValue(batchSize) ?? (folder is null ? 32 : 128),
                result.GetValue(seed), result.GetRequiredValue(checkpoints), result.GetValue(restart), result.GetRequiredValue(output)));
        });
        return command.Parse(args).Invoke();
    }

    static void AtLeast(OptionResult result, int value, int least)
    {
        if (value < least)
            result.AddError($"{result.Option.Name} must be ≥ {least}, but is {value}.");
    }
}
