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
    public static void Run(string? only, double seconds, FileInfo? json)
    {
        Console.WriteLine(Machine());
        var results = new List<Result>();
        foreach (var row in Rows.All)
        {
            foreach (var (shapeName, shapes) in Shapes.All)
            {
                foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
                {
                    foreach (int threads in new[] { 1, Environment.ProcessorCount }.Distinct())
                    {
                        string name = $"{row.Optimizer.ToLowerInvariant()}/{shapeName}/{(type == ScalarType.Float32 ? "f32" : "bf16")}/{threads}t";
                        if (Wanted(name, only) && shapeName != row.LeavesOut)
                            results.Add(Measure(name, row, shapes, type, threads, seconds));
                    }
                }
            }
        }
        foreach (var (shapeName, shapes) in Shapes.All)
        {
            foreach (int threads in new[] { 1, Environment.ProcessorCount }.Distinct())
            {
                string name = $"whole/{shapeName}/f32/{threads}t";
                if (Wanted(name, only))
                    results.Add(MeasureWhole(name, shapes, threads, seconds));
            }
        }
        foreach (var (name, work) in SparseRows.Cases)
        {
            if (Wanted(name, only))
            {
                using var contender = work();
                results.Add(new(name, name.Split('/')[0], 1, 0, Execution.ThreadCount, Median([contender], seconds)[0] * 1e3, null, new(null, null)));
                Print(results[^1]);
            }
        }
        if (json is not null)
            File.WriteAllText(json.FullName, JsonSerializer.Serialize(results, ResultContext.Default.ListResult) + "\n");
    }

    static bool Wanted(string name, string? only) =>
        only is null || only.Split('|').Any(part => name.Contains(part, StringComparison.OrdinalIgnoreCase));

    static Result Measure(string name, Row row, long[][] shapes, ScalarType type, int threads, double seconds)
    {
        Execution.ThreadCount = threads;
        set_num_threads(threads);
        var contenders = new List<IContender?>();
        try
        {
            var tensors = Tensors.Make(shapes, type);
            var optimizer = row.Ours(Tensors.AsParameters(tensors));
            contenders.Add(new Ours(row, optimizer, tensors));
            contenders[0]!.Step();
            int slots = optimizer.StateOf(optimizer.ParameterGroups[0].Parameters[0])?.TensorKeys.Count() ?? 0;
            contenders.Add(row.Elementwise ? new Roof(Tensors.Make(shapes, type), slots) : null);
            tensors = Tensors.Make(shapes, type);
            contenders.Add(row.TorchSharp is { } theirs ? new TorchSharpPeer(theirs(Tensors.AsModules(tensors)), tensors) : null);
            contenders.Add(FusedPeer.For(row.Optimizer, Tensors.Make(shapes, type)));
            double[] times = Median([.. contenders.OfType<IContender>()], seconds);
            int next = 0;
            double?[] all = [.. contenders.Select(c => c is null ? (double?)null : times[next++] * 1e3)];
            var result = new Result(name, row.Optimizer, shapes.Length, shapes.Sum(s => s.Aggregate(1L, (a, b) => a * b)), threads, all[0]!.Value, all[1], new(all[2], all[3]));
            Print(result);
            return result;
        }
        finally
        {
            foreach (var contender in contenders)
                contender?.Dispose();
        }
    }

    /// <summary>Clipping, AdamW, average and zeros together.</summary>
    static Result MeasureWhole(string name, long[][] shapes, int threads, double seconds)
    {
        Execution.ThreadCount = threads;
        set_num_threads(threads);
        var contenders = WholeStep.Make(shapes);
        try
        {
            double[] times = Median(contenders, seconds);
            var result = new Result(name, "AdamW", shapes.Length, shapes.Sum(s => s.Aggregate(1L, (a, b) => a * b)), threads, times[0] * 1e3, null, new(times[1] * 1e3, times[2] * 1e3));
            Print(result);
            return result;
        }
        finally
        {
            foreach (var contender in contenders)
                contender.Dispose();
        }
    }

    /// <summary>Each contender's median time of a step in seconds.</summary>
    static double[] Median(IContender[] contenders, double seconds)
    {
        int[] repeats = [.. contenders.Select(contender =>
        {
            contender.Step();
            double time = Time(contender, 1);
            return Math.Clamp((int)(0.02 / time), 1, 1000); // a measurement of at least about 20 ms
        })];
        var times = contenders.Select(_ => new List<double>()).ToArray();
        var clock = Stopwatch.StartNew();
        while (times[0].Count < 5 || clock.Elapsed.TotalSeconds < seconds && times[0].Count < 101)
        {
            for (int i = 0; i < contenders.Length; i++)
                times[i].Add(Time(contenders[i], repeats[i]));
        }
        return [.. times.Select(t => t.Order().ElementAt(t.Count / 2))];
    }

    static double Time(IContender contender, int repeats)
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < repeats; i++)
            contender.Step();
        return Stopwatch.GetElapsedTime(start).TotalSeconds / repeats;
    }

    static void Print(Result r)
    {
        string Ratio(double? peer) => peer is { } p ? string.Create(CultureInfo.InvariantCulture, $"{p,10:F3} ({p / r.OursMs,6:F2}×)") : new string(' ', 20);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{r.Case,-34} ours {r.OursMs,9:F3} ms   roof {Ratio(r.RoofMs)}   torchsharp {Ratio(r.Peers.TorchSharpMs)}   fused {Ratio(r.Peers.LibtorchFusedMs)}"));
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
    [property: JsonPropertyName("peers")] Peers Peers);

/// <summary>The peers' times; null where a peer has no such optimizer.</summary>
public sealed record Peers(
    [property: JsonPropertyName("torchsharp_ms")] double? TorchSharpMs,
    [property: JsonPropertyName("libtorch_fused_ms")] double? LibtorchFusedMs);

[JsonSerializable(typeof(List<Result>))]
[JsonSourceGenerationOptions(WriteIndented = true)]
sealed partial class ResultContext : JsonSerializerContext;
