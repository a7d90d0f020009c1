// The ways of all optimizers on two test functions, from the same start, over contour lines: one picture.
//
//     dotnet run --project samples/OptimizerPaths [picture.png [optimizers and functions to be drawn, by their names; left out: all]]

using System.Globalization;
using OptimSharp;
using OptimSharp.Samples;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
string picture = args.Length > 0 ? args[0] : "optimizer-paths.png";
Valley[] valleys = [new Rosenbrock(), new Beale()];

// Each with a rate that suits it: rates of different optimizers do not compare. Muon wants a matrix: here of one row. Those without a line get their rate below.
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

// All other optimizers, with their defaults and the one of these rates that takes them lowest.
double[] rates = [1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1];
var ways = new List<Way>();
var seen = new HashSet<Type>();
foreach (var (label, make) in all)
    ways.AddRange(valleys.Select(valley => Go(label, valley, label == "Muon" ? [1, 2] : [2], p => make(p, valley))));
foreach (var type in typeof(Optimizer).Assembly.GetExportedTypes().Where(t => t.IsSubclassOf(typeof(Optimizer)) && !t.IsAbstract && t != typeof(CombinedOptimizer) && !seen.Contains(t)))
    ways.AddRange(valleys.Select(valley => rates.Select(rate => Go(type.Name, valley, [1, 2], p => WithDefaults(type, p, rate))).MinBy(way => way.Value)!));
foreach (var way in ways)
{
    var (x, y) = way.Points[^1];
    Console.WriteLine($"{way.Label,-14} on {way.Valley.Name,-10}: ({x:F4}, {y:F4}), value {way.Value:E2} after 1000 steps");
}
string[] labels = [.. ways.Select(way => way.Label).Distinct()], named = args.Length > 1 ? args[1..] : labels;
if (named.Except(labels).Except(valleys.Select(v => v.Name)).FirstOrDefault() is { } unknown)
{
    Console.Error.WriteLine($"There is no optimizer or function {unknown}. There are: {string.Join("; ", labels.Concat(valleys.Select(v => v.Name)))}.");
    return 1;
}
Valley[] drawn = valleys.Any(v => named.Contains(v.Name)) ? [.. valleys.Where(v => named.Contains(v.Name))] : valleys;
labels = labels.Any(named.Contains) ? [.. labels.Where(named.Contains)] : labels;
Chart.Save(picture, labels, drawn, [.. ways.Where(way => labels.Contains(way.Label) && drawn.Contains(way.Valley))]);
Console.WriteLine($"Wrote {Path.GetFullPath(picture)}");
return 0;

Way Go(string label, Valley valley, long[] shape, Func<Parameter<double>, Optimizer> make)
{
    double[] point = [valley.Start.X, valley.Start.Y];
    var parameter = Parameter.Of("point", point, shape);
    using var optimizer = make(parameter);
    seen.Add(optimizer.GetType());
    var way = new Way(label, valley, [valley.Start]);
    for (int step = 0; step < 1000; step++)
    {
        optimizer.Step(Backward);
        way.Points.Add((point[0], point[1]));
    }
    return way;

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

static Optimizer WithDefaults(Type type, Parameter parameter, double rate)
{
    var constructor = type.GetConstructors().Single(c => c.GetParameters()[0].ParameterType == typeof(IEnumerable<Parameter>));
    var optimizer = (Optimizer)constructor.Invoke([new[] { parameter }, null]);
    optimizer.ParameterGroups[0].LearningRate = rate;
    return optimizer;
}

namespace OptimSharp.Samples
{
    /// <summary>Where an optimizer was, step by step.</summary>
    sealed record Way(string Label, Valley Valley, List<(double X, double Y)> Points)
    {
        /// <summary>The function's value at the end; infinite when the numbers ran away.</summary>
        public double Value => Valley.At(Points[^1].X, Points[^1].Y).Value is var value && double.IsFinite(value) ? value : double.PositiveInfinity;
    }
}
