namespace OptimSharp.Tests.Groups;

/// <summary>The parameters of a small encoder, by names as models have them.</summary>
static class Model
{
    public static Parameter<float>[] Encoder(int layers = 3) =>
    [
        Make("embed.tokens", 8, 4), Make("embed.positions", 6, 4),
        .. Enumerable.Range(0, layers).SelectMany(i => (Parameter<float>[])[Make($"encoder.layers.{i}.norm.weight", 4), Make($"encoder.layers.{i}.linear.weight", 4, 4), Make($"encoder.layers.{i}.linear.bias", 4)]),
        Make("head.weight", 3, 4), Make("head.bias", 3),
    ];

    public static Parameter<float> Make(string name, params long[] shape) => Parameter.Of(name, new float[shape.Aggregate(1L, (a, b) => a * b)], shape);

    /// <summary>The names in each group.</summary>
    public static string[] Names(Optimizer optimizer) => [.. optimizer.ParameterGroups.Select(g => string.Join(" ", g.Parameters.Select(p => p.Name)))];

    public static void Give(IEnumerable<Parameter> parameters, int step = 0)
    {
        foreach (var p in parameters.Cast<Parameter<float>>())
            p.Gradient = Enumerable.Range(0, (int)p.Count).Select(i => (float)Math.Sin(p.Name.Sum(c => c) + 3 * step + i)).ToArray();
    }
}
