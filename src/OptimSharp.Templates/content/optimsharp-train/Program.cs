using System.CommandLine;

var epochs = new Option<int>("--epochs") { Description = "How often to go through the data.", DefaultValueFactory = _ => 20 };
var batchSize = new Option<int>("--batch-size") { Description = "Examples a step.", DefaultValueFactory = _ => 32 };
var rate = new Option<double>("--learning-rate") { Description = "The highest learning rate.", DefaultValueFactory = _ => 2e-3 };
var seed = new Option<int>("--seed") { Description = "The same seed gives the same result.", DefaultValueFactory = _ => 1 };
var output = new Option<DirectoryInfo>("--output") { Description = "Where checkpoints and the log go. A run that was interrupted goes on from there.", DefaultValueFactory = _ => new("runs/first") };
foreach (var count in new[] { epochs, batchSize })
{
    count.Validators.Add(result =>
    {
        if (result.GetValue(count) < 1)
            result.AddError($"{count.Name} must be ≥ 1, but is {result.GetValue(count)}.");
    });
}
rate.Validators.Add(result =>
{
    if (!(result.GetValue(rate) >= 0))
        result.AddError($"{rate.Name} must be ≥ 0, but is {result.GetValue(rate)}.");
});

var command = new RootCommand("Trains a network.") { epochs, batchSize, rate, seed, output };
command.SetAction(result => Training.Run(new(result.GetValue(epochs), result.GetValue(batchSize), result.GetValue(rate), result.GetValue(seed), result.GetRequiredValue(output).FullName)));
return command.Parse(args).Invoke();
