using OptimSharp.Testing;

namespace OptimSharp.Conformance;

/// <summary>Kind "grad_scaler": steps with scaled gradients, compared in what is stepped, in parameters, gradients and the scaler's state.</summary>
sealed class GradScalerCase : GoldenCase
{
    readonly OptimizerDriver driver;
    readonly KeyValuePair<string, object?>[] options;
    readonly Dictionary<string, double> settings;
    readonly ElementType type;
    readonly (long[] Shape, double[] Values)[] parameters;
    readonly GoldenNode[] steps;

    public GradScalerCase(GoldenNode root)
    {
        driver = OptimizerDriver.For(root["optimizer"].Text());
        options = [.. root["options"].Options().Where(o => o.Key is not ("foreach" or "fused"))]; // PyTorch's choice of an implementation
        settings = root["settings"].WithOnly("init_scale", "growth_factor", "backoff_factor", "growth_interval").Fields().ToDictionary(f => f.Key, f => f.Value.Number());
        type = OptimizerCase.TypeOf(root["dtype"]);
        parameters = [.. root["params"].Items().Select(p => ((long[])[.. p.WithOnly("shape", "values")["shape"].Items().Select(x => x.Integer())], p["values"].Numbers()))];
        steps = root["steps"].Items();
    }

    protected override void Run(IParameterSource source)
    {
        var made = parameters.Select((p, i) => source.Create($"p{i}", p.Shape, type, p.Values)).ToArray();
        using var optimizer = driver.Create([.. made.Select(p => p.Parameter)], options, type.IsHalf() ? StatePrecision.Parameter : StatePrecision.Compute);
        var scaler = new GradScaler(
            settings.GetValueOrDefault("init_scale", 65536), settings.GetValueOrDefault("growth_factor", 2),
            settings.GetValueOrDefault("backoff_factor", 0.5), (long)settings.GetValueOrDefault("growth_interval", 2000));
        try
        {
            foreach (var step in steps)
                Run(step, optimizer, scaler, made);
        }
        finally
        {
            foreach (var parameter in made)
                parameter.Dispose();
        }
    }

    void Run(GoldenNode step, Optimizer optimizer, GradScaler scaler, GoldenParameter[] made)
    {
        step.WithOnly("grads", "unscale", "clip_norm", "new_scale", "grads_after", "stepped", "params", "state");
        foreach (var (parameter, gradient) in made.Zip(step["grads"].Items(made.Length)))
            parameter.SetGradient(gradient.Numbers());
        var clip = step.Optional("clip_norm")?.Number();
        if (clip is not null || step.Optional("unscale") is not null)
            scaler.Unscale(optimizer);
        if (clip is { } max)
            Gradients.ClipNorm(made.Select(p => p.Parameter), max);
        bool stepped = scaler.Step(optimizer);
        if (stepped != (bool)step["stepped"].Plain()!)
            throw step.Error($"the step was {(stepped ? "taken" : "left out")}, PyTorch's was not");
        scaler.Update(step.Optional("new_scale")?.Number());
        for (int i = 0; i < made.Length; i++)
        {
            Compare(step["grads_after"].Items()[i], made[i].GradientNow());
            Compare(step["params"].Items()[i], made[i].Values());
        }
        var state = scaler.StateDict();
        foreach (var (key, value) in step["state"].Fields())
        {
            if (state.GetDouble(key) != (key == "scale" ? (float)value.Number() : value.Number()))
                throw value.Error($"it is {state.GetDouble(key)}, but {value.Number()} was expected");
        }
    }

    void Compare(GoldenNode expected, double[] actual)
    {
        if (Comparison.Difference(type.Round(expected.Numbers()), actual, type.Tolerance("").Parameter) is { } difference)
            throw expected.Error(difference);
    }
}
