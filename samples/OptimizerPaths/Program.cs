// The ways of all optimizers on two test functions, from the same start, over contour lines: one picture.
//
//     dotnet run --project samples/OptimizerPaths [picture.png]

using System.Globalization;
using OptimSharp;
using OptimSharp.Samples;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
string picture = args is [var name] ? name : "optimizer-paths.png";
Valley[] valleys = [new Rosenbrock(), new Beale()];

// Each with a rate that suits it: rates of different optimizers do not compare. Muon wants a matrix: here of one row.
(string Label, Func<Parameter<double>, Valley, Optimizer> Make)[] all =
[
    ("SGD", (p, v) => new SGD([p], new() { LearningRate = v is Rosenbrock ? 1e-3 : 5e-3 })),
    ("SGD, momentum", (p, v) => new SGD([p], new() { LearningRate = v is Rosenbrock ? 3e-4 : 2e-3, Momentum = 0.9, Nesterov = true })),
    ("ASGD", (p, v) => new ASGD([p], new() { LearningRate = v is Rosenbrock ? 1e-3 : 5e-3 })),
    ("Adagrad", (p, _) => new Adagrad([p], new() { LearningRate = 0.4 })),
    ("SparseAdam", (p, _) => new SparseAdam([p], new() { LearningRate = 0.05 })),
    ("Adadelta", (p, _) => new Adadelta([p], new() { LearningRate = 10 })),
    ("RMSprop", (p, _) => new RMSprop([p], new() { LearningRate = 0.01 })),
    ("Rprop", (p, _) => new Rprop([p], new() { LearningRate = 0.05 })),
    ("Adam", (p, _) => new Adam([p], new() { LearningRate = 0.05 })),
    ("AdamW", (p, _) => new AdamW([p], new() { LearningRate = 0.05, WeightDecay = 0.02 })),
    ("Adamax", (p, _) => new Adamax([p], new() { LearningRate = 0.1 })),
    ("NAdam", (p, _) => new NAdam([p], new() { LearningRate = 0.05 })),
    ("RAdam", (p, v) => new RAdam([p], new() { LearningRate = v is Rosenbrock ? 2e-3 : 0.02 })),
    ("Adafactor", (p, _) => new Adafactor([p], new() { LearningRate = 0.05 })),
    ("Muon", (p, _) => new Muon([p], new() { LearningRate = 0.02, WeightDecay = 0, Momentum = 0.8 })),
    ("L-BFGS", (p, _) => new LBFGS([p], new() { LineSearch = LineSearch.StrongWolfe, MaxIterations = 1 })),
];

var ways = new List<Way>();
foreach (var (label, make) in all)
{
    foreach (var valley in valleys)
    {
        double[] point = [valley.Start.X, valley.Start.Y];
        var parameter = Parameter.Of("point", point, label == "Muon" ? [1, 2] : [2]);
        using var optimizer = make(parameter, valley);
        var way = new Way(label, valley, [valley.Start]);
        for (int step = 0; step < 1000; step++)
        {
            optimizer.Step(Backward);
            way.Points.Add((point[0], point[1]));
        }
        ways.Add(way);
        Console.WriteLine($"{label,-14} on {valley.Name,-10}: ({point[0]:F4}, {point[1]:F4}), value {valley.At(point[0], point[1]).Value:E2} after 1000 steps");

        double Backward()
        {
            var (value, byX, byY) = valley.At(point[0], point[1]);
            if (optimizer is SparseAdam)
                parameter.SparseGradient = new((long[])[0, 1], (double[])[byX, byY]);
            else
                parameter.Gradient = (double[])[byX, byY];
            return value;
        }
    }
}
Chart.Save(picture, [.. all.Select(a => a.Label)], valleys, ways);
Console.WriteLine($"Wrote {Path.GetFullPath(picture)}");

namespace OptimSharp.Samples
{
    /// <summary>Where an optimizer was, step by step.</summary>
    sealed record Way(string Label, Valley Valley, List<(double X, double Y)> Points);
}
