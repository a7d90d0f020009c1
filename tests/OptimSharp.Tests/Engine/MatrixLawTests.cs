using System.Numerics;
using OptimSharp.Engine;
using OptimSharp.Tests.Support;
using static OptimSharp.Tests.Engine.MatrixCases;

namespace OptimSharp.Tests.Engine;

/// <summary>Products and decompositions have the same bits for any number of threads and any width of vectors, and allocate nothing once warm.</summary>
[Collection(Alone.Name)]
public unsafe class MatrixLawTests
{
    static readonly (int Threads, bool Wide)[] Ways = [(1, true), (2, true), (5, true), (1, false), (3, false)];

    [Theory]
    [InlineData(1)]
    [InlineData(20)]
    [InlineData(129)]
    [InlineData(300)]
    public void The_same_bits_for_any_threads_and_lanes(int n)
    {
        Check<float>(n);
        Check<double>(n);
    }

    static void Check<T>(int n) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double[] symmetric = Gram<T>(n, n, 31), a = Random(n, n + 3, 32);
        double[]? first = null;
        foreach (var (threads, wide) in Ways)
        {
            using var scope = new ExecutionScope(threads, wide);
            var (values, vectors) = Eigen<T>(n, symmetric);
            var (q, r) = QR<T>(n, n + 3, a);
            double[] all = [.. values, .. vectors, .. q, .. r, .. InverseRoot<T>(n, symmetric, 4, 1e-3)];
            first ??= all;
            Assert.Equal(Array.ConvertAll(first, BitConverter.DoubleToInt64Bits), Array.ConvertAll(all, BitConverter.DoubleToInt64Bits));
        }
    }

    public static TheoryData<int, int, int> Shapes => new() { { 1, 1, 1 }, { 3, 5, 2 }, { 4, 16, 7 }, { 65, 33, 300 }, { 130, 300, 70 }, { 257, 129, 513 }, { 5, 3, 0 } };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_product_is_each_elements_sum_from_first_to_last(int m, int n, int k)
    {
        CheckProducts<float>(m, n, k);
        CheckProducts<double>(m, n, k);
    }

    static void CheckProducts<T>(int m, int n, int k) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double[] left = Random(m, k, 1), right = Random(k, n, 2);
        T[] a = From<T>(left), at = From<T>(Transposed(m, k, left)), b = From<T>(right), bt = From<T>(Transposed(k, n, right));
        T[] d = From<T>(Random(m, n, 3)), with = new T[m * n], without = new T[m * n];
        T alpha = T.CreateChecked(0.3), beta = T.CreateChecked(1.7);
        for (int i = 0; i < m * n; i++)
        {
            T sum = T.Zero;
            for (int l = 0; l < k; l++)
                sum += a[i / n * k + l] * b[l * n + i % n];
            with[i] = alpha * sum + beta * d[i];
            without[i] = alpha * sum;
        }
        foreach (var (threads, wide) in Ways)
        {
            using var scope = new ExecutionScope(threads, wide);
            T[] c = new T[m * n];
            fixed (T* pa = a, pat = at, pb = b, pbt = bt, pc = c, pd = d)
            {
                var ops = new TensorOps();
                ops.MultiplyTransposedLeft(m, n, k, alpha, pat, pb, beta, pd, pc);
                Assert.Equal(with, c);
                ops.MultiplyTransposedRight(m, n, k, alpha, pa, pbt, T.Zero, null, pc);
                Assert.Equal(without, c);
                ops.MultiplyTransposedRight(m, n, k, alpha, pa, pbt, beta, pd, pc);
                Assert.Equal(with, c);
                if (typeof(T) == typeof(double))
                    ops.Multiply(m, n, k, 0.3, (double*)pa, (double*)pb, 1.7, (double*)pd, (double*)pc);
                else
                    ops.Multiply(m, n, k, 0.3f, (float*)pa, (float*)pb, 1.7f, (float*)pd, (float*)pc);
                Assert.Equal(with, c);
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_warm_one_allocates_nothing(int threads)
    {
        using var scope = new ExecutionScope(threads);
        const int N = 150;
        T[] Make<T>() where T : INumber<T> => From<T>(Gram<T>(N, N, 41));
        float[] single = Make<float>(), to = new float[N * N], other = new float[N * N];
        double[] full = Make<double>(), fullTo = new double[N * N], fullOther = new double[N * N];
        var ops = new TensorOps();
        AllocationTests.AssertFree(() =>
        {
            fixed (float* a = single, b = to, c = other)
            fixed (double* x = full, y = fullTo, z = fullOther)
            {
                ops.Eigen(N, a, c, b);
                ops.QR(N, N, a, b, c);
                ops.InverseRoot(N, a, 4, 1e-3, b);
                ops.Eigen(N, x, z, y);
                ops.QR(N, N, x, y, z);
                ops.InverseRoot(N, x, 4, 1e-3, y);
            }
        }, "decompositions");
    }
}
