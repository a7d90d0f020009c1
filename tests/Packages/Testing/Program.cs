// A program that has the package OptimSharp.Testing and no test framework: checks optimizers as their authors would.
using OptimSharp;
using OptimSharp.Testing;

OptimizerLaws.Check(parameters => new AdamW(parameters, new() { WeightDecay = 0.1 }));
OptimizerLaws.Check(parameters => new YourOwnOptimizer.Lion(parameters, new() { WeightDecay = 0.1 })); // the sample's, from its file
OptimizerLaws.Check(parameters => new Muon(parameters), new() { Elementwise = false, Sizes = [60, 8] });
Console.WriteLine($"AdamW, Lion and Muon keep {string.Join(", ", OptimizerLaws.All)}");

// Makes each optimizer with another rate than the one before.
int made = 0;
try
{
    OptimizerLaws.Check(parameters => new SGD(parameters, new() { LearningRate = 0.125 * ++made }));
    return 1;
}
catch (OptimizerLawException e) when (e.Law == OptimizerLaws.Repeatable)
{
    Console.WriteLine(e.Message);
}

// By hand: 1 − 0.5·2 = 0; the momentum buffer is the first gradient.
string file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid()}.json");
File.WriteAllText(file, """
    { "kind": "optimizer", "name": "by_hand", "optimizer": "SGD", "dtype": "float64", "options": { "lr": 0.5, "momentum": 0.9 },
      "groups": [ { "params": [ { "shape": [1], "values": [1] } ] } ],
      "steps": [ { "grads": [ [2] ], "params": [ [0] ], "state": [ { "momentum_buffer": [2] } ] } ] }
    """);
try
{
    GoldenCases.Check<SGDOptions>(file, (groups, options) => new SGD(groups, options));
    GoldenCases.Check<SGDOptions>(file, (groups, options) => new SGD(groups.Select(g => new ParameterGroup<SGDOptions>(g.Parameters)), options with { LearningRate = 1 }));
    return 1;
}
catch (GoldenCaseException e) when (e.Message.StartsWith("by_hand", StringComparison.Ordinal) && e.Message.Contains("element 0 is -1, but 0 was expected", StringComparison.Ordinal))
{
    Console.WriteLine(e.Message);
}
finally
{
    File.Delete(file);
}
return 0;
