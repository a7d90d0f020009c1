using System.Globalization;
using static TorchSharp.torch;

namespace OptimSharp.Benchmarks;

/// <summary>Steps with state in few bits, beside the same optimizer's with state in single precision: on tensors alike, in turns.</summary>
static class SmallState
{
    public static void Run(double seconds)
    {
        Console.WriteLine(Comparison.Machine());
        foreach (string shapes in new[] { "1x16M", "gpt6" })
        {
            foreach (int threads in new[] { 1, Execution.ThreadCount }.Distinct())
            {
                Run("AdamW", shapes, threads, seconds, (p, precision) => new AdamW(p, new() { StatePrecision = precision }));
                Run("Lion", shapes, threads, seconds, (p, precision) => new Lion(p, new() { StatePrecision = precision }));
                Run("SGD, momentum", shapes, threads, seconds, (p, precision) => new SGD(p, new() { Momentum = 0.9, StatePrecision = precision }));
            }
        }
    }

    static void Run(string name, string shapes, int threads, double seconds, Func<IEnumerable<Parameter>, StatePrecision, Optimizer> make)
    {
        int before = Execution.ThreadCount;
        Execution.ThreadCount = threads;
        try
        {
            using Workload singles = Workload.Of(Shapes.All[shapes], ScalarType.Float32, onHost: false), halves = Workload.Of(Shapes.All[shapes], ScalarType.BFloat16, onHost: false);
            (string Name, Optimizer Optimizer)[] all =
            [
                .. Enum.GetValues<StatePrecision>().Where(p => p != StatePrecision.Parameter).Select(p => ($"float, {p}", make(singles.Parameters, p))),
                .. new[] { StatePrecision.Compute, StatePrecision.Dynamic8 }.Select(p => ($"bfloat16, {p}", make(halves.Parameters, p))),
            ];
            var times = Turns.Measure([.. all.Select<(string, Optimizer Optimizer), Action>(x => x.Optimizer.Step)], seconds);
            for (int k = 0; k < all.Length; k++)
            {
                var (median, low, high) = Turns.Ratio(times[0], times[k]);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-14} {shapes,-6} {threads}t  {all[k].Name,-20} {Turns.Median(times[k]),9:F3} ms   {median:F3}× the speed of floats ({low:F3} to {high:F3})"));
                all[k].Optimizer.Dispose();
            }
        }
        finally
        {
            Execution.ThreadCount = before;
        }
    }
}
