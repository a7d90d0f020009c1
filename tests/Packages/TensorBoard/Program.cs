// A program that has the package OptimSharp.TensorBoard and nothing else: finds a rate, trains with it, and logs a run whose file is there, with its numbers, before the writer is disposed.
using OptimSharp;
using OptimSharp.TensorBoard;

var w = Parameter.Of("w", new double[] { 3 });
using var optimizer = new SGD([w]);
var training = new TrainingStep(optimizer, new() { Statistics = true });
var curve = RateFinder.Run(optimizer, () => Step().Loss, new() { StartRate = 1e-4, Smoothing = 0.5 });
Console.WriteLine(curve);
optimizer.ParameterGroups[0].LearningRate = curve.Suggestions.Valley ?? throw new InvalidOperationException("no rate was found");
bool restored = w.Values.Span[0] == 3;

string folder = Directory.CreateTempSubdirectory("optimsharp-log-").FullName;
long length;
using (var writer = new SummaryWriter(folder))
{
    for (int step = 0; step < 50; step++)
    {
        var (loss, report) = Step();
        writer.AddScalar("loss", loss, step);
        writer.AddStep(report, optimizer, step);
    }
    writer.Flush();
    length = new FileInfo(writer.FilePath).Length;
}
Directory.Delete(folder, recursive: true);
Console.WriteLine($"{length} bytes; w is {w.Values.Span[0]}, {(restored ? "" : "not ")}restored after the search");
return restored && length > 50 * 100 && Math.Abs(w.Values.Span[0]) < 3 ? 0 : 1;

(double Loss, StepReport Report) Step()
{
    double value = w.Values.Span[0];
    w.Gradient = new[] { value };
    return (value * value / 2 + 1, training.Step());
}
