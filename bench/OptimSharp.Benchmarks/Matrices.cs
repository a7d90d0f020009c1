using System.Diagnostics;
using System.Globalization;
using System.Numerics;
using OptimSharp.Engine;
using static TorchSharp.torch;

namespace OptimSharp.Benchmarks;

/// <summary>Products and decompositions of matrices, beside libtorch's: the two take turns.</summary>
static unsafe class Matrices
{
    static readonly int[] Sizes = [64, 256, 512, 1024];

    public static void Run(double seconds)
    {
        Console.WriteLine(Comparison.Machine());
        Console.WriteLine("n × n matrices: the median of each, in milliseconds, the best behind it, and how many times ours libtorch's median is");
        int most = Execution.ThreadCount;
        foreach (int threads in most == 1 ? [1] : new[] { 1, most })
        {
            Execution.ThreadCount = threads;
            set_num_threads(threads);
            foreach (int n in Sizes)
            {
                Cases<float>(n, seconds, ScalarType.Float32);
                Cases<double>(n, seconds, ScalarType.Float64);
            }
        }
        Execution.ThreadCount = most;
    }

    static void Cases<T>(int n, double seconds, ScalarType type) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var ops = new TensorOps();
        var random = new Random(1);
        T[] a = new T[n * n], gram = new T[n * n], values = new T[n], x = new T[n * n], y = new T[n * n];
        for (int i = 0; i < a.Length; i++)
            a[i] = T.CreateChecked(random.NextDouble() - 0.5);
        fixed (T* from = a, to = gram)
            ops.MultiplyTransposedLeft(n, n, n, T.One, from, from, T.Zero, null, to);
        using var scope = NewDisposeScope();
        var theirs = tensor(Array.ConvertAll(a, double.CreateChecked), [n, n], dtype: ScalarType.Float64).to(type);
        var theirGram = tensor(Array.ConvertAll(gram, double.CreateChecked), [n, n], dtype: ScalarType.Float64).to(type);

        Row("product", () =>
        {
            fixed (T* l = a, r = gram, to = x)
            {
                if (typeof(T) == typeof(float))
                    ops.Multiply(n, n, n, 1f, (float*)l, (float*)r, 0f, null, (float*)to);
                else
                    ops.Multiply(n, n, n, 1.0, (double*)l, (double*)r, 0.0, null, (double*)to);
            }
        }, () => matmul(theirs, theirGram));
        Row("eigen", () =>
        {
            fixed (T* from = gram, to = values, vectors = x)
                ops.Eigen(n, from, to, vectors);
        }, () => linalg.eigh(theirGram));
        Row("QR", () =>
        {
            fixed (T* from = a, q = x, r = y)
                ops.QR(n, n, from, q, r);
        }, () => linalg.qr(theirs));
        Row("root, p = 4", () =>
        {
            fixed (T* from = gram, to = x)
                ops.InverseRoot(n, from, 4, 1e-3, to);
        }, () =>
        {
            var (lambdas, vectors) = linalg.eigh(theirGram);
            matmul(vectors * (lambdas.clamp_min(0) + 1e-3).pow(-0.25), vectors.t());
        });

        void Row(string what, Action ours, Action libtorch)
        {
            var (our, their) = (new List<double>(), new List<double>());
            for (var clock = Stopwatch.StartNew(); our.Count < 4 || clock.Elapsed.TotalSeconds < seconds;)
            {
                our.Add(Time(ours));
                their.Add(Time(libtorch));
            }
            foreach (var times in new[] { our, their })
            {
                times.RemoveAt(0); // compiles, fills the caches
                times.Sort();
            }
            double median = our[our.Count / 2], other = their[their.Count / 2];
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{n,5} {typeof(T).Name,-7} {Execution.ThreadCount} threads {what,-12} {median,10:F3} ({our[0]:F3})  libtorch {other,10:F3} ({their[0]:F3})  ×{other / median:F2}"));
        }
    }

    static double Time(Action work)
    {
        using var scope = NewDisposeScope();
        long start = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
}
