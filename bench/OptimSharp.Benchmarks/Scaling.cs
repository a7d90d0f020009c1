using System.Diagnostics;
using System.Globalization;
using static TorchSharp.torch;

namespace OptimSharp.Benchmarks;

/// <summary>What AdamW's step costs by the number of tensors and by their size: both have to be straight lines.</summary>
static class Scaling
{
    const long SmallTensor = 64;
    static readonly int[] Counts = [1, 10, 100, 1_000, 10_000, 100_000];
    static readonly long[] Sizes = [1 << 10, 1 << 14, 1 << 18, 1 << 20, 1 << 22, 1 << 24, 1 << 26, 1 << 28];

    public static void Run(double seconds)
    {
        Console.WriteLine(Comparison.Machine());
        Console.WriteLine($"AdamW, float32, {Execution.ThreadCount} threads: median time of a step, and for each tensor or parameter");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{$"tensors of {SmallTensor}",-22} {"host memory",16} {"ns/tensor",10} {"TorchSharp",16} {"ns/tensor",10}"));
        foreach (int count in Counts)
        {
            double host = Time(Host(count, SmallTensor), seconds), torch = TimeTorch(count, SmallTensor, seconds);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count,-22:N0} {host * 1e3,13:F4} ms {host / count * 1e9,10:F1} {torch * 1e3,13:F4} ms {torch / count * 1e9,10:F1}"));
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{"parameters of 1 tensor",-22} {"host memory",16} {"ns/param",10} {"TorchSharp",16} {"ns/param",10}"));
        foreach (long size in Sizes)
        {
            double host = Time(Host(1, size), seconds), torch = TimeTorch(1, size, seconds);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{size,-22:N0} {host * 1e3,13:F4} ms {host / size * 1e9,10:F3} {torch * 1e3,13:F4} ms {torch / size * 1e9,10:F3}"));
        }
    }

    static Parameter[] Host(int count, long size) => [.. Enumerable.Range(0, count).Select(i =>
    {
        var values = new float[size];
        var gradient = new float[size];
        Array.Fill(values, 1);
        Array.Fill(gradient, 0.01f);
        var parameter = Parameter.Of($"w{i}", values);
        parameter.Gradient = gradient;
        return (Parameter)parameter;
    })];

    static double TimeTorch(int count, long size, double seconds)
    {
        var tensors = Tensors.Make([.. Enumerable.Repeat<long[]>([size], count)], ScalarType.Float32);
        try
        {
            return Time(Tensors.AsParameters(tensors), seconds);
        }
        finally
        {
            Tensors.Dispose(tensors);
        }
    }

    static double Time(IReadOnlyList<Parameter> parameters, double seconds)
    {
        using var optimizer = new AdamW(parameters);
        for (int i = 0; i < 50 && parameters[0].Count < 1 << 24; i++)
            optimizer.Step();
        optimizer.Step();
        var times = new List<double>();
        for (var clock = Stopwatch.StartNew(); times.Count < 3 || clock.Elapsed.TotalSeconds < seconds;)
        {
            long start = Stopwatch.GetTimestamp();
            optimizer.Step();
            times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        times.Sort();
        return times[times.Count / 2];
    }
}
