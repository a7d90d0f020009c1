using OptimSharp.Rules;
using TorchSharp;

namespace OptimSharp.Torch.Tests.Rules;

/// <summary>
/// What tensor rules compute with, by libtorch's operators beside the host's, over the same numbers. libtorch takes sums in another order: so results differ by some last digits, in proportion to the largest.
/// </summary>
public sealed class DeviceMathTests : IDisposable
{
    readonly torch.Tensor tensor = torch.zeros(2, 3);
    readonly TensorMath there, here = new();

    public DeviceMathTests() => there = new(new TorchOps(new TorchParameter(tensor, "w", byPointer: false)));

    public void Dispose()
    {
        there.End();
        here.End();
        tensor.Dispose();
    }

    public static TheoryData<int, int, int> Sizes => new() { { 1, 1, 1 }, { 1, 5, 7 }, { 1, 40, 33 }, { 3, 4, 4 }, { 2, 33, 40 }, { 200, 3, 3 }, { 1, 1, 100 }, { 1, 100, 1 } };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Sums_and_means(int batch, int rows, int columns)
    {
        Same<float>(math => [math.SumOfSquares(Made<float>(math, 1, batch, rows, columns))]);
        Same<double>(math => [math.Dot(Made<double>(math, 1, batch, rows, columns), Made<double>(math, 2, batch, rows, columns))]);
        Same<float>(math => [math.SumOfSizes(Made<float>(math, 1, batch, rows, columns)), math.Largest(Made<float>(math, 2, batch, rows, columns))]);
        Same<double>(math => Result<double>(math, batch * rows, to => math.MeanSquareOfRows(Made<double>(math, 1, batch, rows, columns), to)));
        Same<float>(math => Result<float>(math, batch * columns, to => math.MeanSquareOfColumns(Made<float>(math, 1, batch, rows, columns), to)));
        Same<float>(math => Result<float>(math, batch, to => math.MeanOfMatrices(Made<float>(math, 1, batch, rows, columns), to)));
        Same<double>(math => Result<double>(math, batch, to => math.MeanOfMatrices(Made<double>(math, 1, batch, rows, columns), to, least: 0.01)));
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Products(int batch, int rows, int columns)
    {
        Same<float>(math => Product<float>(math, (a, b, c, to) => math.Multiply(1, a, b, to), false, false));
        Same<float>(math => Product<float>(math, (a, b, c, to) => math.Multiply(0.3f, a, b, -2, c, to), false, false));
        Same<double>(math => Product<double>(math, (a, b, c, to) => math.Multiply(0.3, a, b, to), false, false));
        Same<double>(math => Product<double>(math, (a, b, c, to) => math.Multiply(0.3, a, b, 0.7, c, to), false, false));
        Same<double>(math => Product<double>(math, (a, b, c, to) => math.MultiplyTransposedLeft(1, a, b, 0.5, c, to), true, false));
        Same<float>(math => Product<float>(math, (a, b, c, to) => math.MultiplyTransposedRight(2, a, b, 0, default, to), false, true));
        Same<float>(math => Result<float>(math, batch * rows * columns, to => math.Transpose(Made<float>(math, 1, batch, rows, columns), to.As(columns, rows, batch))));

        double[] Product<T>(TensorMath math, Action<Matrices<T>, Matrices<T>, Matrices<T>, Matrices<T>> multiply, bool left, bool right) where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
        {
            const int Depth = 9;
            Matrices<T> a = left ? Made<T>(math, 1, batch, Depth, rows) : Made<T>(math, 1, batch, rows, Depth), b = right ? Made<T>(math, 2, batch, columns, Depth) : Made<T>(math, 2, batch, Depth, columns);
            return Result<T>(math, batch * rows * columns, to => multiply(a, b, Made<T>(math, 3, batch, rows, columns), to.As(rows, columns, batch)));
        }
    }

    [Fact]
    public void A_product_without_a_third_matrix_does_not_look_at_what_was_there()
    {
        var to = Made<float>(there, 0, 1, 2, 2);
        to.Row(0)[0] = float.NaN;
        there.Multiply(1, Made<float>(there, 1, 1, 2, 3), Made<float>(there, 2, 1, 3, 2), to);
        Assert.True(float.IsFinite(to.Row(0)[0]));
    }

    [Fact]
    public void A_product_may_be_added_to_what_it_goes_to() => Same<float>(math =>
    {
        var to = Made<float>(math, 3, 1, 4, 5);
        math.Multiply(2, Made<float>(math, 1, 1, 4, 6), Made<float>(math, 2, 1, 6, 5), 0.5f, to, to);
        return Numbers(to);
    });

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(50)]
    public void Decompositions(int n)
    {
        Same<double>(math => Result<double>(math, n, to => math.Eigen(Square<double>(math, n), to.As(1, n), math.Take<double>(n, n))));
        Same<float>(math => Result<float>(math, n, to => math.Eigen(Square<float>(math, n), to.As(1, n), math.Take<float>(n, n))));
        Same<double>(math => Result<double>(math, n * n, to => math.InverseRoot(Square<double>(math, n), 4, 1e-3, to.As(n, n))));
        Same<double>(math => Result<double>(math, (n + 3) * n, to => math.QR(Made<double>(math, 1, 1, n + 3, n), to.As(n + 3, n))));
        Same<double>(math => Result<double>(math, n * (n + 3), to => math.QR(Made<double>(math, 1, 1, n, n + 3), math.Take<double>(n, n), to.As(n, n + 3))));
    }

