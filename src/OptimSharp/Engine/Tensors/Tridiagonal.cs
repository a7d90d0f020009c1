using System.Numerics;

namespace OptimSharp.Engine;

/// <summary>
/// A symmetric matrix made tridiagonal by reflections: QᵀAQ. Half of the work is one product of the matrix with a vector for each column, the other half
/// the matrix's change, which is kept back for a block of columns and then is one product of matrices (Dongarra, Sorensen and Hammarling, 1989).
/// </summary>
internal static unsafe class Tridiagonal<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    const nint Block = Reflections<T>.Block;

    /// <summary>a is both triangles, and is lost.</summary>
    /// <param name="ops">Whose loops and scratch.</param>
    /// <param name="n">a is n × n.</param>
    /// <param name="a">The matrix.</param>
    /// <param name="diagonal">n numbers.</param>
    /// <param name="beside">The n − 1 numbers beside the diagonal.</param>
    /// <param name="v">The n − 1 reflections' vectors, rows of n; number i begins with i + 1 zeros.</param>
    /// <param name="tau">Their n − 1 factors.</param>
    public static void Reduce(TensorOps ops, nint n, T* a, double* diagonal, double* beside, T* v, T* tau)
    {
        // The block's vectors v, then w, then v again: so the change VWᵀ + WVᵀ is one product of [V W] and [W V]ᵀ.
        T* lines = ops.Take<T>(3 * Block * n), product = ops.Take<T>(n);
        for (nint first = 0; first < n - 1; first += Block)
        {
            nint block = Math.Min(Block, n - 1 - first), next = first + block;
            T* vs = lines, ws = lines + block * n, again = ws + block * n;
            for (nint j = 0; j < block; j++)
            {
                nint c = first + j, left = n - c - 1;
                T* x = vs + j * n, w = ws + j * n;
                Lines<T>.Fill(x, T.Zero, c);
                Lines<T>.Copy(a + c * n + c, x + c, n - c);
                for (nint i = 0; i < j; i++)
                {
                    Lines<T>.Add(x + c, -ws[i * n + c], vs + i * n + c, n - c);
                    Lines<T>.Add(x + c, -vs[i * n + c], ws + i * n + c, n - c);
                }
                diagonal[c] = double.CreateTruncating(x[c]);
                x[c] = T.Zero;
                tau[c] = Reflections<T>.Make(x + c + 1, left, out T e);
                beside[c] = double.CreateTruncating(e);
                MakeW(ops, n, a, vs, ws, j, c + 1, tau[c]);
            }
            Lines<T>.Copy(vs, v + first * n, block * n);
            Lines<T>.Copy(vs, again, block * n);
            T* rest = a + next * n + next;
            ops.Product<T>(new()
            {
                M = n - next, N = n - next, K = 2 * block, Alpha = -T.One, Beta = T.One,
                A = vs + next, AStride = n, ATransposed = true, B = ws + next, BStride = n, C = rest, CStride = n, D = rest, DStride = n,
            });
        }
        if (n > 0)
            diagonal[n - 1] = double.CreateTruncating(a[n * n - 1]);
        ops.GiveBack(2);
    }

    /// <summary>w of column j: p = τAv for the matrix as it would be by now, w = p − ½τ(pᵀv)v. Elements before <paramref name="from"/> are zero in v and unused in w.</summary>
    static void MakeW(TensorOps ops, nint n, T* a, T* vs, T* ws, nint j, nint from, T tau)
    {
        T* v = vs + j * n + from, w = ws + j * n + from;
        nint left = n - from;
        Lines<T>.Fill(ws + j * n, T.Zero, n);
        if (T.IsZero(tau))
            return;
        ops.For(new ByRows { A = a + from * n + from, Stride = n, V = v, Count = left, To = w }, left, left);
        for (nint i = 0; i < j; i++)
        {
            T* vi = vs + i * n + from, wi = ws + i * n + from;
            T alongW = Lines<T>.Dot(wi, v, left), alongV = Lines<T>.Dot(vi, v, left);
            Lines<T>.Add(w, -alongW, vi, left);
            Lines<T>.Add(w, -alongV, wi, left);
        }
        Lines<T>.Scale(w, tau, left);
        Lines<T>.Add(w, T.CreateTruncating(-0.5) * tau * Lines<T>.Dot(w, v, left), v, left);
    }

    /// <summary>A symmetric matrix by a vector.</summary>
    struct ByRows : ILoopBody
    {
        public T* A, V, To;
        public nint Stride, Count;

        public readonly void Run(nint first, nint last)
        {
            for (nint i = first; i < last; i++)
                To[i] = Lines<T>.Dot(A + i * Stride, V, Count);
        }
    }
}
