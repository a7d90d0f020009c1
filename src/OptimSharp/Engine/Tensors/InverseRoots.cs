using System.Numerics;

namespace OptimSharp.Engine;

/// <summary>(A + εI)^(−1/p) from the eigenvalues and eigenvectors of A.</summary>
internal static unsafe class InverseRoots<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public static void Run(TensorOps ops, nint n, T* a, int p, double epsilon, T* root)
    {
        T* values = ops.Take<T>(n), vectors = ops.Take<T>(n * n);
        double* factors = ops.Take<double>(n);
        ops.Eigen(n, a, values, vectors);
        double lowest = n == 0 ? 0 : Math.Min(0, double.CreateTruncating(values[0]));
        for (nint i = 0; i < n; i++)
            factors[i] = InverseRoots.Of(double.CreateTruncating(values[i]) - lowest + epsilon, 2 * p);
        // (Q·factors)(Q·factors)ᵀ with half the exponent: so the root is symmetric to the bit.
        ops.For(new Columns { X = vectors, Factors = factors, N = n }, n, n);
        ops.MultiplyTransposedRight(n, n, n, T.One, vectors, vectors, T.Zero, null, root);
        ops.GiveBack(3);
    }

    /// <summary>Multiplies each column by its factor.</summary>
    struct Columns : ILoopBody
    {
        public T* X;
        public double* Factors;
        public nint N;

        public readonly void Run(nint first, nint last)
        {
            for (nint i = first * N; i < last * N; i += N)
            {
                for (nint j = 0; j < N; j++)
                    X[i + j] *= T.CreateTruncating(Factors[j]);
            }
        }
    }
}

/// <summary>Roots with nothing but + − × ÷ √, whose rounding is the same on every machine; that of <see cref="Math.Pow"/> is not.</summary>
internal static class InverseRoots
{
    public const int Most = 256;

    /// <summary>x^(−1/p), for x ≥ 0 and p from 1 to twice <see cref="Most"/>.</summary>
    public static double Of(double x, int p)
    {
        for (; p % 2 == 0; p /= 2)
            x = Math.Sqrt(x);
        if (p == 1 || !(x > 0 && double.IsFinite(x)))
            return 1 / x;
        // x = f · 2^(p·exponent), 1 ≤ f < 2^p: f's root is above ½. Newton's steps for 1/yᵖ = f go up to it from there.
        int exponent = (int)Math.Floor((double)Math.ILogB(x) / p);
        double f = Math.ScaleB(x, -p * exponent), y = 0.5;
        for (int step = 0; step < p + 64; step++)
        {
            double power = f;
            for (int i = 0; i < p; i++)
                power *= y;
            double next = y + y * (1 - power) / p;
            if (!(next > y))
                break;
            y = next;
        }
        return Math.ScaleB(y, -exponent);
    }
}
