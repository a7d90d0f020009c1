using OptimSharp.Engine;
using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.Engine;

[Collection(Alone.Name)]
public unsafe class TensorOpsTests
{
    public static TheoryData<int> Sizes => [0, 1, 3, 15, 16, 17, 4095, 4096, 4097, 100_003];

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Reductions_are_right_and_the_same_bits_for_any_number_of_threads(int size)
    {
        double[] x = Numbers.Tame(size, 1), y = Numbers.Tame(size, 2);
        float[] single = Array.ConvertAll(x, v => (float)v);
        double[]? first = null;
        foreach (int threads in new[] { 1, 2, 5 })
        {
            using var scope = new ExecutionScope(threads);
            var ops = new TensorOps();
            fixed (double* a = x, b = y)
            fixed (float* s = single)
            {
                double[] found = [ops.Dot(a, b, size), ops.SumOfSizes(a, size), ops.Largest(a, size), ops.SumOfSquares(s, size)];
                first ??= found;
                Assert.Equal(first, found);
            }
        }
        Assert.Equal(x.Zip(y).Sum(p => p.First * p.Second), first![0], 1e-9);
        Assert.Equal(x.Sum(Math.Abs), first[1], 1e-9);
        Assert.Equal(x.Select(Math.Abs).DefaultIfEmpty(0).Max(), first[2]);
        Assert.Equal(single.Sum(v => (double)v * v), first[3], 1e-7);
    }

    [Fact]
    public void The_largest_of_numbers_with_NaN_is_NaN()
    {
        double[] x = [.. Enumerable.Repeat(1.0, 40)];
        x[33] = double.NaN;
        fixed (double* a = x)
            Assert.True(double.IsNaN(new TensorOps().Largest(a, x.Length)));
    }

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(3, 5, 2)]
    [InlineData(4, 16, 7)]
    [InlineData(65, 33, 300)]
    [InlineData(130, 300, 70)]
    [InlineData(257, 129, 513)]
    public void A_product_is_each_elements_sum_from_first_to_last(int m, int n, int k)
    {
        float[] a = Array.ConvertAll(Numbers.Tame(m * k, 1), x => (float)x), b = Array.ConvertAll(Numbers.Tame(k * n, 2), x => (float)x);
        float[] d = Array.ConvertAll(Numbers.Tame(m * n, 3), x => (float)x), expected = new float[m * n];
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++)
            {
                float sum = 0;
                for (int l = 0; l < k; l++)
                    sum += a[i * k + l] * b[l * n + j];
                expected[i * n + j] = 0.5f * sum + 2 * d[i * n + j];
            }
        }
        foreach (var (threads, wide) in new[] { (1, true), (2, true), (5, true), (1, false) })
        {
            using var scope = new ExecutionScope(threads, wide);
            float[] c = new float[m * n];
            fixed (float* pa = a, pb = b, pc = c, pd = d)
                new TensorOps().Multiply(m, n, k, 0.5f, pa, pb, 2, pd, pc);
            Assert.Equal(expected, c);
        }
    }

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(1, 7, 5)]
    [InlineData(3, 40, 517)]
    public void Means_of_squares_by_row_and_column(int batch, int rows, int columns)
    {
        double[] x = Numbers.Tame(batch * rows * columns, 4), byRow = new double[batch * rows], byColumn = new double[batch * columns];
        fixed (double* from = x, r = byRow, c = byColumn)
        {
            var ops = new TensorOps();
            ops.MeanSquareOfRows(from, batch * rows, columns, r);
            ops.MeanSquareOfColumns(from, batch, rows, columns, c);
        }
        for (int i = 0; i < batch * rows; i++)
            Assert.Equal(Enumerable.Range(0, columns).Average(j => Square(x[i * columns + j])), byRow[i], 1e-12);
        for (int i = 0; i < batch * columns; i++)
            Assert.Equal(Enumerable.Range(0, rows).Average(j => Square(x[(i / columns * rows + j) * columns + i % columns])), byColumn[i], 1e-12);

        static double Square(double v) => v * v;
    }

    [Theory]
    [InlineData(1, 5)]
    [InlineData(17, 3)]
    [InlineData(40, 65)]
    public void A_transposed_matrix(int rows, int columns)
    {
        float[] x = [.. Enumerable.Range(0, rows * columns).Select(i => (float)i)], to = new float[x.Length];
        fixed (float* from = x, target = to)
            new TensorOps().Transpose(from, rows, columns, target);
        for (int i = 0; i < x.Length; i++)
            Assert.Equal(x[i], to[i % columns * rows + i / columns]);
    }
}
