// A program that has the package OptimSharp and nothing else: fits a line to points on it.
using OptimSharp;
using OptimSharp.Schedulers;

var slope = Parameter.Of("slope", new float[1]);
var offset = Parameter.Of("offset", new double[1]);
using var optimizer = new AdamW(
    [
        new([slope]),
        new([offset], o => o with { WeightDecay = 0 }),
    ],
    new() { LearningRate = 0.1, WeightDecay = 1e-4 });
var scheduler = new CosineAnnealingLR(optimizer, tMax: 200);

double first = Loss();
for (int i = 0; i < 200; i++)
{
    optimizer.Step(() =>
    {
        optimizer.ZeroGrad();
        return Loss();
    });
    scheduler.Step();
}
optimizer.ZeroGrad();
double last = Loss();
Console.WriteLine($"loss {first:F4} → {last:E1}, slope {slope.Values.Span[0]:F3}, offset {offset.Values.Span[0]:F3}");
Console.WriteLine(optimizer);
return last < 1e-3 * first && (double)optimizer.ParameterGroups[1]["weight_decay"]! == 0 ? 0 : 1;

// Mean square error of y = 2x − 1 at nine points, and its gradients.
double Loss()
{
    double sum = 0;
    for (int i = 0; i < 9; i++)
    {
        double x = i / 4.0 - 1, error = slope.Values.Span[0] * x + offset.Values.Span[0] - (2 * x - 1);
        sum += error * error / 9;
        slope.UseGradient()[0] += (float)(2 * error * x / 9);
        offset.UseGradient()[0] += 2 * error / 9;
    }
    return sum;
}
