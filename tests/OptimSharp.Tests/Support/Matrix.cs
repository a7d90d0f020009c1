namespace OptimSharp.Tests.Support;

/// <summary>Matrices row by row, for right values that are computed by the definition.</summary>
static class Matrix
{
    /// <summary>The product of two square matrices.</summary>
    public static double[] Product(double[] a, double[] b, int n)
    {
        var c = new double[n * n];
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < n; j++)
            {
                for (int k = 0; k < n; k++)
                    c[i * n + j] += a[i * n + k] * b[k * n + j];
            }
        }
        return c;
    }

    public static double[] Transposed(double[] a, int rows, int columns) => [.. Enumerable.Range(0, rows * columns).Select(i => a[i % rows * columns + i / rows])];
}
