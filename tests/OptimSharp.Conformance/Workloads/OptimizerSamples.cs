using System.Text.Json;

namespace OptimSharp.Conformance.Workloads;

/// <summary>
/// What is known of each public optimizer for tests that run over all of them. Options and types come from its golden cases,
/// so that a new optimizer is covered as soon as it has some; only what is unusual about one is listed here.
/// </summary>
public static class OptimizerSamples
{
    static readonly Lazy<Dictionary<string, Found>> FromGoldens = new(Read);

    /// <summary>Whether each element's step depends on that element alone.</summary>
    public static bool IsElementwise(Type optimizer) => optimizer.Name is not ("Adafactor" or "LBFGS" or "Muon");

    /// <summary>Whether a plain <c>Step()</c> drives it, and not only one with a closure.</summary>
    public static bool StepsAlone(Type optimizer) => optimizer.Name != "LBFGS";

    /// <summary>Whether it steps by dense gradients.</summary>
    public static bool TakesDenseGradients(Type optimizer) => optimizer.Name != "SparseAdam";

    /// <summary>A shape of about this many elements that the optimizer takes: matrices for those that look at rows and columns.</summary>
    public static long[] ShapeOf(Type optimizer, int count, int index = 0)
    {
        bool matrix = optimizer.Name == "Muon" || optimizer.Name == "Adafactor" && index % 2 == 1;
        long rows = Math.Clamp((long)Math.Sqrt(count), 1, 16);
        return matrix ? [rows, count / rows] : [count];
    }

    /// <summary>The distinct sets of options in the optimizer's golden cases with dense gradients; of those that take long, a few.</summary>
    public static IReadOnlyList<KeyValuePair<string, object?>[]> OptionSets(Type optimizer) =>
        FromGoldens.Value.TryGetValue(optimizer.Name, out var found) ? [.. found.Dense.Values.Where((_, i) => i % (IsElementwise(optimizer) ? 1 : 4) == 0)] : [];

    /// <summary>The distinct sets of options in the optimizer's golden cases with sparse gradients.</summary>
    public static IReadOnlyList<KeyValuePair<string, object?>[]> SparseOptionSets(Type optimizer) =>
        FromGoldens.Value.TryGetValue(optimizer.Name, out var found) ? [.. found.Sparse.Values] : [];

    /// <summary>The element types that the optimizer's golden cases have.</summary>
    public static IReadOnlyList<ElementType> Types(Type optimizer) =>
        FromGoldens.Value.TryGetValue(optimizer.Name, out var found) ? [.. found.Types.Order()] : [];

    static Dictionary<string, Found> Read()
    {
        var all = new Dictionary<string, Found>();
        foreach (var (_, file) in GoldenFiles.Own())
        {
            using var document = JsonDocument.Parse(File.ReadAllText(file));
            var root = document.RootElement;
            string? kind = root.GetProperty("kind").GetString();
            if (kind is not ("optimizer" or "lbfgs"))
                continue;
            string name = kind == "lbfgs" ? "LBFGS" : root.GetProperty("optimizer").GetString()!;
            if (!all.TryGetValue(name, out var found))
                all.Add(name, found = new Found());
            var type = kind == "lbfgs" ? ElementType.Float64 : OptimizerCase.TypeOf(new(root.GetProperty("dtype"), file)).Element();
            found.Types.Add(type);
            if (kind == "lbfgs")
                found.Types.UnionWith(Enum.GetValues<GoldenType>().Select(t => t.Element())); // its cases say nothing of types: it takes all
            if (type != ElementType.Float64)
                continue;
            var options = root.GetProperty("options");
            bool sparse = kind == "optimizer"
                && root.GetProperty("steps").EnumerateArray().Any(s => s.GetProperty("grads").EnumerateArray().Any(g => g.ValueKind == JsonValueKind.Object));
            (sparse ? found.Sparse : found.Dense).TryAdd(options.GetRawText(), new GoldenNode(options, file).Options());
        }
        return all;
    }

    sealed class Found
    {
        public SortedDictionary<string, KeyValuePair<string, object?>[]> Dense { get; } = new(StringComparer.Ordinal);

        public SortedDictionary<string, KeyValuePair<string, object?>[]> Sparse { get; } = new(StringComparer.Ordinal);

        public HashSet<ElementType> Types { get; } = [];
    }
}
