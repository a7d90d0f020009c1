using System.Numerics;
using OptimSharp.Engine;
using static OptimSharp.Tests.Engine.MatrixCases;

namespace OptimSharp.Tests.Engine;

public class InverseRootTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 4)]
    [InlineData(40, 1)]
    [InlineData(40, 2)]
    [InlineData(40, 3)]
    [InlineData(65, 4)]
    [InlineData(40, 6)]
    [InlineData(130, 8)]
    public void Its_power_times_the_matrix_is_one(int n, int p)
    {
        Check<float>(n, p);
        Check<double>(n, p);
    }

    static void Check<T>(int n, int p) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        const double Damping = 0.25; // so that the matrix and its inverse are of about the same size
        var a = Gram<T>(n, n, 21);
        var root = InverseRoot<T>(n, a, p, Damping);
        Assert.Equal(Transposed(n, n, root), root);
        var one = Array.ConvertAll(a, x => x);
        for (int i = 0; i < n; i++)
            one[i * n + i] += Damping;
        for (int i = 0; i < p; i++)
            one = Product(n, n, n, root, one);
        double distance = Distance(one, Diagonal([.. Enumerable.Repeat(1.0, n)])), unit = n * Epsilon<T>();
        Assert.True(distance <= 20 * unit, $"{distance / unit} for {n}, {p}");
    }

    /// <summary>The spectrum of aaᵀ with rank 3 is three numbers and zeros: the root of the zeros is that of ε.</summary>
    [Fact]
    public void Of_a_low_rank_it_is_that_of_epsilon_elsewhere()
    {
        const int N = 30;
        var root = InverseRoot<double>(N, Gram<double>(N, 3, 22), 4, 1e-4);
        var values = Eigen<double>(N, root).Values;
        Assert.All(values[3..], x => Assert.Equal(10, x, 1e-6));
        Assert.All(values[..3], x => Assert.InRange(x, 0, 5));
    }

    [Fact]
    public void Of_zeros_it_is_that_of_epsilon()
    {
        Assert.True(Distance(Diagonal(2, 2, 2), InverseRoot<float>(3, new double[9], 4, 1.0 / 16)) < 1e-6);
        Assert.True(Distance(Diagonal(2, 2, 2), InverseRoot<double>(3, new double[9], 4, 1.0 / 16)) < 1e-15);
    }

    /// <summary>−1, 0, 3 become 0, 1, 4; with ε = 1 the roots are 1, 1/√2 and 1/√5.</summary>
    [Fact]
    public void A_negative_eigenvalue_raises_all()
    {
        var root = InverseRoot<double>(3, Diagonal(0, -1, 3), 2, 1);
        foreach (var (expected, i) in new[] { (1 / Math.Sqrt(2), 0), (1, 4), (1 / Math.Sqrt(5), 8) })
            Assert.Equal(expected, root[i], 1e-15);
    }

    [Fact]
    public void Graded_eigenvalues()
    {
        double[] numbers = [1e-30, 1e-10, 1, 1e10, 1e30];
        double[] single = InverseRoot<float>(5, Diagonal(numbers), 4, 0), full = InverseRoot<double>(5, Diagonal(numbers), 4, 0);
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(1, single[i * 6] * Math.Pow(numbers[i], 0.25), 1e-6);
            Assert.Equal(1, full[i * 6] * Math.Pow(numbers[i], 0.25), 1e-15);
        }
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void A_number_that_is_not_finite_makes_all_NaN(double bad)
    {
        var a = Gram<float>(20, 20, 23);
        a[200] = bad;
        Assert.All(InverseRoot<float>(20, a, 4, 1e-3).Concat(InverseRoot<double>(20, a, 4, 1e-3)), x => Assert.Equal(double.NaN, x));
    }

    [Fact]
    public void Roots_of_numbers_are_right_to_some_last_places()
    {
        foreach (int p in new[] { 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 63, 96, 255, 511, 512 })
        {
            foreach (double x in new[] { 1e-300, 3e-30, 0.1, 0.5, 1, 1.0000001, 2, 7, 8, 1e5, 1e30, 1e300, double.MaxValue, 1e-307 })
                Assert.Equal(1, InverseRoots.Of(x, p) / Math.Exp(-Math.Log(x) / p), 3e-13); // the logarithm's own error, at 700
        }
        Assert.Equal(0.5, InverseRoots.Of(8, 3));
        Assert.Equal(double.PositiveInfinity, InverseRoots.Of(0, 6));
        Assert.Equal(0, InverseRoots.Of(double.PositiveInfinity, 6));
        Assert.Equal(double.NaN, InverseRoots.Of(double.NaN, 6));
    }

    [Theory]
    [InlineData(0, 0.1)]
    [InlineData(-2, 0.1)]
    [InlineData(257, 0.1)]
    [InlineData(2, -1e-9)]
    [InlineData(2, double.NaN)]
    public void Out_of_range(int p, double epsilon) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => InverseRoot<float>(2, new double[4], p, epsilon));
}
