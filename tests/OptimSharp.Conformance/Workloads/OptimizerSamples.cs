using System.Text.Json;

namespace OptimSharp.Conformance.Workloads;

/// <summary>
/// What is known of each public optimizer for tests that run over all of them. Options come from its golden cases, so that
/// a new optimizer is covered as soon as it has some; only what is unusual about one is listed here.
/// </summary>
public static class OptimizerSamples
{
    static readonly string[] NotElementwise = ["Adafactor", "LBFGS", "Muon"];
    static readonly Lazy<Dictionary<string, KeyValuePair<string, object?>[][]>> Options = new(ReadOptions);

    /// <summary>Whether each element's step depends on that element alone.</summary>
    public static bool IsElementwise(Type optimizer) => !NotElementwise.Contains(optimizer.Name);

    /// <summary>Whether it steps by dense gradients, without calling a closure several times.</summary>
    public static bool TakesDenseGradients(Type optimizer) => optimizer.Name is not ("SparseAdam" or "LBFGS");

    /// <summary>A shape of this many elements that the optimizer takes.</summary>
    public static long[] ShapeOf(Type optimizer, int count) => optimizer.Name == "Muon" ? [1, count] : [count];

    /// <summary>The distinct sets of options in the optimizer's golden cases.</summary>
    public static IReadOnlyList<KeyValuePair<string, object?>[]> OptionSets(Type optimizer) =>
        Options.Value.TryGetValue(optimizer.Name, out var sets) ? sets : [];

    static Dictionary<string, KeyValuePair<string, object?>[][]> ReadOptions()
    {
        var found = new Dictionary<string, Dictionary<string, KeyValuePair<string, object?>[]>>();
        foreach (var (_, file) in GoldenFiles.Own().Where(f => f.Name.EndsWith("_f64", StringComparison.Ordinal)))
        {
            using var document = JsonDocument.Parse(File.ReadAllText(file));
            var root = document.RootElement;
            if (!root.TryGetProperty("optimizer", out var optimizer) || root.GetProperty("kind").GetString() != "optimizer")
                continue;
            if (!found.TryGetValue(optimizer.GetString()!, out var sets))
                found.Add(optimizer.GetString()!, sets = []);
            var options = root.GetProperty("options");
            sets.TryAdd(options.GetRawText(), new GoldenNode(options, file).Options());
        }
        return found.ToDictionary(x => x.Key, x => x.Value.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => s.Value).ToArray());
    }
}
