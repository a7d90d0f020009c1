using System.Text.Json.Nodes;
using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Tests.Options;

namespace OptimSharp.Tests.Checkpoints.RoundTrips;

/// <summary>Fifteen steps of an optimizer, in two groups where it can have them, with the options of its golden cases.</summary>
sealed class OptimizerRoundTrip(string of, string name, JsonObject json, ElementType type) : RoundTripCase(of, name, json)
{
    const int Count = 15;

    public override int Steps => Count;

    public static IEnumerable<RoundTripCase> Cases() =>
        from optimizer in OptimizerDriver.PublicOptimizers
        where PyTorchOptions.Of.ContainsKey(optimizer.Name) // of the others PyTorch has none to take turns with
        from sparse in new[] { false, true }
        from set in (sparse ? OptimizerSamples.SparseOptionSets(optimizer) : OptimizerSamples.OptionSets(optimizer)).Index()
        where set.Item.All(o => PyTorchOptions.Of[optimizer.Name].Contains(o.Key)) // of options that PyTorch does not have it knows nothing
        from type in new[] { ElementType.Float64, ElementType.Float32 }
        where type == ElementType.Float64 || OptimizerSamples.StepsAlone(optimizer) // L-BFGS's goldens are in double precision: its directions are differences of numbers nearly equal
        select Make(optimizer, set.Index, set.Item, type, sparse);

    static OptimizerRoundTrip Make(Type optimizer, int index, KeyValuePair<string, object?>[] options, ElementType type, bool sparse)
    {
        bool alone = OptimizerSamples.StepsAlone(optimizer);
        long[][] shapes = sparse ? [[6, 2], [5, 3], [4, 4]]
            : !OptimizerSamples.TakesVectors(optimizer) ? [[3, 4], [5, 2], [4, 4]]
            : [[7], [3, 4], [2, 3, 2]];
        var random = new Random(index + 1);
        double[] Draw(long[] shape) => [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(_ => Math.Round(random.NextDouble() * 4 - 2, 4))];
        var given = options.Where(o => alone || o.Key is not ("max_iter" or "max_eval")).ToDictionary(o => o.Key, o => o.Value);
        if (!alone)
            given["max_iter"] = 2; // each is a step by itself: with more the run is at its end too soon
        var specs = shapes.Select(shape => new { shape, values = Draw(shape) }).ToArray();
        double rate = given.TryGetValue("lr", out object? lr) ? Convert.ToDouble(lr, System.Globalization.CultureInfo.InvariantCulture) : 0.01;
        object[] groups = alone
            ? [new { @params = specs[..2], options = new Dictionary<string, object>() }, new { @params = specs[2..], options = new Dictionary<string, object> { ["lr"] = rate / 2 } }]
            : [new { @params = specs, options = new Dictionary<string, object>() }];
        double[][] curvature = [.. shapes.Select(s => Draw(s).Select(Math.Abs).ToArray())], centre = [.. shapes.Select(Draw)];
        object Step(int k) => alone ? new { grads = shapes.Select(s => sparse ? Rows(s, k) : (object)Draw(s)).ToArray() } : new { curvature, centre };
        object Rows(long[] shape, int k) => new { indices = new[] { k % shape[0], (3 * k + 1) % shape[0], k % shape[0] }, rows = Enumerable.Range(0, 3).Select(_ => Draw(shape[1..])) };
        string typeName = type == ElementType.Float64 ? "float64" : "float32";
        string name = $"{optimizer.Name.ToLowerInvariant()}_{(sparse ? "sparse_" : "")}{index}_{typeName}";
        return new(optimizer.Name, name, ToJson(new
        {
            kind = "optimizer",
            name,
            optimizer = optimizer.Name,
            dtype = typeName,
            options = given,
            groups,
            steps = Enumerable.Range(0, Count).Select(Step),
        }).AsObject(), type);
    }

