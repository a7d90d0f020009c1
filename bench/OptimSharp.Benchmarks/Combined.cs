using System.Globalization;
using static TorchSharp.torch;

namespace OptimSharp.Benchmarks;

/// <summary>Two optimizers combined, beside the same two stepped one after the other: on the same tensors, in turns.</summary>
static class Combined
{
    public static void Run(double seconds)
    {
        Console.WriteLine(Comparison.Machine());
        foreach (string shapes in new[] { "gpt6", "4000x256" })
        {
            foreach (int threads in new[] { 1, Execution.ThreadCount }.Distinct())
            {
                Run("Muon + AdamW", shapes, threads, seconds, p => new Muon(p), (p, i) => p.Shape.Length == 2 && p.Shape[0] < 10_000 && (shapes != "4000x256" || i % 2 == 0));
                Run("Lion + AdamW", shapes, threads, seconds, p => new Lion(p), (_, i) => i % 2 == 0);
            }
        }
    }

    static void Run(string name, string shapes, int threads, double seconds, Func<IEnumerable<Parameter>, Optimizer> first, Func<Parameter, int, bool> isFirst)
    {
        int before = Execution.ThreadCount;
        Execution.ThreadCount = threads;
        try
        {
            using var workload = Workload.Of(Shapes.All[shapes], ScalarType.Float32, onHost: false);
            Parameter[] one = [.. workload.Parameters.Where(isFirst)], other = [.. workload.Parameters.Except(one)];
            using Optimizer a = first(one), b = new AdamW(other);
            using var combined = new CombinedOptimizer(first(one), new AdamW(other));
            var times = Turns.Measure([combined.Step, () => { a.Step(); b.Step(); }], seconds);
            var (median, low, high) = Turns.Ratio(times[1], times[0]);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{name,-14} {shapes,-9} {threads}t  combined {Turns.Median(times[0]),9:F3} ms   one after the other {median:F3}× as long ({low:F3} to {high:F3})"));
        }
        finally
        {
            Execution.ThreadCount = before;
        }
    }
}
