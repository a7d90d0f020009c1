using System.Numerics;

namespace OptimSharp.Conformance;

/// <summary>Parameters over arrays.</summary>
public sealed class HostParameterSource : IParameterSource
{
    public string Name => "host";

    public GoldenParameter Create(string name, long[] shape, GoldenType type, double[] values) => type switch
    {
        GoldenType.Float32 => new Real<float>(name, shape, values, x => (float)x, x => x),
        GoldenType.Float64 => new Real<double>(name, shape, values, x => x, x => x),
        GoldenType.Float16 => new Real<Half>(name, shape, values, x => (Half)x, x => (double)x),
        GoldenType.BFloat16 => new Real<BFloat16>(name, shape, values, x => (BFloat16)(float)x, x => x),
        GoldenType.Complex64 => new Pairs<Complex64>(name, shape, values, (re, im) => new((float)re, (float)im), x => x),
        GoldenType.Complex128 => new Pairs<Complex>(name, shape, values, (re, im) => new(re, im), x => x),
        _ => throw new NotSupportedException($"Host parameters of {type} are not supported."),
    };

    abstract class Host<T> : GoldenParameter where T : unmanaged
    {
        readonly Parameter<T> parameter;

        protected Host(string name, long[] shape, double[] values) => parameter = OptimSharp.Parameter.Of(name, Pack(values), shape);

        public override Parameter Parameter => parameter;

        public override void SetGradient(double[]? values)
        {
            if (values is null)
                parameter.Gradient = null;
            else
                parameter.Gradient = Pack(values);
        }

        public override void SetSparseGradient(long[] indices, double[][] rows) =>
            parameter.SparseGradient = new(indices, Pack([.. rows.SelectMany(row => row)]));

        public override double[] Values() => Unpack(parameter.Values.Span);

        public override double[]? Gradient() => parameter.Gradient is { } gradient ? Unpack(gradient.Span) : null;

        protected abstract T[] Pack(double[] values);

        protected abstract double[] Unpack(ReadOnlySpan<T> values);
    }

    sealed class Real<T>(string name, long[] shape, double[] values, Func<double, T> store, Func<T, double> load) : Host<T>(name, shape, values)
        where T : unmanaged
    {
        protected override T[] Pack(double[] values) => Array.ConvertAll(values, x => store(x));

        protected override double[] Unpack(ReadOnlySpan<T> values) => Array.ConvertAll(values.ToArray(), x => load(x));
    }

    sealed class Pairs<T>(string name, long[] shape, double[] values, Func<double, double, T> store, Func<T, Complex> load) : Host<T>(name, shape, values)
        where T : unmanaged
    {
        protected override T[] Pack(double[] values) => [.. values.Chunk(2).Select(pair => store(pair[0], pair[1]))];

        protected override double[] Unpack(ReadOnlySpan<T> values) =>
            [.. values.ToArray().Select(x => load(x)).SelectMany(x => new[] { x.Real, x.Imaginary })];
    }
}