    public override StateDict Run(StateDict? saved, int first, int last)
    {
        var driver = OptimizerDriver.For(Of);
        var source = new HostParameterSource();
        var parameters = new List<GoldenParameter>();
        var shapes = new List<long[]>();
        var groups = new List<(IReadOnlyList<Parameter>, KeyValuePair<string, object?>[])>();
        foreach (var group in Json["groups"]!.AsArray())
        {
            int start = parameters.Count;
            foreach (var spec in group!["params"]!.AsArray())
            {
                string name = $"p{parameters.Count}";
                shapes.Add(Shape(spec!["shape"]!));
                parameters.Add(source.Create(name, shapes[^1], type, saved?.GetDict("model").GetTensor(name).ToDoubles() ?? Numbers(spec["values"]!)));
            }
            groups.Add(([.. parameters[start..].Select(p => p.Parameter)], Options(group["options"]!)));
        }
        using var optimizer = driver.Create(groups, Options(Json["options"]!));
        if (saved is not null)
            optimizer.LoadStateDict(saved.GetDict("optimizer"));
        for (int k = first; k < last; k++)
            Step(optimizer, parameters, Json["steps"]![k]!);
        var model = new StateDict();
        foreach (var (parameter, shape) in parameters.Zip(shapes))
        {
            double[] values = parameter.Values();
            model.Add(parameter.Parameter.Name, type == ElementType.Float64 ? TensorData.Of(values, shape) : TensorData.Of(Array.ConvertAll(values, x => (float)x), shape));
        }
        return new() { { "model", model }, { "optimizer", optimizer.StateDict() } };
    }

    void Step(Optimizer optimizer, List<GoldenParameter> parameters, JsonNode step)
    {
        if (step["curvature"] is { } curvature)
        {
            double[][] c = [.. curvature.AsArray().Select(x => type.Round(Numbers(x!)))], a = [.. step["centre"]!.AsArray().Select(x => type.Round(Numbers(x!)))];
            optimizer.Step(() => Bowl(parameters, c, a));
            return;
        }
        foreach (var (parameter, gradient) in parameters.Zip(step["grads"]!.AsArray()))
        {
            if (gradient is JsonObject rows)
                parameter.SetSparseGradient(Shape(rows["indices"]!), [.. rows["rows"]!.AsArray().Select(r => Numbers(r!))]);
            else
                parameter.SetGradient(Numbers(gradient!));
        }
        optimizer.Step();
    }

    /// <summary>The loss ½c(p − a)² + ¼(p − a)⁴, summed, and its gradients.</summary>
    static double Bowl(List<GoldenParameter> parameters, double[][] c, double[][] a)
    {
        double loss = 0;
        for (int i = 0; i < parameters.Count; i++)
        {
            double[] distance = [.. parameters[i].Values().Zip(a[i], (p, centre) => p - centre)];
            loss += distance.Zip(c[i], (d, curvature) => curvature * d * d / 2 + d * d * d * d / 4).Sum();
            parameters[i].SetGradient([.. distance.Zip(c[i], (d, curvature) => curvature * d + d * d * d)]);
        }
        return loss;
    }

    public override string? Difference(StateDict expected, StateDict actual)
    {
        var (parameter, state) = type.Tolerance(Of);
        if (Of == "LBFGS")
            parameter = state = 1e-9;
        var options = expected.GetDict("optimizer").GetDicts("param_groups")[0];
        return new StateComparison(path =>
            path.StartsWith("model", StringComparison.Ordinal) ? parameter
            : path.EndsWith(".step", StringComparison.Ordinal) ? 0
            : path.StartsWith("optimizer.state", StringComparison.Ordinal) ? path.EndsWith(".al", StringComparison.Ordinal) ? null : state
            : path.Split('.')[^1] is "foreach" or "fused" or "capturable" or "differentiable" or "param_names" ? null
            : path.Split('.')[^1] is "decoupled_weight_decay" or "maximize" && !options.ContainsKey(path.Split('.')[^1]) ? null // not yet in 1.13
            : path.EndsWith(".adjust_lr_fn", StringComparison.Ordinal) ? null // None is PyTorch's "original"
            : 1e-15).Difference(expected, actual);
    }
}
