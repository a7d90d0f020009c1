namespace OptimSharp.Benchmarks;

/// <summary>
/// A table of 64 numbers a row, of which 100 rows have a gradient: the cost must be that of the rows, whatever the table's length.
/// </summary>
static class SparseRows
{
    const int Width = 64, Touched = 100;
    static readonly int[] Lengths = [1_000, 100_000, 1_000_000];

    public static IEnumerable<(string Name, long[] Shape, Func<IContender> Make)> Cases =>
        from rows in Lengths
        from optimizer in new (string Name, Func<Parameter, Optimizer> Make)[]
        {
            ("sparseadam", p => new SparseAdam([p])),
            ("sgd", p => new SGD([p])),
            ("adagrad", p => new Adagrad([p])),
        }
        select ($"{optimizer.Name}/sparse-{rows}x{Width}", new long[] { rows, Width }, (Func<IContender>)(() => new Table(rows, optimizer.Make)));

    sealed class Table : IContender
    {
        readonly Optimizer optimizer;

        public Table(int rows, Func<Parameter, Optimizer> make)
        {
            var random = new Random(1);
            var parameter = Parameter.Of("table", new float[rows * Width], rows, Width);
            var values = new float[Touched * Width];
            foreach (ref float value in values.AsSpan())
                value = random.NextSingle() - 0.5f;
            parameter.SparseGradient = new(Enumerable.Range(0, Touched).Select(_ => random.NextInt64(rows)).ToArray(), values);
            optimizer = make(parameter);
        }

        public void Step() => optimizer.Step();

        public void Dispose() => optimizer.Dispose();
    }
}
