// What logging a step to TensorBoard's files adds to it: steps without, with statistics, and with statistics that are written, in turns. Then what single calls take.
using System.Diagnostics;
using OptimSharp;
using OptimSharp.TensorBoard;

string folder = Directory.CreateTempSubdirectory("logging-cost-").FullName;
using var writer = new SummaryWriter(folder);
foreach (var (tensors, size) in new[] { (40, 256), (256, 65_536) })
{
    var random = new Random(1);
    Parameter<float>[] parameters = [.. Enumerable.Range(0, tensors).Select(i => Parameter.Of($"p{i}", Draw(random, size)))];
    float[][] gradients = [.. parameters.Select(_ => Draw(random, size))];
    using var optimizer = new AdamW(parameters);
    var step = new TrainingStep(optimizer, new() { MaxNorm = 1, GradientsAfter = GradientsAfter.Kept });
    var times = new[] { new List<double>(), [], [], [] };
    long bytes = 0, number = 0;
    for (int round = 0; round < (size > 1000 ? 150 : 2000); round++)
    {
        for (int way = 0; way < 3; way++)
        {
            step.Options = step.Options with { Statistics = way > 0 };
            foreach (var (parameter, gradient) in parameters.Zip(gradients))
                parameter.Gradient = gradient;
            long start = Stopwatch.GetTimestamp();
            var report = step.Step();
            if (way == 2)
            {
                long logging = Stopwatch.GetTimestamp(), allocated = GC.GetAllocatedBytesForCurrentThread();
                writer.AddScalar("loss", 1.5, number);
                writer.AddStep(report, optimizer, number++);
                bytes = GC.GetAllocatedBytesForCurrentThread() - allocated;
                times[3].Add(Stopwatch.GetElapsedTime(logging).TotalMicroseconds);
            }
            times[way].Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
        }
    }
    Console.WriteLine(FormattableString.Invariant($"AdamW, {tensors} x {size} float32, clipped: {Median(times[0]):F1} us a step; with statistics {Median(times[1]):F1}; logged {Median(times[2]):F1}, of which logging {Median(times[3]):F1} and {bytes} bytes allocated"));
}
Time("AddScalar", 100_000, i => writer.AddScalar("loss", i, i));
float[] million = Draw(new Random(2), 1_000_000);
Time("AddHistogram of 1,000,000 float32", 20, i => writer.AddHistogram("weights", million, i));
writer.Dispose();
Directory.Delete(folder, recursive: true);

static float[] Draw(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];

static double Median(List<double> times) => times.Order().ElementAt(times.Count / 2);

static void Time(string what, int times, Action<int> action)
{
    var all = new List<double>();
    for (int i = 0; i < times; i++)
    {
        long start = Stopwatch.GetTimestamp();
        action(i);
        all.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
    }
    Console.WriteLine(FormattableString.Invariant($"{what}: {Median(all):F2} us"));
}
