using System.Numerics;

namespace OptimSharp.Engine;

/// <summary>
/// Eigenvalues and eigenvectors of a symmetric matrix: made tridiagonal (<see cref="Tridiagonal{T}"/>), then diagonal (<see cref="ImplicitQL{T}"/>), with the
/// reflections of the one multiplied out and turned by the rotations of the other.
/// </summary>
internal static unsafe class SymmetricEigen<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public static void Run(TensorOps ops, nint n, T* a, T* values, T* vectors)
    {
        nint width = RotationLoop<T>.Width, strips = (n + width - 1) / width;
        T* work = ops.Take<T>(strips * width * n), v = ops.Take<T>(n * n), tau = ops.Take<T>(n);
        double* diagonal = ops.Take<double>(n), beside = ops.Take<double>(n);
        nint* order = ops.Take<nint>(n), spans = ops.Take<nint>(3 * RotationLoop<T>.MostChains);
        T* pairs = ops.Take<T>(2 * RotationLoop<T>.Room(n));
        ops.For(new Mirror { A = a, N = n, To = work }, (n + Mirror.Block - 1) / Mirror.Block, Mirror.Block * n);
        double largest = ops.Largest(work, n * n), scale = Scales.FromTheEnds<T>(largest);
        bool found = double.IsFinite(largest);
        if (found)
        {
            if (scale != 1)
                Lines<T>.Scale(work, T.CreateTruncating(scale), n * n);
            Tridiagonal<T>.Reduce(ops, n, work, diagonal, beside, v, tau);
            Reflections<T>.Multiply(ops, v, tau, n - 1, 1, vectors, n, n);
            var rotations = new RotationLoop<T> { Matrix = work, Rows = n, Strips = strips, Pairs = pairs, Spans = spans };
            ops.For(new Cut { Q = vectors, N = n, To = work }, strips, n * width);
            found = new ImplicitQL<T> { Ops = ops, Rotations = rotations, N = n, D = diagonal, E = beside }.Run();
        }
        if (found)
        {
            Sort(diagonal, order, n);
            for (nint i = 0; i < n; i++)
                values[i] = T.CreateTruncating(diagonal[order[i]] / scale);
            ops.For(new Gather { Strips = work, Order = order, N = n, To = vectors }, strips, n * width);
        }
        else
        {
            Lines<T>.Fill(values, T.NaN, n);
            Lines<T>.Fill(vectors, T.NaN, n * n);
        }
        ops.GiveBack(8);
    }

    /// <summary>The order of numbers by size, by insertion: most come nearly sorted.</summary>
    static void Sort(double* numbers, nint* order, nint n)
    {
        for (nint i = 0; i < n; i++)
        {
            nint at = i;
            for (; at > 0 && numbers[order[at - 1]] > numbers[i]; at--)
                order[at] = order[at - 1];
            order[at] = i;
        }
    }

    /// <summary>Copies the lower triangle, and to the upper one.</summary>
    struct Mirror : ILoopBody
    {
        public const nint Block = 16; // rows together: their lines of the cache stay open while columns are read

        public T* A, To;
        public nint N;

        public readonly void Run(nint first, nint last)
        {
            for (nint i0 = first * Block; i0 < Math.Min(last * Block, N); i0 += Block)
            {
                nint end = Math.Min(i0 + Block, N);
                for (nint i = i0; i < end; i++)
                    Lines<T>.Copy(A + i * N, To + i * N, i + 1);
                for (nint j = i0 + 1; j < N; j++)
                {
                    for (nint i = i0; i < Math.Min(end, j); i++)
                        To[i * N + j] = A[j * N + i];
                }
            }
        }
    }

    /// <summary>Cuts Qᵀ into strips: rows of q become columns of a strip.</summary>
    struct Cut : ILoopBody
    {
        public T* Q, To;
        public nint N;

        public readonly void Run(nint first, nint last)
        {
            nint width = RotationLoop<T>.Width;
            for (nint strip = first; strip < last; strip++)
            {
                T* from = Q + strip * width * N, to = To + strip * width * N;
                nint rows = Math.Min(width, N - strip * width);
                for (nint j = 0; j < N; j++)
                {
                    for (nint i = 0; i < width; i++)
                        to[j * width + i] = i < rows ? from[i * N + j] : T.Zero;
                }
            }
        }
    }

    /// <summary>And back, in the order of the eigenvalues.</summary>
    struct Gather : ILoopBody
    {
        public T* Strips, To;
        public nint* Order;
        public nint N;

        public readonly void Run(nint first, nint last)
        {
            nint width = RotationLoop<T>.Width;
            for (nint strip = first; strip < last; strip++)
            {
                T* from = Strips + strip * width * N, to = To + strip * width * N;
                nint rows = Math.Min(width, N - strip * width);
                for (nint j = 0; j < N; j++)
                {
                    T* row = from + Order[j] * width;
                    for (nint i = 0; i < rows; i++)
                        to[i * N + j] = row[i];
                }
            }
        }
    }
}
