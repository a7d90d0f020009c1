using System.Numerics;

namespace OptimSharp.Testing;

/// <summary>Parameters over arrays.</summary>
internal sealed class HostParameterSource : IParameterSource
{
    public string Name => "host";

    public GoldenParameter Create(string name, long[] shape, ElementType type, double[] values) => type switch
    {
        ElementType.Float32 => new Real<float>(name, shape, values, x => (float)x, x => x),
        ElementType.Float64 => new Real<double>(name, shape, values, x => x, x => x),
        ElementType.Float16 => new Real<Half>(name, shape, values, x => (Half)x, x => (double)x),
        ElementType.BFloat16 => new Real<BFloat16>(name, shape, values, x => (BFloat16)(float)x, x => x),
        ElementType.Complex64 => new Pairs<Complex64>(name, shape, values, (re, im) => new((float)re, (float)im), x => x),
        ElementType.Complex128 => new Pairs<Complex>(name, shape, values, (re, im) => new(re, im), x => x),
        _ => throw new NotSupportedException($"Optimizers take no parameters of type {type}."),
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

        public override double[] GradientNow()
        {
            if (parameter.SparseGradient is not { } sparse)
                return Gradient() ?? Unpack(new T[parameter.Count]);
            double[] all = Unpack(new T[parameter.Count]), rows = Unpack(sparse.Rows.Span);
            foreach (var (k, row) in sparse.Indices.ToArray().Index())
            {
                int size = rows.Length / sparse.Indices.Length;
                for (int i = 0; i < size; i++)
                    all[row * size + i] += rows[k * size + i];
            }
            return all;
        }

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
