extern alias library;

using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using OptimSharp;
using OptimSharp.Benchmarks;

// A rule outside of the library beside the same rule inside: the same files, compiled twice. Warm, in turns in one process; and the first hundred steps of a process, each in a new one.
var seconds = new Option<double>("--seconds") { Description = "how long to measure each case warm", DefaultValueFactory = _ => 5 };
var processes = new Option<int>("--processes") { Description = "how many processes of each kind take the first hundred steps", DefaultValueFactory = _ => 25 };
var child = new Option<string[]?>("--child") { Arity = new(4, 4), AllowMultipleArgumentsPerToken = true, Hidden = true };
var command = new RootCommand("Rules outside of the library beside the same rules inside.") { seconds, processes, child };
command.SetAction(result =>
{
    if (result.GetValue(child) is [var name, var place, var shape, var threads])
    {
        Console.WriteLine(FirstHundred(Contender.Named(name), place == "outside", Shapes.All[shape], int.Parse(threads, CultureInfo.InvariantCulture)).ToString("R", CultureInfo.InvariantCulture));
        return;
    }
    Console.WriteLine(RuntimeFeature.IsDynamicCodeSupported ? "compiled at run time" : "native code");
    foreach (var contender in Contender.All)
    {
        foreach (string shapeName in (string[])["1x16M", "4000x256"])
        {
            foreach (int count in new[] { 1, Environment.ProcessorCount }.Distinct())
            {
                double warm = Warm(contender, Shapes.All[shapeName], count, result.GetValue(seconds));
                string first = Cold(contender.Name, shapeName, count, result.GetValue(processes));
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{contender.Name,-8} {shapeName,-9} {count}t   outside / inside   warm {warm:F3}   first hundred steps {first}"));
            }
        }
    }
});
return command.Parse(args).Invoke();

static double Warm(Contender contender, long[][] shapes, int threads, double seconds)
{
    Execution.ThreadCount = threads;
    var parameters = Parameters.Make(shapes);
    // Over the same memory, so that its place is no difference.
    using Optimizer inside = contender.Inside(parameters), outside = contender.Outside(parameters);
    Optimizer[] both = [inside, outside];
    int repeats = 1;
    foreach (var optimizer in both)
    {
        for (var clock = Stopwatch.StartNew(); clock.Elapsed.TotalSeconds < 0.5;)
            optimizer.Step();
        repeats = Math.Clamp((int)(0.02 / Time(optimizer, 1)), 1, 1000);
    }
    var ratios = new List<double>();
    for (var clock = Stopwatch.StartNew(); clock.Elapsed.TotalSeconds < seconds || ratios.Count < 11;)
    {
        bool insideFirst = ratios.Count % 2 == 0;
        double first = Time(both[insideFirst ? 0 : 1], repeats), second = Time(both[insideFirst ? 1 : 0], repeats);
        ratios.Add(insideFirst ? second / first : first / second);
    }
    return Median(ratios);
}

static double Time(Optimizer optimizer, int repeats)
{
    long start = Stopwatch.GetTimestamp();
    for (int i = 0; i < repeats; i++)
        optimizer.Step();
    return Stopwatch.GetElapsedTime(start).TotalSeconds / repeats;
}

static double FirstHundred(Contender contender, bool outside, long[][] shapes, int threads)
{
    Execution.ThreadCount = threads;
    var parameters = Parameters.Make(shapes);
    using var optimizer = outside ? contender.Outside(parameters) : contender.Inside(parameters);
    return Time(optimizer, 100);
}

// A process's time differs from the next one's by its place in memory, by far more than outside from inside: so many pairs, and how sure their median is.
static string Cold(string name, string shape, int threads, int processes)
{
    var ratios = new double[processes];
    for (int i = 0; i < processes; i++)
    {
        bool insideFirst = i % 2 == 0;
        double first = Run(insideFirst ? "inside" : "outside"), second = Run(insideFirst ? "outside" : "inside");
        ratios[i] = insideFirst ? second / first : first / second;
    }
    Array.Sort(ratios);
    int away = (int)Math.Ceiling(0.98 * Math.Sqrt(processes)); // the order statistics around a median, by the binomial distribution
    return string.Create(CultureInfo.InvariantCulture, $"{Median(ratios):F3} (95 %: {ratios[Math.Max(processes / 2 - away, 0)]:F3} to {ratios[Math.Min(processes / 2 + away, processes - 1)]:F3})");

    double Run(string place)
    {
        using var process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, ["--child", name, place, shape, threads.ToString(CultureInfo.InvariantCulture)]) { RedirectStandardOutput = true })!;
        double time = double.Parse(process.StandardOutput.ReadToEnd(), CultureInfo.InvariantCulture);
        process.WaitForExit();
        return time;
    }
}

static double Median(IEnumerable<double> values) => values.Order().ToArray() is var sorted ? sorted[sorted.Length / 2] : 0;

/// <summary>An optimizer, inside the library and outside.</summary>
sealed record Contender(string Name, Func<IEnumerable<Parameter>, Optimizer> Inside, Func<IEnumerable<Parameter>, Optimizer> Outside)
{
    public static Contender[] All { get; } =
    [
        new("AdamW", p => new library::OptimSharp.AdamW(p), p => new AdamW(p)),
        new("Lion", p => new library::OptimSharp.Lion(p), p => new Lion(p)),
    ];

    public static Contender Named(string name) => All.First(contender => contender.Name == name);
}

/// <summary>What is stepped.</summary>
static class Parameters
{
    public static Parameter[] Make(long[][] shapes)
    {
        var random = new Random(1);
        return [.. shapes.Select((shape, i) =>
        {
            var parameter = Parameter.Of($"p{i}", Draw(), shape);
            parameter.Gradient = Draw();
            return parameter;

            float[] Draw()
            {
                var numbers = new float[shape.Aggregate(1L, (a, b) => a * b)];
                foreach (ref float number in numbers.AsSpan())
                    number = random.NextSingle() * 0.02f - 0.01f;
                return numbers;
            }
        })];
    }
}
