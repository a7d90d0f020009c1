namespace OptimSharp.Testing;

/// <summary>Kind "optimizer": given gradients, compared with PyTorch in every parameter and state tensor after every step.</summary>
sealed class OptimizerCase
{
    readonly ElementType type;
    readonly KeyValuePair<string, object?>[] options;
    readonly (ParameterSpec[] Parameters, KeyValuePair<string, object?>[] Options)[] groups;
    readonly Step[] steps;
    readonly GoldenNode[]? start; // the state of each parameter
    readonly (double Parameter, double State) tolerance;

    public OptimizerCase(GoldenNode root)
    {
        type = TypeOf(root["dtype"]);
        options = root.Optional("options")?.Options() ?? [];
        tolerance = type.Tolerance(root["optimizer"].Text(), inSingle: options.Any(o => o is { Key: "ns_float32", Value: true }));
        groups = [.. root["groups"].Items().Select(ReadGroup)];
        var parameters = groups.SelectMany(g => g.Parameters).ToArray();
        start = root.Optional("start")?.Items(parameters.Length);
        steps = [.. root["steps"].Items().Select(s => ReadStep(s, parameters))];
    }

    /// <summary>Runs the case; throws at the first difference.</summary>
    /// <param name="create">Makes the optimizer.</param>
    /// <param name="source">Where the parameters are.</param>
    public void Run<TOptions>(Func<IReadOnlyList<ParameterGroup<TOptions>>, TOptions, Optimizer<TOptions>> create, IParameterSource source)
        where TOptions : OptimizerOptions, new()
    {
        var parameters = new List<GoldenParameter>();
        try
        {
            foreach (var spec in groups.SelectMany(g => g.Parameters))
                parameters.Add(source.Create($"p{parameters.Count}", spec.Shape, type, spec.Values));
            using var optimizer = Make(create, parameters);
            if (start is not null)
                optimizer.LoadStateDict(Started(optimizer.StateDict(), start));
            foreach (var step in steps)
                Run(step, optimizer, parameters);
        }
        finally
        {
            foreach (var parameter in parameters)
                parameter.Dispose();
        }
    }

    /// <summary>The optimizer, with the options that the case names. They are set on another's group first: that reads PyTorch's names.</summary>
    Optimizer<TOptions> Make<TOptions>(Func<IReadOnlyList<ParameterGroup<TOptions>>, TOptions, Optimizer<TOptions>> create, List<GoldenParameter> parameters)
        where TOptions : OptimizerOptions, new()
    {
        using var other = create([new([Parameter.Of("other", new float[1], 1, 1)])], new TOptions()); // the case's own may need the case's options
        var defaults = With(new TOptions() with { StatePrecision = type.IsHalf() ? StatePrecision.Parameter : StatePrecision.Compute }, options);
        var made = new List<ParameterGroup<TOptions>>();
        int first = 0;
        foreach (var (specs, overrides) in groups)
        {
            var resolved = With(defaults, overrides);
            made.Add(new(parameters.GetRange(first, specs.Length).Select(p => p.Parameter), _ => resolved));
            first += specs.Length;
        }
        return create(made, defaults);

        TOptions With(TOptions basis, KeyValuePair<string, object?>[] values)
        {
            other.ParameterGroups[0].Options = basis;
            Set(other, other.ParameterGroups[0], values);
            return other.ParameterGroups[0].Options;
        }
    }

    /// <summary>Sets options by PyTorch's names. One may be allowed only when another is set, so those refused come again after the rest.</summary>
    static void Set(Optimizer optimizer, ParameterGroup group, IEnumerable<KeyValuePair<string, object?>> values)
    {
        var waiting = new Queue<KeyValuePair<string, object?>>(values);
        for (int refused = 0; waiting.TryDequeue(out var option);)
        {
            if (!group.HasOption(option.Key))
                throw new GoldenCaseException($"{optimizer.GetType().Name} has no option '{option.Key}'");
            try
            {
                group[option.Key] = option.Value;
                refused = 0;
            }
            catch (ArgumentException) when (++refused <= waiting.Count)
            {
                waiting.Enqueue(option);
            }
        }
    }

    void Run(Step step, Optimizer optimizer, List<GoldenParameter> parameters)
    {
        foreach (var (group, changes) in step.Changes)
            Set(optimizer, optimizer.ParameterGroups[group], changes);
        for (int i = 0; i < parameters.Count; i++)
        {
            if (step.Gradients[i] is { Indices: { } indices } sparse)
                parameters[i].SetSparseGradient(indices, sparse.Rows!);
            else
                parameters[i].SetGradient(step.Gradients[i]?.Dense);
        }
        var gradients = parameters.Select(p => p.Gradient()).ToArray();
        optimizer.Step();
        for (int i = 0; i < parameters.Count; i++)
        {
            Compare($"{step.Place}, parameter {i}", type.Round(step.Parameters[i]), parameters[i].Values(), tolerance.Parameter, type);
            CompareState($"{step.Place}, parameter {i}", step.State[i], optimizer.StateOf(parameters[i].Parameter));
            if (gradients[i] is { } before && !before.SequenceEqual(parameters[i].Gradient() ?? []))
                throw new GoldenCaseException($"{step.Place}, parameter {i}: the step changed the gradient");
        }
    }

