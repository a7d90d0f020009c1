using System.Text.Json;

namespace OptimSharp.AotCheck;

/// <summary>
/// Runs golden cases through public members only, as a program would that was compiled to native code. For the format see
/// tests/goldens; the conformance tests read it strictly and run all of it.
/// </summary>
static class GoldenRun
{
    /// <summary>Whether it is a case for here: an optimizer's, in float32 or float64. Options are set by group here, so none that looks at the optimizer's own rate, or whose parameters need an option; and none that begins with a state.</summary>
    public static bool Takes(JsonElement root) => !root.TryGetProperty("start", out _) && !root.GetRawText().Contains("corrected_weight_decay", StringComparison.Ordinal) && !root.GetRawText().Contains("decouple_lr", StringComparison.Ordinal) && !root.GetRawText().Contains("matrix_shape", StringComparison.Ordinal) &&
        root.GetProperty("kind").GetString() == "optimizer" && root.GetProperty("dtype").GetString() is "float32" or "float64";

    /// <summary>What differs from PyTorch first; null when nothing does.</summary>
    public static string? Difference(JsonElement root, Func<Parameter[][], Optimizer> create) =>
        root.GetProperty("dtype").GetString() == "float32"
            ? Difference<float>(root, create, x => (float)x, x => x, 1e-5)
            : Difference<double>(root, create, x => x, x => x, 1e-12);

    static string? Difference<T>(JsonElement root, Func<Parameter[][], Optimizer> create, Func<double, T> store, Func<T, double> load, double tolerance)
        where T : unmanaged
    {
        if (root.GetProperty("optimizer").GetString() is "Muon" or "NorMuon")
            tolerance = root.GetProperty("options").TryGetProperty("ns_float32", out _) ? 1e-4 : 2e-2; // their products are made in bfloat16, unless they are told not to
        var parameters = new List<Parameter<T>>();
        var groups = new List<Parameter<T>[]>();
        foreach (var group in root.GetProperty("groups").EnumerateArray())
        {
            int before = parameters.Count;
            foreach (var spec in group.GetProperty("params").EnumerateArray())
            {
                long[] shape = [.. spec.GetProperty("shape").EnumerateArray().Select(x => x.GetInt64())];
                parameters.Add(Parameter.Of($"p{parameters.Count}", Array.ConvertAll(Numbers(spec.GetProperty("values")), x => store(x)), shape));
            }
            groups.Add([.. parameters.Skip(before)]);
        }

        using var optimizer = create([.. groups]);
        foreach (var (group, spec) in optimizer.ParameterGroups.Zip(root.GetProperty("groups").EnumerateArray()))
        {
            Set(group, root.GetProperty("options"));
            if (spec.TryGetProperty("options", out var overrides))
                Set(group, overrides);
        }

        int number = 0;
        foreach (var step in root.GetProperty("steps").EnumerateArray())
        {
            if (step.TryGetProperty("set", out var changes))
            {
                foreach (var change in changes.EnumerateArray())
                    Set(optimizer.ParameterGroups[change.GetProperty("group").GetInt32()], change);
            }
            foreach (var (parameter, gradient) in parameters.Zip(step.GetProperty("grads").EnumerateArray()))
                SetGradient(parameter, gradient, store);
            optimizer.Step();
            for (int i = 0; i < parameters.Count; i++)
            {
                string place = $"step {number}, parameter {i}";
                double[] values = Array.ConvertAll(parameters[i].Values.ToArray(), x => load(x));
                if (Difference(step.GetProperty("params")[i], values, Rounded, tolerance) is { } difference)
                    return $"{place}: {difference}";
                if (optimizer.StateOf(parameters[i]) is not { } state)
                    continue;
                foreach (var entry in step.GetProperty("state")[i].EnumerateObject())
                {
                    double[] actual = entry.Name == "step" ? [state.Step]
                        : state.TensorKeys.Contains(entry.Name) ? state.Tensor(entry.Name)
                        : state.ListKeys.Contains(entry.Name) ? [.. state.TensorList(entry.Name).SelectMany(x => x)] : [state.Scalar(entry.Name)];
                    if (Difference(entry.Value, actual, entry.Name == "step" ? x => x : Rounded, tolerance) is { } inState)
                        return $"{place}, {entry.Name}: {inState}";
                }
            }
            number++;
        }
        return null;

        double Rounded(double x) => load(store(x)); // cases have just as many digits as the type tells apart
    }

    static void SetGradient<T>(Parameter<T> parameter, JsonElement gradient, Func<double, T> store) where T : unmanaged
    {
        parameter.SparseGradient = null;
        parameter.Gradient = null;
        if (gradient.ValueKind == JsonValueKind.Object)
        {
            long[] indices = [.. gradient.GetProperty("indices").EnumerateArray().Select(x => x.GetInt64())];
            T[] rows = [.. gradient.GetProperty("rows").EnumerateArray().SelectMany(Numbers).Select(store)];
            parameter.SparseGradient = new(indices, rows);
        }
        else if (gradient.ValueKind != JsonValueKind.Null)
        {
            parameter.Gradient = Array.ConvertAll(Numbers(gradient), x => store(x));
        }
    }

    /// <summary>Sets options by PyTorch's names. One may be allowed only when another is set, so those refused come again after the rest.</summary>
    static void Set(ParameterGroup group, JsonElement options)
    {
        var waiting = new Queue<JsonProperty>(options.EnumerateObject().Where(o => o.Name != "group"));
        for (int refused = 0; waiting.TryDequeue(out var option);)
        {
            try
            {
                group[option.Name] = Plain(option.Value);
                refused = 0;
            }
            catch (ArgumentException) when (++refused <= waiting.Count)
            {
                waiting.Enqueue(option);
            }
        }
    }

    static object? Plain(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Array => value.EnumerateArray().Select(Plain).ToArray(),
        JsonValueKind.Number when value.TryGetInt64(out long whole) => whole,
        JsonValueKind.Number => value.GetDouble(),
        _ => value.GetString(),
    };

    static double[] Numbers(JsonElement value) =>
        value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(Number)] : [Number(value)];

    static double Number(JsonElement value) => value.ValueKind == JsonValueKind.Number ? value.GetDouble() : value.GetString() switch
    {
        "inf" => double.PositiveInfinity,
        "-inf" => double.NegativeInfinity,
        _ => double.NaN,
    };

    static string? Difference(JsonElement expected, double[] actual, Func<double, double> rounded, double tolerance)
    {
        double[] numbers = [.. Numbers(expected).Select(rounded)];
        double scale = numbers.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty().Max();
        for (int i = 0; i < numbers.Length; i++)
        {
            if (double.IsFinite(numbers[i]) ? !(Math.Abs(actual[i] - numbers[i]) <= tolerance * scale) : !numbers[i].Equals(actual[i]))
                return FormattableString.Invariant($"element {i} is {actual[i]:R}, not {numbers[i]:R}");
        }
        return null;
    }
}
