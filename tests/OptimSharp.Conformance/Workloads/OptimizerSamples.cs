using System.Text.Json;
using OptimSharp.Rules;
using OptimSharp.Testing;

namespace OptimSharp.Conformance.Workloads;

/// <summary>
/// What is known of each public optimizer for tests that run over all of them. Options, types and kinds of gradients come from its golden cases, so that a
/// new optimizer is covered as soon as it has some; whether it looks at whole tensors, from its rule.
/// </summary>
public static class OptimizerSamples
{
    // Matrices to be decomposed are kept small: their time is of the third power.
    static readonly string[] MatrixLimits = ["max_precond_dim", "max_preconditioner_dim"];
    const long MostRows = 64;

    static readonly Lazy<Dictionary<string, Found>> FromGoldens = new(Read);

    /// <summary>Whether each element's step depends on that element alone: its rule, named after it, neither measures nor goes over whole tensors.</summary>
    public static bool IsElementwise(Type optimizer) => StepsAlone(optimizer) && !(RuleOf(optimizer) is { } rule
        && new[] { typeof(ITensorRule<>), typeof(IMeasuringRule<>) }.Any(kind => rule.GetInterface(kind.Name) is not null));

    /// <summary>Whether a parameter's steps depend on other parameters, with the options that it has by default, which is found by trying.</summary>
    public static bool SumsOverAll(Type optimizer)
    {
        return TakesDenseGradients(optimizer) && StepsAlone(optimizer) && Stepped(1) != Stepped(100);

        double Stepped(double size)
        {
            double[] values = [1, 2, 3, 4];
            Parameter<double> one = Parameter.Of("one", values, 2, 2), other = Parameter.Of("other", new double[4], 2, 2);
            using var made = OptimizerDriver.For(optimizer).Create([one, other], []);
            for (int i = 1; i < 5; i++)
            {
                one.Gradient = new double[] { i, 2, 3, -4 };
                other.Gradient = new double[] { size * i, -size, 2 * size, size };
                made.Step();
            }
            return values[0];
        }
    }

    /// <summary>Options with which they do not.</summary>
    public static KeyValuePair<string, object?>[] OptionsOfItsOwn(Type optimizer) =>
    [
        .. new KeyValuePair<string, object?>[] { new("max_grad_norm", null), new("d_coef", 1e-300), new("growth_rate", 1.0) }
            .Where(option => OptimizerDriver.For(optimizer).Options.Any(o => o.Key == option.Key))
    ];

    /// <summary>The rule that is named after an optimizer: of the type computed in, and maybe of choices.</summary>
    static Type? RuleOf(Type optimizer) => Enumerable.Range(1, 3).Select(n => optimizer.Assembly.GetType($"{optimizer.FullName}Rule`{n}")).FirstOrDefault(rule => rule is not null);

    /// <summary>Whether a plain <c>Step()</c> drives it, and not only one with a closure.</summary>
    public static bool StepsAlone(Type optimizer) => optimizer.Name != "LBFGS";

    /// <summary>Whether it steps by dense gradients.</summary>
    public static bool TakesDenseGradients(Type optimizer) => OptionSets(optimizer).Count > 0;

    /// <summary>Whether it takes parameters other than matrices, which is found by trying.</summary>
    public static bool TakesVectors(Type optimizer)
    {
        try
        {
            OptimizerDriver.For(optimizer).Create([Parameter.Of("v", new float[1])], []).Dispose();
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    /// <summary>A shape of about this many elements that the optimizer takes: matrices too for those that look at rows and columns.</summary>
    public static long[] ShapeOf(Type optimizer, int count, int index = 0)
    {
        bool matrix = !TakesVectors(optimizer) || StepsAlone(optimizer) && !IsElementwise(optimizer) && index % 2 == 1;
        long rows = Math.Clamp((long)Math.Sqrt(count), 1, 16);
        return matrix ? [rows, count / rows] : [count];
    }

    /// <summary>The distinct sets of options in the optimizer's golden cases with dense gradients; of those that take long, a few.</summary>
    public static IReadOnlyList<KeyValuePair<string, object?>[]> OptionSets(Type optimizer) =>
        FromGoldens.Value.TryGetValue(optimizer.Name, out var found) ? [.. found.Dense.Values.Where((_, i) => i % (IsElementwise(optimizer) ? 1 : 4) == 0)] : [];

    /// <summary>Those that go with state in few bits.</summary>
    public static IEnumerable<KeyValuePair<string, object?>[]> SmallStateOptionSets(Type optimizer) =>
        OptionSets(optimizer).Where(set => !set.Any(option => option.Key == "centered" && true.Equals(option.Value)));

    /// <summary>The distinct sets of options in the optimizer's golden cases with sparse gradients.</summary>
    public static IReadOnlyList<KeyValuePair<string, object?>[]> SparseOptionSets(Type optimizer) =>
        FromGoldens.Value.TryGetValue(optimizer.Name, out var found) ? [.. found.Sparse.Values] : [];

    /// <summary>The element types that the optimizer's golden cases have.</summary>
    public static IReadOnlyList<ElementType> Types(Type optimizer) =>
        FromGoldens.Value.TryGetValue(optimizer.Name, out var found) ? [.. found.Types.Order()] : [];

    /// <summary>Makes the optimizer with a set of options.</summary>
    /// <param name="optimizer">The class.</param>
    /// <param name="options">The options, by PyTorch's names.</param>
    /// <param name="iterations">How many evaluations a step has that needs a closure.</param>
    public static Func<IReadOnlyList<Parameter>, Optimizer> Create(Type optimizer, KeyValuePair<string, object?>[] options, int iterations = 4)
    {
        var driver = OptimizerDriver.For(optimizer);
        KeyValuePair<string, object?>[] all =
        [
            .. options,
            .. StepsAlone(optimizer) ? [] : (KeyValuePair<string, object?>[])[new("max_iter", iterations)], // each is a step by itself
            .. from limit in MatrixLimits
               where driver.Options.Any(o => o.Key == limit) && options.All(o => o.Key != limit)
               select new KeyValuePair<string, object?>(limit, MostRows),
        ];
        return parameters => driver.Create(parameters, all);
    }

    /// <summary>
    /// The optimizer with each set of options and parameters of this type: with dense gradients where the set is for those, else with sparse ones; for half
    /// types with state in either precision.
    /// </summary>
    internal static IEnumerable<Setting> Settings(Type optimizer, ElementType type, int iterations = 4) =>
        from sparse in new[] { false, true }
        from options in sparse ? SparseOptionSets(optimizer) : OptionSets(optimizer)
        let subject = new Subject(Create(optimizer, options, iterations), new() { ElementTypes = [type], Elementwise = IsElementwise(optimizer), SumsOverAll = SumsOverAll(optimizer) })
        from setting in subject.Settings
        where setting.Sparse == sparse
        select setting;

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
            var type = kind == "lbfgs" ? ElementType.Float64 : OptimizerCase.TypeOf(new(root.GetProperty("dtype"), file));
            found.Types.Add(type);
            if (kind == "lbfgs")
                found.Types.UnionWith([ElementType.Float32, ElementType.Float64, ElementType.Float16, ElementType.BFloat16, ElementType.Complex64, ElementType.Complex128]); // its cases say nothing of types: it takes all
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
