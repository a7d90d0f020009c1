using System.Reflection;

namespace OptimSharp.Tool;

/// <summary>An optimizer that memory is planned for: <c>AdamW</c>, or with options, <c>SGD(momentum=0.9)</c>.</summary>
sealed class PlannedOptimizer
{
    readonly Type type, options;
    readonly IReadOnlyList<(string Key, object? Value)> settings;

    PlannedOptimizer(Type type, IReadOnlyList<(string, object?)> settings)
    {
        (this.type, this.settings) = (type, settings);
        options = OptionsOf(type)!;
    }

    /// <summary>The optimizers that there are.</summary>
    public static IReadOnlyDictionary<string, Type> All { get; } = new SortedDictionary<string, Type>(
        typeof(Optimizer).Assembly.GetExportedTypes().Where(t => t.IsSubclassOf(typeof(Optimizer)) && !t.IsAbstract && OptionsOf(t) is not null).ToDictionary(t => t.Name), StringComparer.Ordinal);

    /// <summary>What it is called in a table.</summary>
    public string Title => (settings.Count == 0 ? type.Name : $"{type.Name}({string.Join(", ", settings.Select(s => $"{s.Key}={ValueText.Of(s.Value)}"))})") + (IsForMatrices ? ", AdamW for the rest" : "");

    /// <summary>Whether it takes hidden matrices only.</summary>
    bool IsForMatrices => type == typeof(Muon) || type == typeof(NorMuon);

    /// <exception cref="ToolException">There is none of this name, or it is none.</exception>
    public static PlannedOptimizer Parse(string expression)
    {
        var node = ExpressionParser.Parse(expression);
        string name = node switch { Name only => only.Text, Call call => call.Function, _ => expression };
        name = name[(name.LastIndexOf('.') + 1)..]; // torch.optim. before it
        if (!All.TryGetValue(name, out var type))
            throw new ToolException($"There is no optimizer '{name}'; there are: {string.Join(", ", All.Keys)}.");
        if (node is Call { Arguments.Count: > 0 })
            throw new ToolException($"Options of {name} are given by name, as {name}(weight_decay=0.1).");
        return new(type, node is Call with ? [.. with.Named.Select(n => (n.Name, Value(n.Value)))] : []);
    }

    /// <summary>What it would take; null where it can't keep state in this precision.</summary>
    /// <exception cref="ToolException">It can't have these parameters, or an option is none of its.</exception>
    public MemoryReport? Report(ModelShapes model, StatePrecision precision)
    {
        var usual = Made(model, StatePrecision.Compute); // what is wrong with it there is no matter of precision
        try
        {
            return precision == StatePrecision.Compute ? usual : Made(model, precision);
        }
        catch (ToolException)
        {
            return null;
        }
    }

    /// <summary>Why it can't have a model's parameters; null where it can.</summary>
    public string? Refusal(ModelShapes model) => IsForMatrices && !Array.Exists(model.Meta(), IsHidden) ? $"{type.Name} takes hidden matrices, and the model has none." : null;

    MemoryReport Made(ModelShapes model, StatePrecision precision)
    {
        try
        {
            var parameters = model.Meta();
            Parameter[] own = IsForMatrices ? [.. parameters.Where(IsHidden)] : parameters;
            using var optimizer = Make(own, precision);
            if (own.Length == parameters.Length)
                return optimizer.MemoryReport();
            using var rest = new AdamW(parameters.Except(own), new() { StatePrecision = precision });
            return optimizer.MemoryReport().With(rest.MemoryReport());
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or KeyNotFoundException)
        {
            throw new ToolException($"{type.Name}: {ErrorText.Of(e)}");
        }
    }

    /// <summary>Matrices within the network: not those of its input and output, by what they are called.</summary>
    static bool IsHidden(Parameter parameter)
    {
        string[] ends = ["embed", "wte", "wpe", "head", "tok_", "output.", "classifier", "fc_out"];
        return parameter.Shape.Length == 2 && !Array.Exists(ends, end => parameter.Name.Contains(end, StringComparison.OrdinalIgnoreCase));
    }

    Optimizer Make(IEnumerable<Parameter> parameters, StatePrecision precision)
    {
        object given = Activator.CreateInstance(options)!;
        options.GetProperty(nameof(OptimizerOptions.StatePrecision))!.SetValue(given, precision);
        var constructor = type.GetConstructors().First(c => c.GetParameters()[0].ParameterType == typeof(IEnumerable<Parameter>));
        var optimizer = (Optimizer)constructor.Invoke(BindingFlags.DoNotWrapExceptions, null, [parameters, given], null);
        foreach (var (key, value) in settings)
            optimizer.ParameterGroups[0][key] = value;
        return optimizer;
    }

    static object? Value(Node node) => node is Items items ? items.Values.Select(Value).ToArray() : Arithmetic.Of(node);

    static Type? OptionsOf(Type optimizer) => optimizer.GetConstructors().Select(c => c.GetParameters()).Where(p => p.Length == 2 && p[0].ParameterType == typeof(IEnumerable<Parameter>))
        .Select(p => p[1].ParameterType).FirstOrDefault(t => t.IsSubclassOf(typeof(OptimizerOptions)));
}
