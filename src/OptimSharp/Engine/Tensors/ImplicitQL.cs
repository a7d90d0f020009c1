using System.Numerics;

namespace OptimSharp.Engine;

/// <summary>
/// The eigenvalues of a tridiagonal matrix by the implicit QL method with Wilkinson's shifts (Martin and Wilkinson, 1968), in double. What it does
/// to eigenvectors are rotations of neighbouring rows, thousands one behind the other; they are only written down here, and <see cref="RotationLoop{T}"/> does many at once.
/// </summary>
internal unsafe ref struct ImplicitQL<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    const int MostSweeps = 60; // for one eigenvalue; three are usual

    public TensorOps Ops;
    public RotationLoop<T> Rotations;
    public nint N;
    public double* D, E;

    /// <summary>A number beside the diagonal below this part of its neighbours is taken for zero.</summary>
    static double Negligible => sizeof(T) == sizeof(float) ? 1.0 / (1 << 27) : double.BitIncrement(1) - 1;

    /// <summary>False when it doesn't converge, which has not been seen with finite numbers.</summary>
    public bool Run()
    {
        double largest = 0;
        for (nint i = 0; i < N; i++)
            largest = Math.Max(largest, Math.Max(Math.Abs(D[i]), i < N - 1 ? Math.Abs(E[i]) : 0));
        if (!double.IsFinite(largest))
            return false;
        double scale = largest == 0 ? 1 : Scales.ToOne<double>(largest);
        Scale(scale);
        for (nint l = 0; l < N; l++)
        {
            for (int sweep = 0; ; sweep++)
            {
                nint m = End(l);
                if (m == l)
                    break;
                if (sweep == MostSweeps)
                    return false;
                if (Rotations.Count + m - l > RotationLoop<T>.Room(N) || Rotations.Chains == RotationLoop<T>.MostChains)
                    Flush();
                Sweep(l, m);
            }
        }
        Flush();
        Scale(1 / scale);
        return true;
    }

    readonly void Scale(double factor)
    {
        for (nint i = 0; i < N; i++)
            D[i] *= factor;
        for (nint i = 0; i < N - 1; i++)
            E[i] *= factor;
    }

    /// <summary>The last row of the block that begins with row l and that no zero beside the diagonal parts.</summary>
    readonly nint End(nint l)
    {
        nint m = l;
        while (m < N - 1 && Math.Abs(E[m]) > Math.Max(Negligible * (Math.Abs(D[m]) + Math.Abs(D[m + 1])), 1e-140))
            m++;
        return m;
    }

    void Sweep(nint l, nint m)
    {
        double g = (D[l + 1] - D[l]) / (2 * E[l]), r = Hypotenuse(g, 1), s = 1, c = 1, p = 0;
        g = D[m] - D[l] + E[l] / (g + (g < 0 ? -r : r));
        nint i = m - 1;
        Rotations.Begin(m);
        for (; i >= l; i--)
        {
            double f = s * E[i], b = c * E[i];
            r = Hypotenuse(f, g);
            E[i + 1] = r;
            if (r == 0)
            {
                D[i + 1] -= p;
                break;
            }
            s = f / r;
            c = g / r;
            g = D[i + 1] - p;
            r = (D[i] - g) * s + 2 * c * b;
            p = s * r;
            D[i + 1] = g + p;
            g = c * r - b;
            Rotations.Add(T.CreateTruncating(c), T.CreateTruncating(s));
        }
        Rotations.End();
        if (i < l)
        {
            D[l] -= p;
            E[l] = g;
        }
        if (m < N - 1)
            E[m] = 0;
    }

    void Flush()
    {
        Ops.For(Rotations, Rotations.Strips, Rotations.Count * RotationLoop<T>.Width);
        Rotations.Clear();
    }

    /// <summary>√(x² + y²).</summary>
    static double Hypotenuse(double x, double y)
    {
        double largest = Math.Max(Math.Abs(x), Math.Abs(y));
        if (largest is > 1e-140 and < 1e140 || largest == 0)
            return Math.Sqrt(x * x + y * y);
        double scale = Scales.ToOne<double>(largest);
        x *= scale;
        y *= scale;
        return Math.Sqrt(x * x + y * y) / scale;
    }
}
