using System.Numerics;
using OptimSharp.Engine;

namespace OptimSharp.Tests.Engine;

/// <summary>Matrices for the tests of decompositions, in double whatever they are decomposed in, and what is measured of the results.</summary>
static unsafe class MatrixCases
{
    public static double[] Random(int rows, int columns, ulong seed) => Numbers.Tame(rows * columns, seed);

    /// <summary>As the type has it.</summary>
    public static double[] Rounded<T>(double[] a) where T : INumber<T> => Array.ConvertAll(a, x => double.CreateChecked(T.CreateSaturating(x)));

    /// <summary>bbᵀ/columns, rounded so that the type has it.</summary>
    public static double[] Gram<T>(int n, int rank, ulong seed) where T : INumber<T>
    {
        var b = Random(n, rank, seed);
        return Rounded<T>(Array.ConvertAll(Product(n, n, rank, b, Transposed(n, rank, b)), x => x / rank));
    }

    public static double[] Diagonal(params double[] numbers)
    {
        var a = new double[numbers.Length * numbers.Length];
        for (int i = 0; i < numbers.Length; i++)
            a[i * numbers.Length + i] = numbers[i];
        return a;
    }

    public static double[] Transposed(int rows, int columns, double[] a)
    {
        var to = new double[a.Length];
        for (int i = 0; i < a.Length; i++)
            to[i % columns * rows + i / columns] = a[i];
        return to;
    }

    public static double[] Product(int m, int n, int k, double[] a, double[] b)
    {
        var c = new double[m * n];
        for (int i = 0; i < m; i++)
        {
            for (int l = 0; l < k; l++)
            {
                for (int j = 0; j < n; j++)
                    c[i * n + j] += a[i * k + l] * b[l * n + j];
            }
        }
        return c;
    }

    /// <summary>The square root of the sum of the squares of a − b; b may be null for 0.</summary>
    public static double Distance(double[] a, double[]? b = null)
    {
        double largest = a.Concat(b ?? []).Select(Math.Abs).DefaultIfEmpty(0).Max();
        return largest == 0 ? 0 : largest * Math.Sqrt(a.Select((x, i) => (x / largest) - (b == null ? 0 : b[i] / largest)).Sum(x => x * x));
    }

    /// <summary>How far columns are from being of length 1 and at right angles.</summary>
    public static double FromOrthonormal(int rows, int columns, double[] q) =>
        Distance(Product(columns, columns, rows, Transposed(rows, columns, q), q), Diagonal([.. Enumerable.Repeat(1.0, columns)]));

    /// <summary>The distance from 1 to the next number.</summary>
    public static double Epsilon<T>() => typeof(T) == typeof(float) ? Math.ScaleB(1, -23) : Math.ScaleB(1, -52);

    public static (double[] Values, double[] Vectors) Eigen<T>(int n, double[] a) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        T[] from = From<T>(a), values = new T[n], vectors = new T[n * n];
        fixed (T* x = from, y = values, z = vectors)
            new TensorOps().Eigen(n, x, y, z);
        Assert.Equal(From<T>(a), from);
        return (To(values), To(vectors));
    }

    public static (double[] Q, double[] R) QR<T>(int rows, int columns, double[] a) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int k = Math.Min(rows, columns);
        T[] from = From<T>(a), q = new T[rows * k], alone = new T[rows * k], r = new T[k * columns];
        fixed (T* x = from, y = q, z = r, w = alone)
        {
            new TensorOps().QR(rows, columns, x, y, z);
            new TensorOps().QR(rows, columns, x, w);
        }
        Assert.Equal(From<T>(a), from);
        Assert.Equal(q, alone);
        return (To(q), To(r));
    }

    public static double[] InverseRoot<T>(int n, double[] a, int p, double epsilon) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        T[] from = From<T>(a), root = new T[n * n];
        fixed (T* x = from, y = root)
        {
            new TensorOps().InverseRoot(n, x, p, epsilon, y);
            new TensorOps().InverseRoot(n, x, p, epsilon, x); // in its place
        }
        Assert.Equal(root, from);
        return To(root);
    }

    public static T[] From<T>(double[] a) where T : INumber<T> => Array.ConvertAll(a, T.CreateSaturating);

    static double[] To<T>(T[] a) where T : INumber<T> => Array.ConvertAll(a, double.CreateChecked);
}