    void CompareState(string place, Dictionary<string, double[]> expected, ParameterState? actual)
    {
        if (actual is null && expected.TryGetValue("step", out var steps) && steps is [0])
            return; // PyTorch's Adagrad makes state before the first gradient; ours is made with it
        var present = new HashSet<string>();
        if (actual is not null)
            present = [.. actual.TensorKeys, .. actual.ScalarKeys, .. actual.ListKeys, .. actual.Step > 0 || expected.TryGetValue("step", out double[]? count) && count is [0] ? ["step"] : Array.Empty<string>()];
        if (!present.SetEquals(expected.Keys))
            throw new GoldenCaseException($"{place}: the state has {{{string.Join(", ", present.Order())}}}, but {{{string.Join(", ", expected.Keys.Order())}}} was expected");
        foreach (var (key, values) in expected)
        {
            if (key == "step")
                Compare($"{place}, state 'step'", values, [actual!.Step], 0, ElementType.Float64);
            else if (actual!.TensorKeys.Contains(key))
                Compare($"{place}, state '{key}'", actual.TypeOf(key).Round(values), actual.Tensor(key), tolerance.State, actual.TypeOf(key));
            else if (actual.ListKeys.Contains(key))
                Compare($"{place}, state '{key}'", type.Number().Round(values), [.. actual.TensorList(key).SelectMany(x => x)], tolerance.State, type.Number());
            else
                Compare($"{place}, state '{key}'", values, [actual.Scalar(key)], tolerance.State, type.Number());
        }
    }

    /// <summary>A state dict with the state that the case begins with.</summary>
    StateDict Started(StateDict dict, GoldenNode[] states)
    {
        foreach (var (i, state) in states.Index())
        {
            var entry = new StateDict();
            foreach (var (key, value) in state.Fields())
                entry[key] = Content(value);
            dict.GetDict("state")[(long)i] = entry;
        }
        return dict;
    }

    object? Content(GoldenNode value)
    {
        if (value.IsList)
            return value.Items().Select(Content).ToArray();
        if (!value.IsObject)
            return value.Plain();
        value.WithOnly("shape", "values");
        double[] numbers = type.Number().Round(value["values"].Numbers());
        return TensorData.Of<double>(numbers, [.. value["shape"].Items().Select(x => x.Integer())]);
    }

    static void Compare(string place, double[] expected, double[] actual, double tolerance, ElementType type)
    {
        if (Comparison.Difference(expected, actual, tolerance, type.Spacing()) is { } difference)
            throw new GoldenCaseException($"{place}: {difference}");
    }

    (ParameterSpec[] Parameters, KeyValuePair<string, object?>[] Options) ReadGroup(GoldenNode group) =>
    (
        [.. group.WithOnly("params", "options")["params"].Items().Select(ReadParameter)],
        group.Optional("options")?.Options() ?? []
    );

    ParameterSpec ReadParameter(GoldenNode node)
    {
        long[] shape = [.. node.WithOnly("shape", "values")["shape"].Items().Select(x => x.Integer())];
        var spec = new ParameterSpec(shape, shape.Aggregate(type.IsComplex() ? 2L : 1L, (a, b) => a * b), node["values"].Numbers());
        return spec.Values.Length == spec.Count ? spec : throw node.Error($"{spec.Count} numbers are needed, not {spec.Values.Length}");
    }

    Step ReadStep(GoldenNode node, ParameterSpec[] parameters)
    {
        node.WithOnly("set", "grads", "params", "state");
        int n = parameters.Length;
        return new(
            node.ToString(),
            [.. (node.Optional("set")?.Items() ?? []).Select(ReadChange)],
            [.. node["grads"].Items(n).Zip(parameters, ReadGradient)],
            [.. node["params"].Items(n).Select(x => x.Numbers())],
            [.. node["state"].Items(n).Select(x => x.Fields().Where(f => !f.Value.IsNull).ToDictionary(f => f.Key, f => f.Value.Numbers()))]);
    }

    (int Group, KeyValuePair<string, object?>[] Options) ReadChange(GoldenNode node)
    {
        long group = node["group"].Integer();
        return group >= 0 && group < groups.Length ? ((int)group, node.Options(but: "group")) : throw node.Error($"there is no group {group}");
    }

    static GradientSpec? ReadGradient(GoldenNode node, ParameterSpec parameter)
    {
        if (node.IsNull)
            return null;
        if (!node.IsObject)
        {
            var dense = node.Numbers();
            return dense.Length == parameter.Count ? new(dense, null, null) : throw node.Error($"{parameter.Count} numbers are needed, not {dense.Length}");
        }
        node.WithOnly("indices", "rows");
        if (parameter.Shape is not [var first, ..])
            throw node.Error("a single number has no rows");
        long[] indices = [.. node["indices"].Items().Select(x => x.Integer())];
        double[][] rows = [.. node["rows"].Items(indices.Length).Select(x => x.Numbers())];
        if (indices.Any(i => i < 0 || i >= first) || rows.Any(r => r.Length != parameter.Count / first))
            throw node.Error($"the rows do not fit the shape [{string.Join(", ", parameter.Shape)}]");
        return new(null, indices, rows);
    }

    internal static ElementType TypeOf(GoldenNode node) => node.Text() switch
    {
        "float32" => ElementType.Float32,
        "float64" => ElementType.Float64,
        "bfloat16" => ElementType.BFloat16,
        "float16" => ElementType.Float16,
        "complex64" => ElementType.Complex64,
        "complex128" => ElementType.Complex128,
        var other => throw node.Error($"unknown type '{other}'"),
    };

    sealed record ParameterSpec(long[] Shape, long Count, double[] Values);

    sealed record GradientSpec(double[]? Dense, long[]? Indices, double[][]? Rows);

    sealed record Step(
        string Place,
        (int Group, KeyValuePair<string, object?>[] Options)[] Changes,
        GradientSpec?[] Gradients,
        double[][] Parameters,
        Dictionary<string, double[]>[] State);
}
