using System.Numerics;
using static OptimSharp.Tests.Engine.MatrixCases;

namespace OptimSharp.Tests.Engine;

public class QRTests
{
    public static TheoryData<int, int> Shapes => new()
    {
        { 0, 0 }, { 1, 1 }, { 2, 2 }, { 3, 1 }, { 1, 3 }, { 17, 17 }, { 31, 31 }, { 32, 32 }, { 33, 33 }, { 64, 64 }, { 65, 65 }, { 100, 30 }, { 30, 100 },
        { 150, 70 }, { 70, 150 }, { 200, 200 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Random_matrices(int rows, int columns)
    {
        Check<float>(rows, columns, Rounded<float>(Random(rows, columns, 1)));
        Check<double>(rows, columns, Random(rows, columns, 1));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(20)]
    public void A_low_rank(int rank)
    {
        const int N = 60;
        var a = Product(N, N, rank, Random(N, rank, 2), Random(rank, N, 3));
        Check<float>(N, N, Rounded<float>(a));
        Check<double>(N, N, a);
    }

    /// <summary>There is nothing to reflect: Q = I, as in LAPACK, and R is the matrix with its signs.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(40)]
    public void Triangles_and_zeros_stay_as_they_are(int n)
    {
        double[] identity = Diagonal([.. Enumerable.Repeat(1.0, n)]), triangle = Rounded<float>(Random(n, n, 4));
        for (int i = 0; i < n * n; i++)
            triangle[i] = i % n < i / n ? 0 : triangle[i];
        foreach (double[] a in new[] { new double[n * n], identity, triangle })
        {
            foreach (var (q, r) in new[] { QR<float>(n, n, a), QR<double>(n, n, a) })
            {
                Assert.Equal(identity, q);
                Assert.Equal(a, r);
            }
        }
    }

    /// <summary>Columns from 1e-30 to 1e30 in size, in three orders. Each has its own error: that of reflections is in proportion to the column.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    [InlineData(7)]
    public void Graded_columns(int order)
    {
        const int N = 50;
        var a = Random(N, N, 5);
        for (int i = 0; i < N * N; i++)
            a[i] *= Math.Pow(10, -30 + 60.0 / N * (order == -1 ? N - 1 - i % N : i % N * order % N));
        Check<float>(N, N, Rounded<float>(a));
        Check<double>(N, N, a);
    }

    [Theory]
    [InlineData(1e38, 1e308)]
    [InlineData(1e-37, 1e-307)]
    [InlineData(1e-42, 1e-320)]
    [InlineData(1e20, 1e200)]
    public void Numbers_at_the_types_ends(double single, double full)
    {
        var a = Array.ConvertAll(Random(20, 20, 6), x => x / 8);
        Check<float>(20, 20, Rounded<float>(Array.ConvertAll(a, x => x * single)), rounding: Math.ScaleB(1, -149));
        Check<double>(20, 20, Array.ConvertAll(a, x => x * full), rounding: double.Epsilon);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void A_number_that_is_not_finite_makes_all_NaN(double bad)
    {
        var a = Random(40, 35, 7);
        a[700] = bad;
        foreach (var (q, r) in new[] { QR<float>(40, 35, a), QR<double>(40, 35, a) })
            Assert.All(q.Concat(r), x => Assert.Equal(double.NaN, x));
    }

    static void Check<T>(int rows, int columns, double[] a, double rounding = 0) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int k = Math.Min(rows, columns);
        var (q, r) = QR<T>(rows, columns, a);
        double unit = 3 * Math.Max(rows, 1) * Epsilon<T>();
        Assert.True(FromOrthonormal(rows, k, q) <= unit, $"not orthonormal: {FromOrthonormal(rows, k, q) / unit}");
        for (int j = 0; j < columns; j++)
        {
            double[] column = [.. Enumerable.Range(0, rows).Select(i => a[i * columns + j])], right = [.. Enumerable.Range(0, k).Select(i => r[i * columns + j])];
            Assert.All(right[Math.Min(k, j + 1)..], x => Assert.Equal(0, x));
            double size = Math.Max(column.Select(Math.Abs).Max(), double.Epsilon); // so that nothing overflows here
            var made = Product(rows, 1, k, q, Array.ConvertAll(right, x => x / size));
            var scaled = Array.ConvertAll(column, x => x / size);
            double error = Distance(scaled, made);
            Assert.True(error <= unit * Distance(scaled) + rows * rounding / size, $"column {j}: {error / unit / Distance(scaled)}");
        }
    }
}
