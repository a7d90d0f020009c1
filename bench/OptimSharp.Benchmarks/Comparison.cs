using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using static TorchSharp.torch;

namespace OptimSharp.Benchmarks;

/// <summary>Steps of every optimizer beside its peers: the contenders take turns, so that a machine that slows down slows all.</summary>
public static class Comparison
{
    const int FewestRounds = 5, MostRounds = 101;
    static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(0.25);
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(8); // for a case of which a round takes seconds

    public static void Run(string? only, int? threads, double seconds, FileInfo? json)
    {
        Console.WriteLine(Machine());
        var results = new List<Result>();
        foreach (var one in Cases())
        {
            if (!IsWanted(one.Name, only) || threads is { } count && one.Threads != count)
                continue;
            Execution.ThreadCount = one.Threads;
            set_num_threads(one.Threads);
            results.Add(Measure(one, seconds));
            Console.WriteLine(results[^1]);
            if (json is not null) // after each: a run takes long
                File.WriteAllText(json.FullName, JsonSerializer.Serialize(results, ResultContext.Default.ListResult) + "\n");
        }
    }

    /// <summary>Writes results that were saved as a table in Markdown.</summary>
    public static void WriteTable(FileInfo json, string? only)
    {
        Console.WriteLine("| case | ours, ms | M parameters/s | roof | libtorch fused | TorchSharp | ours in float32 |");
        Console.WriteLine("|---|---|---|---|---|---|---|");
        foreach (var r in JsonSerializer.Deserialize(File.ReadAllText(json.FullName), ResultContext.Default.ListResult)!.Where(r => IsWanted(r.Case, only)))
        {
            string Cell(double? ratio) => ratio?.ToString("F2", CultureInfo.InvariantCulture) ?? "–";
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| `{r.Case}` | {r.OursMs:G4} | {r.Parameters / r.OursMs / 1e3:N0} | {Cell(r.Ratios.Roof)} | {Cell(r.Ratios.LibtorchFused)} | {Cell(r.Ratios.TorchSharp)} | {Cell(r.Ratios.Float32)} |"));
        }
    }

    static bool IsWanted(string name, string? only) =>
        only is null || only.Split('|').Any(part => name.Contains(part, StringComparison.OrdinalIgnoreCase));

    /// <summary>What is measured: a name, and who takes part, ours first.</summary>
    sealed record Case(string Name, string Optimizer, long[][] Shapes, int Threads, Func<Contenders> Make);

    sealed record Contenders(IContender Ours, IContender? Roof = null, IContender? TorchSharp = null, IContender? Fused = null, IContender? Float32 = null);

    static IEnumerable<Case> Cases()
    {
        int[] threads = [.. new[] { 1, Environment.ProcessorCount }.Distinct()];
        foreach (var row in Rows.All)
        {
            foreach (var (shapeName, shapes) in Shapes.All.Where(s => s.Key != row.LeavesOut))
            {
                foreach (bool onHost in new[] { false, true })
                {
                    foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
                    {
                        foreach (int count in threads)
                        {
                            string name = $"{row.Optimizer.ToLowerInvariant()}/{shapeName}/{(type == ScalarType.Float32 ? "f32" : "bf16")}/{(onHost ? "host/" : "")}{count}t";
                            yield return new(name, row.Optimizer, shapes, count, () => Of(row, shapes, type, onHost));
                        }
                    }
                }
            }
        }
        foreach (var (shapeName, shapes) in Shapes.All)
        {
            foreach (int count in threads)
                yield return new($"whole/{shapeName}/f32/{count}t", "AdamW", shapes, count, () => Whole(shapes));
        }
        foreach (var (name, shape, make) in SparseRows.Cases)
            yield return new(name, name.Split('/')[0], [shape], threads[^1], () => new(make()));
    }

    static Contenders Of(Row row, long[][] shapes, ScalarType type, bool onHost)
    {
        var ours = new Ours(row, Workload.Of(shapes, type, onHost));
        ours.Step();
        var roof = row.Elementwise ? new Roof(Workload.Of(shapes, type, onHost), ours.Slots) : null;
        var float32 = type == ScalarType.Float32 ? null : new Ours(row, Workload.Of(shapes, ScalarType.Float32, onHost));
        if (onHost)
            return new(ours, roof, Float32: float32);
        TorchSharpPeer? torchSharp = null;
        if (row.TorchSharp is { } theirs)
        {
            var tensors = Tensors.Make(shapes, type);
            torchSharp = new(theirs(Tensors.AsModules(tensors)), tensors);
        }
        return new(ours, roof, torchSharp, FusedPeer.For(row.Optimizer, () => Tensors.Make(shapes, type)), float32);
    }

    static Contenders Whole(long[][] shapes)
    {
        var (ours, torchSharp, fused) = WholeStep.Make(shapes);
        return new(ours, TorchSharp: torchSharp, Fused: fused);
    }

