using System.CommandLine;
using System.CommandLine.Parsing;

namespace OptimSharp.Samples;

/// <summary>What can be chosen on the command line.</summary>
sealed record Options(DirectoryInfo? Data, IReadOnlyList<Contender> Contenders, double[] Multiples, int Gradients, int BatchSize, int Seeds, int? Threads, DirectoryInfo Results, DirectoryInfo Output)
{
    /// <summary>What all runs have in common that are compared: the name of their folder.</summary>
    public string Settings => $"{(Data is null ? "digits" : "fashion-mnist")}-{Gradients}-gradients-of-{BatchSize}";

    /// <summary>Reads the command line and runs the program with what it says.</summary>
    /// <returns>The exit code.</returns>
    public static int Invoke(string[] args, Func<Options, int> run)
    {
        string[] names = [.. Samples.Contenders.All.Select(c => c.Name)];
        var data = new Option<DirectoryInfo?>("--data")
        {
            Description = $"the folder of Fashion-MNIST; on Debian: apt-get install dataset-fashion-mnist, --data {FashionMnist.DebianFolder} [default: the digits that come with the program]",
        };
        var optimizers = new Option<string[]>("--optimizers") { Description = "those that take part [default: all]", AllowMultipleArgumentsPerToken = true };
        optimizers.AcceptOnlyFromAmong(names);
        var multiples = new Option<double[]>("--multiples") { Description = "what the default rates are multiplied by [default: 0.1 0.3 1 3 10]", AllowMultipleArgumentsPerToken = true };
        var gradients = new Option<int?>("--gradients") { Description = "how many gradients each run may compute, ≥ 1 [default: 400 on the digits, 2000 on Fashion-MNIST]" };
        var batchSize = new Option<int?>("--batch-size") { Description = "images a gradient, ≥ 1 [default: 32 on the digits, 128 on Fashion-MNIST]" };
        var seeds = new Option<int>("--seeds") { Description = "runs of each with other weights and batches, which are averaged, ≥ 1", DefaultValueFactory = _ => 1 };
        var threads = new Option<int?>("--threads") { Description = "threads to use, ≥ 1 [default: all processors]" };
        var results = new Option<DirectoryInfo>("--results") { Description = "where finished runs are kept, and not repeated", DefaultValueFactory = _ => new("optimizer-race-results") };
        var output = new Option<DirectoryInfo>("--output") { Description = "where the pictures go", DefaultValueFactory = _ => new(".") };
        foreach (var count in new Option<int?>[] { gradients, batchSize, threads })
            count.Validators.Add(result => Positive(result, result.GetValue(count) ?? 1));
        seeds.Validators.Add(result => Positive(result, result.GetValue(seeds)));
        multiples.Validators.Add(result =>
        {
            foreach (double multiple in result.GetValue(multiples) ?? [])
                Positive(result, multiple);
        });
        data.Validators.Add(result =>
        {
            if (result.GetValue(data) is { } folder && FashionMnist.Missing(folder) is { } missing)
                result.AddError(missing);
        });

        var command = new RootCommand("Trains one network with every optimizer at several rates, and says which came how far.")
        {
            data, optimizers, multiples, gradients, batchSize, seeds, threads, results, output,
        };
        command.SetAction(result =>
        {
            bool digits = result.GetValue(data) is null;
            string[] chosen = result.GetValue(optimizers) is { Length: > 0 } some ? some : names;
            return run(new(
                result.GetValue(data), [.. Samples.Contenders.All.Where(c => chosen.Contains(c.Name))],
                result.GetValue(multiples) is { Length: > 0 } given ? [.. given.Distinct().Order()] : [0.1, 0.3, 1, 3, 10],
                result.GetValue(gradients) ?? (digits ? 400 : 2000), result.GetValue(batchSize) ?? (digits ? 32 : 128), result.GetValue(seeds), result.GetValue(threads),
                result.GetRequiredValue(results), result.GetRequiredValue(output)));
        });
        return command.Parse(args).Invoke();
    }

    static void Positive(OptionResult result, double value)
    {
        if (!(value > 0))
            result.AddError($"{result.Option.Name} must be > 0, but is {value}.");
    }
}
