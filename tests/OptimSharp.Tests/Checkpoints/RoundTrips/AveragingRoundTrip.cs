using System.Text.Json.Nodes;

namespace OptimSharp.Tests.Checkpoints.RoundTrips;

/// <summary>The averages of the golden cases, all of them.</summary>
sealed class AveragingRoundTrip(string name, JsonObject json) : RoundTripCase("AveragedModel", name, json)
{
    readonly ElementType type = Enum.Parse<ElementType>(json["dtype"]!.GetValue<string>(), ignoreCase: true);

    public override int Steps => Json["updates"]!.AsArray().Count;

    public static IEnumerable<RoundTripCase> Cases() =>
        from golden in Goldens("averaging")
        select new AveragingRoundTrip(golden.Name.Replace('/', '_'), golden.Json);

    public override StateDict Run(StateDict? saved, int first, int last)
    {
        var source = new HostParameterSource();
        long[][] parameters = [.. Json["parameters"]!.AsArray().Select(x => Shape(x!))], buffers = [.. Json["buffers"]!.AsArray().Select(x => Shape(x!))];
        var options = new AveragingOptions { UseBuffers = Json["use_buffers"]!.GetValue<bool>(), Precision = type.IsHalf() ? StatePrecision.Parameter : StatePrecision.Compute };
        string kind = Json["average"]!.GetValue<string>();
        var averaging = kind.StartsWith("equal", StringComparison.Ordinal) ? Averaging.Equal : Averaging.Ema(Json["decay"]?.GetValue<double>() ?? 0.1); // the documentation's has 0.1
        var live = Model(null);
        using var averaged = new AveragedParameters(live[..parameters.Length], averaging, options, live[parameters.Length..]);
        if (saved is not null)
            averaged.LoadStateDict(saved.GetDict("averaged"));
        for (int k = first; k < last; k++)
            averaged.Update(Model(Json["updates"]![k]!["model"]!.AsArray()));
        return new() { { "averaged", averaged.StateDict() } };

        Parameter[] Model(JsonArray? values) =>
        [
            .. parameters.Select((shape, i) => ($"p{i}", shape)).Concat(buffers.Select((shape, i) => ($"b{i}", shape))).Select((x, i) =>
                source.Create(x.Item1, x.shape, type, values is null ? new double[x.shape.Aggregate(type.IsComplex() ? 2L : 1L, (a, b) => a * b)] : Numbers(values[i]!)).Parameter),
        ];
    }

    public override string? Difference(StateDict expected, StateDict actual) =>
        new StateComparison(path => path.EndsWith("n_averaged", StringComparison.Ordinal) ? 0 : type.Tolerance("").Parameter).Difference(expected, actual);
}
