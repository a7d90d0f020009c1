using System.Diagnostics;

namespace OptimSharp.Benchmarks;

/// <summary>Ways to do the same, in turns: what the machine's neighbours do meets all of them.</summary>
static class Turns
{
    /// <summary>The milliseconds of each way, round by round, without the first two rounds.</summary>
    public static double[][] Measure(IReadOnlyList<Action> ways, double seconds)
    {
        var times = ways.Select(_ => new List<double>()).ToArray();
        var clock = Stopwatch.StartNew();
        for (int round = 0; round < 6 || clock.Elapsed.TotalSeconds < seconds; round++)
        {
            for (int i = 0; i < ways.Count; i++)
            {
                int k = round % 2 == 0 ? i : ways.Count - 1 - i;
                long start = Stopwatch.GetTimestamp();
                ways[k]();
                times[k].Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
        }
        return [.. times.Select(t => t.Skip(2).ToArray())];
    }

    /// <summary>The median and the quartiles of what one took, divided by what the other took, round by round.</summary>
    public static (double Median, double Low, double High) Ratio(double[] one, double[] other)
    {
        double[] ratios = [.. one.Zip(other, (x, y) => x / y).Order()];
        return (ratios[ratios.Length / 2], ratios[ratios.Length / 4], ratios[ratios.Length * 3 / 4]);
    }

    /// <summary>The median.</summary>
    public static double Median(double[] times) => times.Order().ElementAt(times.Length / 2);
}
