using System.CommandLine;
using System.CommandLine.Parsing;

namespace OptimSharp.Samples;

/// <summary>What can be chosen on the command line.</summary>
sealed record Options(int Steps, int Seed, double LayerDecay, DirectoryInfo Checkpoints, bool Resume, FileInfo Output, int Threads)
{
    const int FewestSteps = 10;

    /// <summary>What a checkpoint must have in common with a run that goes on from it.</summary>
    /// <param name="text">What tells the text from another.</param>
    public StateDict Settings(string text) => new()
    {
        { "--steps", $"{Steps}" },
        { "--seed", $"{Seed}" },
        { "--layer-decay", FormattableString.Invariant($"{LayerDecay:R}") },
        { "the hash of the text", text },
    };

    /// <summary>Reads the command line and runs the program with what it says.</summary>
    /// <returns>The exit code.</returns>
    public static int Invoke(string[] args, Func<Options, int> run)
    {
        var steps = new Option<int>("--steps") { Description = $"how many batches to train on, ≥ {FewestSteps}", DefaultValueFactory = _ => 1000 };
        var seed = new Option<int>("--seed") { Description = "the same seed gives the same result", DefaultValueFactory = _ => 1 };
        var layerDecay = new Option<double>("--layer-decay") { Description = "a layer's learning rate, divided by that of the next, > 0 and ≤ 1", DefaultValueFactory = _ => 1 };
        var checkpoints = new Option<DirectoryInfo>("--checkpoints") { Description = "where the state is saved, twenty times a run and after Ctrl-C", DefaultValueFactory = _ => new("character-gpt-checkpoints") };
        var resume = new Option<bool>("--resume") { Description = "whether to go on from what an interrupted run saved; --resume false begins anew", DefaultValueFactory = _ => true };
        var output = new Option<FileInfo>("--output") { Description = "where the picture of the run goes", DefaultValueFactory = _ => new("character-gpt.png") };
        var threads = new Option<int>("--threads") { Description = "threads to use, ≥ 1: the network is small, and more gain little", DefaultValueFactory = _ => 1 };
        steps.Validators.Add(result => AtLeast(result, result.GetValue(steps), FewestSteps));
        threads.Validators.Add(result => AtLeast(result, result.GetValue(threads), 1));
        layerDecay.Validators.Add(result =>
        {
            if (result.GetValue(layerDecay) is not (> 0 and <= 1))
                result.AddError(FormattableString.Invariant($"--layer-decay must be > 0 and ≤ 1, but is {result.GetValue(layerDecay)}."));
        });

        var command = new RootCommand("Trains a small GPT on the characters of this repository's documentation.") { steps, seed, layerDecay, checkpoints, resume, output, threads };
        command.SetAction(result => run(new(
            result.GetValue(steps), result.GetValue(seed), result.GetValue(layerDecay), result.GetRequiredValue(checkpoints), result.GetValue(resume),
            result.GetRequiredValue(output), result.GetValue(threads))));
        return command.Parse(args).Invoke();
    }

    static void AtLeast(OptionResult result, int value, int least)
    {
        if (value < least)
            result.AddError($"{result.Option.Name} must be ≥ {least}, but is {value}.");
    }
}