    [Fact]
    public void Eigenvectors_make_the_matrix_again_and_the_root_is_symmetric()
    {
        Matrices<double> a = Square<double>(there, 20), vectors = there.Take<double>(20, 20), values = there.Take<double>(1, 20), root = there.Take<double>(20, 20);
        there.Eigen(a, values, vectors);
        for (int i = 0; i < 20; i++)
        {
            for (int j = 0; j < 20; j++)
            {
                double sum = 0;
                for (int k = 0; k < 20; k++)
                    sum += vectors.Row(i)[k] * values.Row(0)[k] * vectors.Row(j)[k];
                Assert.Equal(a.Row(i)[j], sum, 1e-12);
            }
        }
        there.InverseRoot(a, 2, 0.1, root);
        for (int i = 0; i < 20; i++)
        {
            for (int j = 0; j < i; j++)
                Assert.Equal(root.Row(i)[j], root.Row(j)[i]);
        }
    }

    [Fact]
    public void A_matrix_that_is_not_finite_is_decomposed_into_NaN()
    {
        var a = Square<float>(there, 4);
        a.Row(2)[1] = float.PositiveInfinity;
        Assert.All(Result<float>(there, 4, to => there.Eigen(a, to.As(1, 4), there.Take<float>(4, 4))), x => Assert.True(double.IsNaN(x)));
        Assert.All(Result<float>(there, 16, to => there.QR(a, to.As(4, 4))), x => Assert.True(double.IsNaN(x)));
        Assert.All(Result<float>(there, 16, to => there.InverseRoot(a, 2, 0, to.As(4, 4))), x => Assert.True(double.IsNaN(x)));
        Assert.Throws<ArgumentOutOfRangeException>(() => there.InverseRoot(Square<float>(there, 4), 0, 0, there.Take<float>(4, 4)));
    }

    [Fact]
    public void The_largest_of_numbers_with_NaN_is_NaN_and_of_none_0()
    {
        var x = Made<double>(there, 1, 1, 2, 3);
        x.Row(1)[1] = double.NaN;
        Assert.True(double.IsNaN(there.Largest(x)));
        Assert.Equal(0, there.Largest(there.Take<double>(0, 3)));
        Assert.Equal(0, there.SumOfSquares(there.Take<double>(0, 3)));
    }

