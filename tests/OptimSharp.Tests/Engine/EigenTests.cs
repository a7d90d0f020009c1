using System.Numerics;
using static OptimSharp.Tests.Engine.MatrixCases;

namespace OptimSharp.Tests.Engine;

public class EigenTests
{
    public static TheoryData<int> Sizes => [0, 1, 2, 3, 4, 15, 16, 17, 31, 32, 33, 34, 63, 64, 65, 66, 97, 130, 200];

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Random_matrices(int n)
    {
        Check<float>(n, Gram<float>(n, Math.Max(n, 1), 1));
        Check<double>(n, Gram<double>(n, Math.Max(n, 1), 1));
        var a = Random(n, n, 3); // not definite
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < i; j++)
                a[j * n + i] = a[i * n + j];
        }
        Check<float>(n, Rounded<float>(a));
        Check<double>(n, a);
    }

    /// <summary>2 on the diagonal and −1 beside it: 4 sin²(kπ/2(n + 1)).</summary>
    [Theory]
    [InlineData(5)]
    [InlineData(100)]
    public void The_second_difference(int n)
    {
        var a = Diagonal([.. Enumerable.Repeat(2.0, n)]);
        for (int i = 1; i < n; i++)
            a[i * n + i - 1] = a[(i - 1) * n + i] = -1;
        double[] expected = [.. Enumerable.Range(1, n).Select(k => 4 * Math.Pow(Math.Sin(k * Math.PI / (2 * (n + 1))), 2))];
        Check<float>(n, a, expected);
        Check<double>(n, a, expected);
    }

    /// <summary>A spectrum turned by a reflection I − 2uuᵀ/uᵀu, which changes no eigenvalue.</summary>
    [Theory]
    [InlineData(1e-6)]
    [InlineData(1)]
    public void A_known_spectrum_with_equal_ones(double least)
    {
        const int N = 40;
        double[] spectrum = [.. Enumerable.Range(0, N).Select(i => i < 10 ? least : i < 30 ? 1 : i < 38 ? 2 : 5.0)];
        var u = Random(N, 1, 9);
        double square = u.Sum(x => x * x);
        var h = Diagonal([.. Enumerable.Repeat(1.0, N)]);
        for (int i = 0; i < N * N; i++)
            h[i] -= 2 * u[i / N] * u[i % N] / square;
        var a = Product(N, N, N, Product(N, N, N, h, Diagonal(spectrum)), h);
        Check<float>(N, Rounded<float>(a), spectrum);
        Check<double>(N, a, spectrum);
    }

    [Fact]
    public void Ones_everywhere_have_rank_1()
    {
        const int N = 70;
        double[] a = [.. Enumerable.Repeat(1.0, N * N)], expected = new double[N];
        expected[^1] = N;
        Check<float>(N, a, expected);
        Check<double>(N, a, expected);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(40)]
    public void A_low_rank(int rank)
    {
        Check<float>(80, Gram<float>(80, rank, 5));
        Check<double>(80, Gram<double>(80, rank, 5));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(50)]
    public void Zeros(int n)
    {
        foreach (var (values, vectors) in new[] { Eigen<float>(n, new double[n * n]), Eigen<double>(n, new double[n * n]) })
        {
            Assert.Equal(new double[n], values);
            Assert.Equal(Diagonal([.. Enumerable.Repeat(1.0, n)]), vectors);
        }
    }

    /// <summary>Nothing is rounded: each number is found as it is, 60 powers of ten apart.</summary>
    [Fact]
    public void A_diagonal_matrix_is_sorted()
    {
        double[] numbers = Rounded<float>([1e30, -1e-30, 1, 1e-30, -1e30, 0, 3, 3, 1e-10, -2]);
        Array.Resize(ref numbers, 40);
        double[] sorted = [.. numbers.Order()];
        foreach (var (values, vectors) in new[] { Eigen<float>(40, Diagonal(numbers)), Eigen<double>(40, Diagonal(numbers)) })
        {
            Assert.Equal(sorted, values);
            Assert.Equal(40, vectors.Count(x => x == 1));
            Assert.Equal(40 * 39, vectors.Count(x => x == 0));
        }
    }

    /// <summary>Rows and columns from 1e-30 to 1e30 in size, products of two of them in float from 1e-38: in both orders, and mixed.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    [InlineData(7)]
    public void A_graded_matrix(int order)
    {
        const int N = 50;
        var a = Gram<double>(N, N, 11);
        for (int i = 0; i < N * N; i++)
            a[i] *= Size(i / N) * Size(i % N);
        Check<float>(N, Rounded<float>(a));
        Check<double>(N, a);

        double Size(int i) => Math.Pow(10, -15 + 30.0 / N * (order == -1 ? N - 1 - i : i * order % N));
    }

    [Theory]
    [InlineData(1e38, 1e308)]
    [InlineData(1e-37, 1e-307)]
    [InlineData(1e-42, 1e-320)]
    [InlineData(1e20, 1e200)]
    public void Numbers_at_the_types_ends(double single, double full)
    {
        const int N = 20;
        var a = Array.ConvertAll(Gram<float>(N, N, 12), x => x / 8);
        // Below the least normal number, rounding to a multiple of the least is all that the type has.
        Check<float>(N, Rounded<float>(Array.ConvertAll(a, x => x * single)), rounding: Math.ScaleB(1, -149));
        Check<double>(N, Array.ConvertAll(a, x => x * full), rounding: double.Epsilon);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NegativeInfinity)]
    public void A_number_that_is_not_finite_makes_all_NaN(double bad)
    {
        foreach (int n in new[] { 1, 2, 40 })
        {
            var a = Gram<float>(n, n, 13);
            a[n / 2 * n] = bad;
            foreach (var (values, vectors) in new[] { Eigen<float>(n, a), Eigen<double>(n, a) })
                Assert.All(values.Concat(vectors), x => Assert.Equal(double.NaN, x));
        }
    }

    [Fact]
    public void Only_the_lower_triangle_is_read()
    {
        const int N = 40;
        double[] a = Gram<float>(N, N, 14), lower = [.. a.Select((x, i) => i % N > i / N ? double.NaN : x)];
        foreach (var (expected, actual) in new[] { (Eigen<float>(N, a), Eigen<float>(N, lower)), (Eigen<double>(N, a), Eigen<double>(N, lower)) })
        {
            Assert.Equal(expected.Values, actual.Values);
            Assert.Equal(expected.Vectors, actual.Vectors);
        }
    }

    /// <summary>‖AQ − QΛ‖ and ‖QᵀQ − I‖ in units of n·ε, of which LAPACK's own tests allow 30.</summary>
    static void Check<T>(int n, double[] a, double[]? expected = null, double rounding = 0) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (values, vectors) = Eigen<T>(n, a);
        // In units of the largest number, so that nothing overflows here.
        double size = a.Select(Math.Abs).DefaultIfEmpty(0).Max();
        if (size == 0)
            size = 1;
        var (scaled, lambdas) = (Array.ConvertAll(a, x => x / size), Array.ConvertAll(values, x => x / size));
        double unit = 3 * Math.Max(n, 1) * Epsilon<T>(), norm = Distance(scaled);
        double residual = Distance(Product(n, n, n, scaled, vectors), Product(n, n, n, vectors, Diagonal(lambdas)));
        Assert.True(residual <= unit * norm + n * rounding / size, $"residual {residual / unit / norm} of {n}");
        double angle = FromOrthonormal(n, n, vectors);
        Assert.True(angle <= unit, $"not orthonormal: {angle / unit} of {n}");
        Assert.Equal(values.Order(), values);
        for (int i = 0; i < n && expected != null; i++)
            Assert.Equal(expected.Order().ElementAt(i), values[i], unit * norm);
    }
}
