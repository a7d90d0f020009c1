using System.Numerics;

namespace OptimSharp.Engine;

/// <summary>
/// The eigenvalues of a tridiagonal matrix by the implicit QL method with Wilkinson's shifts (Martin and Wilkinson, 1968), in double. What it does
/// to eigenvectors are rotations of neighbouring rows, thousands one behind the other; they are only written down here, and <see cref="RotationLoop{T}"/> does many at once.
/// </summary>
internal unsafe ref struct ImplicitQL<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public TensorOps Ops;
    public RotationLoop<T> Rotations;

    /// <summary>The diagonal and the numbers beside it.</summary>
    public double* D, E;

    /// <summary>How many numbers the diagonal has.</summary>
    public nint N;

    // The block at work, from the end where its numbers are smaller on: up or down the matrix.
    double* d, e;
    nint step, count, row;
    long sweeps;

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
        for (nint first = 0, last; first < N; first = last + 1)
        {
            last = first;
            while (last < N - 1 && !IsNegligible(E[last], D[last], D[last + 1]))
                last++;
            bool up = Math.Abs(D[first]) <= Math.Abs(D[last]);
            (row, count, step) = (up ? first : last, last - first + 1, up ? 1 : -1);
            d = D + row;
            e = up ? E + row : E + row - 1;
            if (!Block())
                return false;
        }
        Flush();
        Scale(1 / scale);
        return true;
    }

    static bool IsNegligible(double e, double d, double next) => Math.Abs(e) <= Math.Max(Negligible * (Math.Abs(d) + Math.Abs(next)), 1e-140);

    /// <summary>One eigenvalue after the other, the smallest ones first where the numbers are graded: so few sweeps do.</summary>
    bool Block()
    {
        for (nint l = 0; l < count; l++)
        {
            while (true)
            {
                nint m = l;
                while (m < count - 1 && !IsNegligible(e[m * step], d[m * step], d[(m + 1) * step]))
                    m++;
                if (m == l)
                    break;
                if (sweeps++ == 30 * N) // one or two for an eigenvalue are usual
                    return false;
                if (Rotations.Count + m - l > RotationLoop<T>.Room(N) || Rotations.Chains == RotationLoop<T>.MostChains)
                    Flush();
                Sweep(l, m);
            }
        }
        return true;
    }

    readonly void Scale(double factor)
    {
        for (nint i = 0; i < N; i++)
            D[i] *= factor;
        for (nint i = 0; i < N - 1; i++)
            E[i] *= factor;
    }

    /// <summary>One step of QL from number m of the block to number l.</summary>
    void Sweep(nint l, nint m)
    {
        double g = (d[(l + 1) * step] - d[l * step]) / (2 * e[l * step]), r = Hypotenuse(g, 1), s = 1, c = 1, p = 0;
        g = d[m * step] - d[l * step] + e[l * step] / (g + (g < 0 ? -r : r));
        nint i = m - 1;
        Rotations.Begin(row + m * step, -step);
        for (; i >= l; i--)
        {
            double f = s * e[i * step], b = c * e[i * step];
            ref double upper = ref d[(i + 1) * step];
            r = Hypotenuse(f, g);
            if (i + 1 < m)
                e[(i + 1) * step] = r;
            if (r == 0)
            {
                upper -= p;
                break;
            }
            s = f / r;
            c = g / r;
            g = upper - p;
            r = (d[i * step] - g) * s + 2 * c * b;
            p = s * r;
            upper = g + p;
            g = c * r - b;
            Rotations.Add(T.CreateTruncating(c), T.CreateTruncating(s));
        }
        Rotations.End();
        if (i < l)
        {
            d[l * step] -= p;
            e[l * step] = g;
        }
        if (m < count - 1)
            e[m * step] = 0;
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