    [Fact]
    public void Blocks_and_the_diagonal()
    {
        nint[] sizes = [3, 4, 5], offsets = [1, 0, 2], extents = [2, 3, 3];
        foreach (var math in (TensorMath[])[here, there])
        {
            Matrices<float> all = Made<float>(math, 1, 3, 4, 5), block = math.Take<float>(6, 3), other = math.Take<float>(3 * 4, 5);
            math.ReadBlock(all, sizes, offsets, extents, block);
            for (int i = 0; i < 2; i++)
            {
                for (int j = 0; j < 3; j++)
                    Assert.Equal(all.Row((1 + i) * 4 + j).Slice(2, 3).ToArray(), block.Row(i * 3 + j).ToArray());
            }
            for (int i = 0; i < 12; i++)
                other.Row(i).Clear();
            math.WriteBlock(block, other, sizes, offsets, extents);
            Assert.Equal(math.SumOfSquares(block), math.SumOfSquares(other), 1e-12);
            Assert.Equal(block.Row(4).ToArray(), other.Row(9).Slice(2, 3).ToArray());
            var squares = Made<double>(math, 1, 2, 3, 3);
            double[] before = Numbers(squares);
            math.AddToDiagonal(squares, 2);
            Assert.Equal(before.Select((x, i) => i % 9 % 4 == 0 ? x + 2 : x), Numbers(squares));
            Assert.Throws<ArgumentException>(() => math.AddToDiagonal(math.Take<float>(2, 3), 1));
            Assert.Throws<ArgumentException>(() => math.ReadBlock(math.Take<float>(2, 3), [2, 3], [1, 1], [1, 3], math.Take<float>(1, 3)));
            Assert.Throws<ArgumentException>(() => math.ReadBlock(math.Take<float>(2, 3), [2, 3], [1], [1, 3], math.Take<float>(1, 3)));
            Assert.Throws<ArgumentException>(() => math.ReadBlock(math.Take<float>(2, 3), [2, 4], [1, 0], [1, 3], math.Take<float>(1, 3)));
            Assert.Throws<ArgumentException>(() => math.ReadBlock(math.Take<float>(2, 3), [2, 3], [1, 0], [1, 3], math.Take<float>(1, 2)));
        }
    }

    [Fact]
    public void Types_are_converted_to_nearest()
    {
        Assert.Equal(Converted(here), Converted(there));

        static double[] Converted(TensorMath math)
        {
            var narrow = math.Take<float>(3, 5);
            math.Convert(Made<double>(math, 1, 1, 3, 5), narrow);
            return Numbers(narrow);
        }
    }

    [Fact]
    public void Rows_are_the_numbers_themselves_before_and_after_each_operation()
    {
        var x = Made<float>(there, 1, 2, 3, 4);
        var row = x.Row(4);
        row[1] = 7;
        there.Apply(new ScaleRule<float>(2), x, x);
        Assert.Equal(14, row[1]);
        row[1] = 1;
        there.Apply(new ScaleRule<float>(3), x, x);
        Assert.Equal(3, x.Row(4)[1]);
        Assert.Equal(3, x[1].Row(1)[1]);
    }

    [Fact]
    public void A_result_may_not_take_the_place_of_what_it_is_made_of()
    {
        var x = Made<float>(there, 1, 1, 3, 3);
        Assert.Throws<ArgumentException>(() => there.Multiply(1, x, x, x));
        Assert.Throws<ArgumentException>(() => there.Transpose(x, x));
        there.Multiply(1, x, x, there.Take<float>(3, 3)); // scratch memory begins elsewhere
    }

    [Fact]
    public void Over_means_over()
    {
        var x = there.Take<float>(2, 2);
        there.End();
        Assert.Throws<InvalidOperationException>(() => there.SumOfSquares(x));
        Assert.Throws<InvalidOperationException>(() => x.Row(0));
    }

    void Same<T>(Func<TensorMath, double[]> compute)
    {
        double[] expected = compute(here), actual = compute(there);
        double largest = expected.Max(Math.Abs), tolerance = typeof(T) == typeof(double) ? 1e-12 : 1e-5;
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], tolerance * Math.Max(1, largest));
    }

    static Matrices<T> Made<T>(TensorMath math, int seed, int batch, int rows, int columns) where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        var random = new Random(seed);
        var made = math.Take<T>(rows, columns, batch);
        for (nint i = 0; i < made.Batch * made.Rows; i++)
        {
            foreach (ref var number in made.Row(i))
                number = T.CreateChecked(2 * random.NextDouble() - 1);
        }
        return made;
    }

    /// <summary>A matrix with eigenvalues above 0.</summary>
    static Matrices<T> Square<T>(TensorMath math, int n) where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        Matrices<T> x = Made<T>(math, 5, 1, n, n + 5), square = math.Take<T>(n, n);
        math.MultiplyTransposedRight(T.One, x, x, T.Zero, default, square);
        math.AddToDiagonal(square, 0.25);
        return square;
    }

    static double[] Result<T>(TensorMath math, int count, Action<Matrices<T>> compute) where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        var to = math.Take<T>(1, count);
        compute(to);
        return Numbers(to);
    }

    static double[] Numbers<T>(Matrices<T> x) where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        var numbers = new List<double>();
        for (nint i = 0; i < x.Batch * x.Rows; i++)
            numbers.AddRange(x.Row(i).ToArray().Select(number => double.CreateChecked(number)));
        return [.. numbers];
    }
}
