using System.Globalization;
using static TorchSharp.torch;

namespace OptimSharp.Benchmarks;

/// <summary>Steps with state in few bits and with bfloat16 parameters, beside the same optimizer's with everything in single precision: on tensors alike, in turns.</summary>
static class SmallState
{
    static readonly string[] AllShapes = ["1x16M", "gpt6"];

    /// <summary>State in few bits.</summary>
    public static void Run(double seconds)
    {
        Console.WriteLine(Comparison.Machine());
        foreach (var (shapes, threads) in Settings())
        {
            Run("AdamW", shapes, threads, seconds, (p, precision) => new AdamW(p, new() { StatePrecision = precision }));
            Run("Lion", shapes, threads, seconds, (p, precision) => new Lion(p, new() { StatePrecision = precision }));
            Run("SGD, momentum", shapes, threads, seconds, (p, precision) => new SGD(p, new() { Momentum = 0.9, StatePrecision = precision }));
        }
    }

    /// <summary>bfloat16 parameters and gradients, kept in all ways.</summary>
    public static void RunHalves(double seconds)
    {
        Console.WriteLine(Comparison.Machine());
        foreach (var (shapes, threads) in Settings())
        {
            RunHalves("AdamW", shapes, threads, seconds, (p, kept, state) => new AdamW(p, new() { ParameterPrecision = kept, StatePrecision = state }));
            RunHalves("Adam", shapes, threads, seconds, (p, kept, state) => new Adam(p, new() { ParameterPrecision = kept, StatePrecision = state }));
            RunHalves("NAdam", shapes, threads, seconds, (p, kept, state) => new NAdam(p, new() { ParameterPrecision = kept, StatePrecision = state }));
            RunHalves("Adadelta", shapes, threads, seconds, (p, kept, state) => new Adadelta(p, new() { ParameterPrecision = kept, StatePrecision = state }));
        }
    }

    static IEnumerable<(string Shapes, int Threads)> Settings() =>
        from shapes in AllShapes
        from threads in new[] { 1, Execution.ThreadCount }.Distinct().ToArray()
        select (shapes, threads);

    static void Run(string name, string shapes, int threads, double seconds, Func<IEnumerable<Parameter>, StatePrecision, Optimizer> make)
    {
        using Workload singles = Workload.Of(Shapes.All[shapes], ScalarType.Float32, onHost: false), halves = Workload.Of(Shapes.All[shapes], ScalarType.BFloat16, onHost: false);
        Measure(name, shapes, threads, seconds,
        [
            .. Enum.GetValues<StatePrecision>().Where(p => p != StatePrecision.Parameter).Select(p => ($"float, {p}", make(singles.Parameters, p))),
            .. new[] { StatePrecision.Compute, StatePrecision.Dynamic8 }.Select(p => ($"bfloat16, {p}", make(halves.Parameters, p))),
        ]);
    }

    static void RunHalves(string name, string shapes, int threads, double seconds, Func<IEnumerable<Parameter>, ParameterPrecision, StatePrecision, Optimizer> make)
    {
        using var singles = Workload.Of(Shapes.All[shapes], ScalarType.Float32, onHost: false);
        var tensors = Tensors.Make(Shapes.All[shapes], ScalarType.BFloat16);
        using var halves = new TensorWorkload(tensors);
        using var peer = FusedPeer.For(name, () => tensors);
        ParameterPrecision[] ways = [ParameterPrecision.Nearest, ParameterPrecision.Stochastic(), ParameterPrecision.Compensated, ParameterPrecision.Split];
        StatePrecision[] states = [StatePrecision.Compute, StatePrecision.BFloat16, StatePrecision.Dynamic8];
        Measure(name, shapes, threads, seconds,
        [
            ("float", make(singles.Parameters, ParameterPrecision.Nearest, StatePrecision.Compute)),
            .. from state in states
               from kept in ways
               select ($"bfloat16, {kept}, state {state}", make(halves.Parameters, kept, state)),
        ], peer);
    }

    static void Measure(string name, string shapes, int threads, double seconds, IReadOnlyList<(string Name, Optimizer Optimizer)> all, FusedPeer? peer = null)
    {
        int before = Execution.ThreadCount;
        (Execution.ThreadCount, int threadsOfTorch) = (threads, get_num_threads());
        set_num_threads(threads);
        try
        {
            List<(string Name, Action Step)> ways = [.. all.Select<(string Name, Optimizer Optimizer), (string, Action)>(way => (way.Name, way.Optimizer.Step))];
            if (peer is not null)
                ways.Add(("bfloat16 everything, libtorch fused", peer.Step));
            double[][] times = Turns.Measure([.. ways.Select(way => way.Step)], seconds);
            for (int k = 0; k < ways.Count; k++)
            {
                var (median, low, high) = Turns.Ratio(times[0], times[k]);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-14} {shapes,-6} {threads}t  {ways[k].Name,-38} {Turns.Median(times[k]),9:F3} ms   {median:F3}× the speed of the first ({low:F3} to {high:F3})"));
            }
        }
        finally
        {
            Execution.ThreadCount = before;
            set_num_threads(threadsOfTorch);
            foreach (var (_, optimizer) in all)
                optimizer.Dispose();
        }
    }
}