    static Result Measure(Case one, double seconds)
    {
        var (ours, roof, torchSharp, fused, float32) = one.Make();
        IContender?[] all = [ours, roof, torchSharp, fused, float32];
        IContender[] present = [.. all.OfType<IContender>()];
        try
        {
            var rounds = Rounds(present, seconds);
            double? Time(IContender? contender) => contender is null ? null : Median(rounds.Select(r => r[Array.IndexOf(present, contender)] * 1e3));
            double? Ratio(IContender? contender) => contender is null ? null : Median(rounds.Select(r => r[Array.IndexOf(present, contender)] / r[0]));
            return new(one.Name, one.Optimizer, one.Shapes.Length, one.Shapes.Sum(s => s.Aggregate(1L, (a, b) => a * b)), one.Threads,
                Time(ours)!.Value, Time(roof), new(Time(torchSharp), Time(fused)), new(Ratio(roof), Ratio(torchSharp), Ratio(fused), Ratio(float32)));
        }
        finally
        {
            foreach (var contender in present)
                contender.Dispose();
        }
    }

    /// <summary>Each contender's time of a step in seconds, round by round.</summary>
    static List<double[]> Rounds(IContender[] contenders, double seconds)
    {
        int[] repeats = [.. contenders.Select(contender =>
        {
            for (var clock = Stopwatch.StartNew(); clock.Elapsed < WarmUp;) // until the compiler has seen what is worth its time
                contender.Step();
            return Math.Clamp((int)(0.02 / Time(contender, 1)), 1, 1000); // a measurement of at least about 20 ms
        })];
        var rounds = new List<double[]>();
        for (var clock = Stopwatch.StartNew(); rounds.Count < MostRounds;)
        {
            if (clock.Elapsed.TotalSeconds > seconds && (rounds.Count >= FewestRounds || clock.Elapsed > Patience))
                break;
            rounds.Add([.. contenders.Select((contender, i) => Time(contender, repeats[i]))]);
        }
        return rounds;
    }

    static double Median(IEnumerable<double> values) => values.Order().ToArray() is var sorted ? sorted[sorted.Length / 2] : 0;

    static double Time(IContender contender, int repeats)
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < repeats; i++)
            contender.Step();
        return Stopwatch.GetElapsedTime(start).TotalSeconds / repeats;
    }

    public static string Machine()
    {
        string cpu = File.Exists("/proc/cpuinfo")
            ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "unknown"
            : "unknown";
        return $"{cpu}, {Environment.ProcessorCount} processors, {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}";
    }
}

/// <summary>One case. Times are medians of one step in milliseconds.</summary>
public sealed record Result(
    [property: JsonPropertyName("case")] string Case,
    [property: JsonPropertyName("optimizer")] string Optimizer,
    [property: JsonPropertyName("tensors")] int Tensors,
    [property: JsonPropertyName("parameters")] long Parameters,
    [property: JsonPropertyName("threads")] int Threads,
    [property: JsonPropertyName("ours_ms")] double OursMs,
    [property: JsonPropertyName("roof_ms")] double? RoofMs,
    [property: JsonPropertyName("peers")] Peers Peers,
    [property: JsonPropertyName("ratios")] Ratios Ratios)
{
    public override string ToString()
    {
        string Peer(double? ms, double? ratio) => string.Create(CultureInfo.InvariantCulture, $"{ms,10:F3} {(ratio is null ? "" : $"({ratio,6:F2}×)"),9}");
        return string.Create(CultureInfo.InvariantCulture,
            $"{Case,-34} ours {OursMs,9:F3} ms   roof {Peer(RoofMs, Ratios.Roof)}   torchsharp {Peer(Peers.TorchSharpMs, Ratios.TorchSharp)}   fused {Peer(Peers.LibtorchFusedMs, Ratios.LibtorchFused)}{(Ratios.Float32 is { } f ? $"   float32 ({f,4:F2}×)" : "")}");
    }
}

/// <summary>The peers' times; null where a peer has no such optimizer.</summary>
public sealed record Peers(
    [property: JsonPropertyName("torchsharp_ms")] double? TorchSharpMs,
    [property: JsonPropertyName("libtorch_fused_ms")] double? LibtorchFusedMs);

/// <summary>The others' times divided by ours, medians over the rounds: above 1 ours is faster. Float32: our own step with float32 parameters.</summary>
public sealed record Ratios(
    [property: JsonPropertyName("roof")] double? Roof,
    [property: JsonPropertyName("torchsharp")] double? TorchSharp,
    [property: JsonPropertyName("libtorch_fused")] double? LibtorchFused,
    [property: JsonPropertyName("float32")] double? Float32);

[JsonSerializable(typeof(List<Result>))]
[JsonSourceGenerationOptions(WriteIndented = true)]
sealed partial class ResultContext : JsonSerializerContext;
