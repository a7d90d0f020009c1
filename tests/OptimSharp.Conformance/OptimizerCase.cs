namespace OptimSharp.Conformance;

/// <summary>Kind "optimizer": given gradients, compared with PyTorch in every parameter and state tensor after every step.</summary>
sealed class OptimizerCase : GoldenCase
{
    readonly OptimizerDriver driver;
    readonly GoldenType type;
    readonly KeyValuePair<string, object?>[] options;
    readonly (ParameterSpec[] Parameters, KeyValuePair<string, object?>[] Options)[] groups;
    readonly Step[] steps;
    readonly (double Parameter, double State) tolerance;

    public OptimizerCase(GoldenNode root)
    {
        string optimizer = root["optimizer"].Text();
        driver = OptimizerDriver.For(optimizer);
        type = TypeOf(root["dtype"]);
        tolerance = type.Tolerance(optimizer);
        options = root.Optional("options")?.Options() ?? [];
        groups = [.. root["groups"].Items().Select(ReadGroup)];
        var parameters = groups.SelectMany(g => g.Parameters).ToArray();
        steps = [.. root["steps"].Items().Select(s => ReadStep(s, parameters))];
    }

    private protected override void Run(IParameterSource source)
    {
        var parameters = new List<GoldenParameter>();
        try
        {
            foreach (var spec in groups.SelectMany(g => g.Parameters))
                parameters.Add(source.Create($"p{parameters.Count}", spec.Shape, type, spec.Values));
            int first = 0;
            var given = groups.Select(g => ((IReadOnlyList<Parameter>)[.. parameters.GetRange((first += g.Parameters.Length) - g.Parameters.Length, g.Parameters.Length).Select(p => p.Parameter)], g.Options));
            using var optimizer = driver.Create(given, options, type.IsHalf() ? StatePrecision.Parameter : StatePrecision.Compute);
            foreach (var step in steps)
                Run(step, optimizer, parameters);
        }
        finally
        {
            foreach (var parameter in parameters)
                parameter.Dispose();
        }
    }

    void Run(Step step, Optimizer optimizer, List<GoldenParameter> parameters)
    {
        foreach (var (group, changes) in step.Changes)
            driver.Change(optimizer.ParameterGroups[group], changes);
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
            Compare($"{step.Place}, parameter {i}", type.Round(step.Parameters[i]), parameters[i].Values(), tolerance.Parameter, type.Element());
            CompareState($"{step.Place}, parameter {i}", step.State[i], optimizer.StateOf(parameters[i].Parameter));
            if (gradients[i] is { } before && !before.SequenceEqual(parameters[i].Gradient() ?? []))
                throw new ConformanceException($"{step.Place}, parameter {i}: the step changed the gradient");
        }
    }

    void CompareState(string place, Dictionary<string, double[]> expected, ParameterState? actual)
    {
        if (actual is null && expected.TryGetValue("step", out var steps) && steps is [0])
            return; // PyTorch's Adagrad makes state before the first gradient; ours is made with it
        var present = new HashSet<string>();
        if (actual is not null)
            present = [.. actual.TensorKeys, .. actual.ScalarKeys, .. actual.Step > 0 ? ["step"] : Array.Empty<string>()];
        if (!present.SetEquals(expected.Keys))
            throw new ConformanceException($"{place}: the state has {{{string.Join(", ", present.Order())}}}, but {{{string.Join(", ", expected.Keys.Order())}}} was expected");
        foreach (var (key, values) in expected)
        {
            if (key == "step")
                Compare($"{place}, state 'step'", values, [actual!.Step], 0, ElementType.Float64);
            else if (actual!.Find(key) is { } tensor)
                Compare($"{place}, state '{key}'", tensor.Type.Round(values), actual.Tensor(key), tolerance.State, tensor.Type);
            else
                Compare($"{place}, state '{key}'", values, [actual.Scalar(key)], tolerance.State, type.Number());
        }
    }

    static void Compare(string place, double[] expected, double[] actual, double tolerance, ElementType type)
    {
        if (Comparison.Difference(expected, actual, tolerance, type.Spacing()) is { } difference)
            throw new ConformanceException($"{place}: {difference}");
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

    internal static GoldenType TypeOf(GoldenNode node) => node.Text() switch
    {
        "float32" => GoldenType.Float32,
        "float64" => GoldenType.Float64,
        "bfloat16" => GoldenType.BFloat16,
        "float16" => GoldenType.Float16,
        "complex64" => GoldenType.Complex64,
        "complex128" => GoldenType.Complex128,
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
