using OptimSharp.Rules;

namespace OptimSharp.Tests.Rules;

/// <summary>The door to whole tensors: what does not fit is named, and memory is not reached when its time is over.</summary>
public class TensorMathTests
{
    readonly TensorMath math = new();

    [Fact]
    public void Rows_matrices_and_numbers_are_where_they_are()
    {
        var x = Filled(2, 3, 4);
        Assert.Equal((2, 3, 4, 24), ((int)x.Batch, (int)x.Rows, (int)x.Columns, (int)x.Count));
        Assert.Equal([16, 17, 18, 19], x.Row(4).ToArray());
        Assert.Equal([16, 17, 18, 19], x[1].Row(1).ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => x.Row(6).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => x.Row(-1).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => x[2].Count);
    }

    [Fact]
    public void The_same_numbers_may_be_seen_as_other_matrices()
    {
        var x = Filled(2, 3, 4);
        var tall = x.As(6, 4);
        Assert.Equal([16, 17, 18, 19], tall.Row(4).ToArray());
        Assert.Equal([8, 9, 10, 11, 12, 13, 14, 15], x.As(1, 8, batch: 3).Row(1).ToArray());
        var rows = x.RowRange(2, 3); // over the border of the two
        Assert.Equal((1, 3, 4), ((int)rows.Batch, (int)rows.Rows, (int)rows.Columns));
        Assert.Equal([12, 13, 14, 15], rows.Row(1).ToArray());
        rows.Row(1)[0] = 7;
        Assert.Equal(7, x[1].Row(0)[0]);
        Assert.Equal(0, (int)x.RowRange(6, 0).Count);
        Assert.Throws<ArgumentException>(() => x.As(7, 4).Count);
        Assert.Throws<ArgumentException>(() => x.As(-6, 4, batch: -1).Count);
        Assert.Throws<ArgumentOutOfRangeException>(() => x.RowRange(4, 3).Count);
        Assert.Throws<ArgumentOutOfRangeException>(() => x.RowRange(-1, 1).Count);
        Assert.Throws<ArgumentOutOfRangeException>(() => x.RowRange(0, -1).Count);
        math.End();
        Assert.Contains("is over", Assert.Throws<InvalidOperationException>(() => x.RowRange(0, 1).Count).Message, StringComparison.Ordinal);
        Assert.Contains("is over", Assert.Throws<InvalidOperationException>(() => x.As(6, 4).Count).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void After_the_update_there_is_nothing_left_to_reach()
    {
        var x = Filled(1, 2, 2);
        math.End();
        Assert.Contains("is over", Assert.Throws<InvalidOperationException>(() => x.Row(0).Length).Message, StringComparison.Ordinal);
        Assert.Contains("is over", Assert.Throws<InvalidOperationException>(() => math.SumOfSquares(x)).Message, StringComparison.Ordinal);
        Assert.Contains("was not given this state", Assert.Throws<InvalidOperationException>(() => math.SumOfSquares(default(Matrices<double>))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_does_not_fit_is_named()
    {
        Matrices<double> x = Filled(2, 3, 4), y = Filled(1, 3, 4);
        Assert.Equal("y", Assert.Throws<ArgumentException>(() => math.Dot(x, y)).ParamName);
        Assert.Equal("means", Assert.Throws<ArgumentException>(() => math.MeanSquareOfRows(x, y)).ParamName);
        Assert.Equal("means", Assert.Throws<ArgumentException>(() => math.MeanSquareOfColumns(x, y)).ParamName);
        Assert.Equal("states", Assert.Throws<ArgumentException>(() => math.Apply(new LerpRule<double>(0.5), x, x, x)).ParamName);
        Assert.Equal("to", Assert.Throws<ArgumentException>(() => math.Transpose(x, x)).ParamName);
        Assert.Equal("b", Assert.Throws<ArgumentException>(() => math.Multiply(1, y, y, y)).ParamName);
        var square = Filled(1, 3, 3);
        Assert.Equal("to", Assert.Throws<ArgumentException>(() => math.Multiply(1, square, square, square)).ParamName);
        Assert.Equal("q", Assert.Throws<ArgumentException>(() => math.QR(square, square)).ParamName);
        Assert.Equal("to", Assert.Throws<ArgumentException>(() => math.Transpose(square, square)).ParamName);
        var q = Filled(1, 3, 3);
        Assert.Equal("r", Assert.Throws<ArgumentException>(() => math.QR(square, q, q)).ParamName);
        Assert.Equal("values", Assert.Throws<ArgumentException>(() => math.Eigen(square, square, square)).ParamName);
        Assert.Equal("p", Assert.Throws<ArgumentOutOfRangeException>(() => math.InverseRoot(square, 0, 1, square)).ParamName);
        Assert.Throws<ArgumentOutOfRangeException>(() => math.Take<double>(-1, 2));
    }

    [Theory]
    [InlineData(1, 3, 4)]     // rows of a few numbers
    [InlineData(300, 3, 3)]   // many small matrices
    [InlineData(3, 5, 700)]   // rows longer than a block
    [InlineData(1, 600, 1)]   // rows of one number
    public void A_rule_across_has_the_numbers_of_row_column_and_matrix(int batch, int rows, int columns)
    {
        var x = Filled(batch, rows, columns);
        var y = Filled(batch, rows, columns);
        Matrices<double> r = Filled(batch, rows, 1), c = Filled(batch, 1, columns), m = Filled(batch, 1, 1);
        math.ApplyAcross(new Sum(), x, y, r, c, m);
        for (int b = 0; b < batch; b++)
        {
            for (int i = 0; i < rows; i++)
            {
                double[] expected = [.. Enumerable.Range(0, columns).Select(j => 1e9 * (b * rows + i) + 1e4 * (b * columns + j) + b + ((b * rows + i) * columns + j) / 1e6)];
                double[] actual = x.Row(b * rows + i).ToArray();
                for (int j = 0; j < columns; j++)
                    Assert.Equal(expected[j], actual[j], 1e-6 * Math.Max(1, expected[j] / 1e6));
            }
        }
    }

    [Theory]
    [InlineData(1, 3, 4)]
    [InlineData(40, 3, 3)]
    [InlineData(2, 20, 300)]
    public void Means_are_of_squares(int batch, int rows, int columns)
    {
        var x = Filled(batch, rows, columns);
        Matrices<double> r = Filled(batch, rows, 1), c = Filled(batch, 1, columns), m = Filled(batch, 1, 1);
        math.MeanSquareOfRows(x, r);
        math.MeanSquareOfColumns(x, c);
        for (int b = 0; b < batch; b++)
        {
            for (int i = 0; i < rows; i++)
                Close(Enumerable.Range(0, columns).Average(j => Math.Pow(At(b, i, j), 2)), r.Row(b * rows + i)[0]);
            for (int j = 0; j < columns; j++)
                Close(Enumerable.Range(0, rows).Average(i => Math.Pow(At(b, i, j), 2)), c.Row(b)[j]);
        }
        math.MeanOfMatrices(x, m, least: 7);
        for (int b = 0; b < batch; b++)
            Close(Math.Max(7, Enumerable.Range(0, rows * columns).Average(k => (double)(b * rows * columns + k))), m.Row(b)[0]);

        double At(int b, int i, int j) => (b * rows + i) * columns + j;

        static void Close(double expected, double actual) => Assert.Equal(expected, actual, 1e-12 * Math.Max(1, expected));
    }

    [Fact]
    public void Products_are_of_each_matrix()
    {
        Matrices<float> a = math.Take<float>(2, 3, 2), b = math.Take<float>(3, 2, 2), to = math.Take<float>(2, 2, 2);
        for (int i = 0; i < 4; i++)
            new float[] { i, 1, 2 }.CopyTo(a.Row(i));
        for (int i = 0; i < 6; i++)
            new float[] { 1, i }.CopyTo(b.Row(i));
        math.Multiply(2, a, b, to);
        Assert.Equal([2 * (0 + 1 + 2), 2 * (0 * 0 + 1 * 1 + 2 * 2)], to.Row(0).ToArray());
        Assert.Equal([2 * (3 + 1 + 2), 2 * (3 * 3 + 1 * 4 + 2 * 5)], to.Row(3).ToArray());
        var sum = math.TakeLike(to);
        math.Multiply(1, a, b, 10, to, sum);
        Assert.Equal([3 + 10 * 6, 5 + 10 * 10], sum.Row(0).ToArray());
    }

    Matrices<double> Filled(int batch, int rows, int columns)
    {
        var x = math.Take<double>(rows, columns, batch);
        for (int i = 0; i < batch * rows; i++)
        {
            for (int j = 0; j < columns; j++)
                x.Row(i)[j] = i * columns + j;
        }
        return x;
    }

    readonly struct Sum : IUpdateRule<double>
    {
        public static int Slots => 3;

        public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, double> =>
            x.Param = L.Of(1e9) * x.S0 + L.Of(1e4) * x.S1 + x.S2 + L.Of(1e-6) * x.Grad;
    }
}
