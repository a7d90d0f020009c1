using System.CommandLine;
using System.CommandLine.Parsing;

namespace OptimSharp.Samples;

/// <summary>What can be chosen on the command line.</summary>
sealed record Options(string Model, IReadOnlyList<Way> Ways, int? Steps, int Seeds, int? Threads, DirectoryInfo Output)
{
    /// <summary>Reads the command line and runs the program with what it says.</summary>
    /// <returns>The exit code.</returns>
    public static int Invoke(string[] args, Func<Options, int> run)
    {
        string[] names = [.. Way.All.Select(w => w.Name)];
        var model = new Option<string>("--model") { Description = "digits: a convolutional network on handwritten digits; gpt: a small transformer on the documentation", DefaultValueFactory = _ => "digits" };
        model.AcceptOnlyFromAmong("digits", "gpt");
        var ways = new Option<string[]>("--ways") { Description = "what is kept in what [default: all]", AllowMultipleArgumentsPerToken = true };
        ways.AcceptOnlyFromAmong(names);
        var steps = new Option<int?>("--steps") { Description = "steps of each run, ≥ 1 [default: 1200 on the digits, 400 of the transformer]" };
        var seeds = new Option<int>("--seeds") { Description = "runs of each with other weights and batches, ≥ 1", DefaultValueFactory = _ => 1 };
        var threads = new Option<int?>("--threads") { Description = "threads to use, ≥ 1 [default: all processors]" };
        var output = new Option<DirectoryInfo>("--output") { Description = "where the picture goes", DefaultValueFactory = _ => new(".") };
        steps.Validators.Add(result => Positive(result, result.GetValue(steps) ?? 1));
        threads.Validators.Add(result => Positive(result, result.GetValue(threads) ?? 1));
        seeds.Validators.Add(result => Positive(result, result.GetValue(seeds)));
        var command = new RootCommand("Trains a network with parameters and optimizer state kept in fewer and fewer bits, and says what each loses.") { model, ways, steps, seeds, threads, output };
        command.SetAction(result => run(new(
            result.GetRequiredValue(model), [.. Way.All.Where(w => result.GetValue(ways) is not { Length: > 0 } some || some.Contains(w.Name))],
            result.GetValue(steps), result.GetValue(seeds), result.GetValue(threads), result.GetRequiredValue(output))));
        return command.Parse(args).Invoke();
    }

    static void Positive(OptionResult result, int value)
    {
        if (value < 1)
            result.AddError($"{result.Option.Name} must be ≥ 1, but is {value}.");
    }
}
