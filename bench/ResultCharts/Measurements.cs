using System.Text.Json;

namespace OptimSharp.ResultCharts;

/// <summary>What was measured on one machine, as bench/results has it.</summary>
/// <param name="Machine">The machine in words.</param>
/// <param name="repeats">Cases from several processes.</param>
/// <param name="single">Cases from one process.</param>
/// <param name="pytorch">PyTorch's, in milliseconds.</param>
sealed class Measurements(string Machine, JsonElement[] repeats, JsonElement[] single, JsonElement[] pytorch)
{
    public string Machine { get; } = Machine;

    /// <summary>Reads the three files of a machine, and its description in README.md beside them.</summary>
    /// <param name="folder">The folder of results.</param>
    /// <param name="machine">The name of the machine's files.</param>
    /// <exception cref="InvalidDataException">A file is no list of measurements, or README.md does not describe the machine.</exception>
    public static Measurements Read(string folder, string machine) => new(
        Description(Path.Combine(folder, "README.md"), machine),
        List(Path.Combine(folder, machine + ".repeats.json")),
        List(Path.Combine(folder, machine + ".json")),
        List(Path.Combine(folder, machine + ".pytorch.json")));

    /// <summary>Another's time divided by ours: the median over the processes that measured the case; null where it was not measured.</summary>
    /// <param name="peer">The other: torchsharp or libtorch_fused.</param>
    /// <param name="name">The case.</param>
    public double? Repeated(string peer, string name) => Median(Ratios(repeats, peer, name));

    /// <summary>The same in the one process that went through all cases.</summary>
    /// <param name="peer">The other: torchsharp or libtorch_fused.</param>
    /// <param name="name">The case.</param>
    public double? Single(string peer, string name) => Median(Ratios(single, peer, name));

    /// <summary>PyTorch's time, measured by itself, divided by ours.</summary>
    /// <param name="name">The case.</param>
    public double? PyTorch(string name) =>
        Median(from theirs in pytorch where Case(theirs) == name from ours in single where Case(ours) == name select theirs.GetProperty("pytorch_ms").GetDouble() / ours.GetProperty("ours_ms").GetDouble());

    /// <summary>The cases from several processes, in the file's order.</summary>
    public IEnumerable<(string Case, string Optimizer)> RepeatedCases => repeats.Select(r => (Case(r), r.GetProperty("optimizer").GetString()!)).Distinct();

    static IEnumerable<double> Ratios(JsonElement[] cases, string peer, string name) =>
        from measured in cases
        where Case(measured) == name
        let ratio = measured.GetProperty("ratios").GetProperty(peer)
        where ratio.ValueKind == JsonValueKind.Number
        select ratio.GetDouble();

    static double? Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0 ? null : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    static string Case(JsonElement measured) => measured.GetProperty("case").GetString()!;

    static JsonElement[] List(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllText(path));
            return [.. document.RootElement.EnumerateArray().Select(element => element.Clone())];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InvalidDataException($"{path} is not a list of measurements: {e.Message}", e);
        }
    }

    /// <summary>The first sentence below the heading with the machine's name.</summary>
    static string Description(string path, string machine)
    {
        string[] parts = File.ReadAllText(path).Split($"\n## {machine}\n");
        return parts.Length == 2 ? parts[1].Trim().ReplaceLineEndings(" ").Split(". ")[0] : throw new InvalidDataException($"{path} has no heading \"## {machine}\", below which the machine is described.");
    }
}
