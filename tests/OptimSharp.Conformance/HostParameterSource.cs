namespace OptimSharp.Conformance;

/// <summary>Parameters over arrays. A complex one is a parameter of reals with one more dimension of two.</summary>
public sealed class HostParameterSource : IParameterSource
{
    public string Name => "host";

    public GoldenParameter Create(string name, long[] shape, GoldenType type, double[] values) => type switch
    {
        GoldenType.Float32 => new Host<float>(name, shape, values, x => (float)x, x => x),
        GoldenType.Float64 => new Host<double>(name, shape, values, x => x, x => x),
        GoldenType.Float16 => new Host<Half>(name, shape, values, x => (Half)x, x => (double)x),
        GoldenType.BFloat16 => new Host<BFloat16>(name, shape, values, x => (BFloat16)(float)x, x => x),
        GoldenType.Complex64 => new Host<float>(name, [.. shape, 2], values, x => (float)x, x => x),
        GoldenType.Complex128 => new Host<double>(name, [.. shape, 2], values, x => x, x => x),
        _ => throw new NotSupportedException($"Host parameters of {type} are not supported."),
    };

    sealed class Host<T>(string name, long[] shape, double[] values, Func<double, T> store, Func<T, double> load) : GoldenParameter
        where T : unmanaged
    {
        readonly Parameter<T> parameter = OptimSharp.Parameter.Of(name, Array.ConvertAll(values, x => store(x)), shape);

        public override Parameter Parameter => parameter;

        public override void SetGradient(double[]? values)
        {
            if (values is null)
                parameter.Gradient = null;
            else
                parameter.Gradient = Array.ConvertAll(values, x => store(x));
        }

        public override double[] Values() => Array.ConvertAll(parameter.Values.ToArray(), x => load(x));

        public override double[]? Gradient() =>
            parameter.Gradient is { } gradient ? Array.ConvertAll(gradient.ToArray(), x => load(x)) : null;
    }
}
