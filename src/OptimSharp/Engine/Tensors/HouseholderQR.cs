using System.Numerics;

namespace OptimSharp.Engine;

/// <summary>
/// a = QR by reflections. Works on aᵀ, where a column is a line; a block of columns is reduced one after the other, and the columns after it
/// by products of matrices.
/// </summary>
internal static unsafe class HouseholderQR<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    const nint Block = Reflections<T>.Block;

    public static void Run(TensorOps ops, nint rows, nint columns, T* a, T* q, T* r)
    {
        nint count = Math.Min(rows, columns);
        T* v = ops.Take<T>(rows * columns), tau = ops.Take<T>(count), t = ops.Take<T>(Block * Block);
        T* w = ops.Take<T>(Block * columns), wt = ops.Take<T>(Block * columns);
        double largest = ops.Largest(a, rows * columns), scale = Scales.FromTheEnds<T>(largest);
        if (double.IsFinite(largest))
        {
            ops.Transpose(a, rows, columns, v);
            if (scale != 1)
                Lines<T>.Scale(v, T.CreateTruncating(scale), rows * columns);
            for (nint first = 0; first < count; first += Block)
            {
                nint block = Math.Min(Block, count - first), next = first + block;
                Reduce(ops, v, rows, first, block, tau, r, columns, T.CreateTruncating(1 / scale));
                if (next < columns)
                    Update(ops, v, rows, first, block, columns - next, tau, t, w, wt);
            }
            if (r != null)
                WriteRest(v, rows, columns, count, r, T.CreateTruncating(1 / scale));
            Reflections<T>.Multiply(ops, v, tau, count, 0, q, rows, count);
        }
        else
        {
            Lines<T>.Fill(q, T.NaN, rows * count);
            if (r != null)
                Lines<T>.Fill(r, T.NaN, count * columns);
        }
        ops.GiveBack(5);
    }

    /// <summary>The reflections of a block of columns. Writes what the columns have of R, and leaves v in their place.</summary>
    static void Reduce(TensorOps ops, T* v, nint rows, nint first, nint block, T* tau, T* r, nint columns, T back)
    {
        for (nint j = first; j < first + block; j++)
        {
            T* x = v + j * rows;
            tau[j] = Reflections<T>.Make(x + j, rows - j, out T beta);
            if (r != null)
            {
                for (nint i = 0; i < columns && i < Math.Min(rows, columns); i++)
                    r[i * columns + j] = i < j ? x[i] * back : i == j ? beta * back : T.Zero;
            }
            Lines<T>.Fill(x, T.Zero, j);
            nint others = first + block - j - 1;
            ops.For(new OneReflection { V = x + j, Tau = tau[j], Count = rows - j, X = x + rows + j, Stride = rows }, others, rows - j);
        }
    }

    /// <summary>The later columns, as rows: X(I − VTVᵀ).</summary>
    static void Update(TensorOps ops, T* v, nint rows, nint first, nint block, nint others, T* tau, T* t, T* w, T* wt)
    {
        nint left = rows - first;
        T* vs = v + first * rows + first, x = vs + block * rows;
        Reflections<T>.Join(vs, rows, left, block, tau + first, t);
        ops.Product<T>(new() // W = XV
        {
            M = others, N = block, K = left, Alpha = T.One,
            A = x, AStride = rows, B = vs, BStride = rows, BTransposed = true, C = w, CStride = block,
        });
        ops.Product<T>(new() // WT
        {
            M = others, N = block, K = block, Alpha = T.One,
            A = w, AStride = block, B = t, BStride = block, C = wt, CStride = block,
        });
        ops.Product<T>(new() // X − WTVᵀ
        {
            M = others, N = left, K = block, Alpha = -T.One, Beta = T.One,
            A = wt, AStride = block, B = vs, BStride = rows, C = x, CStride = rows, D = x, DStride = rows,
        });
    }

    /// <summary>R's columns after the last reflection's, for a matrix wider than high.</summary>
    static void WriteRest(T* v, nint rows, nint columns, nint count, T* r, T back)
    {
        for (nint j = count; j < columns; j++)
        {
            for (nint i = 0; i < count; i++)
                r[i * columns + j] = v[j * rows + i] * back;
        }
    }

    struct OneReflection : ILoopBody
    {
        public T* V, X;
        public T Tau;
        public nint Count, Stride;

        public readonly void Run(nint first, nint last)
        {
            for (nint i = first; i < last; i++)
                Lines<T>.Add(X + i * Stride, -Tau * Lines<T>.Dot(X + i * Stride, V, Count), V, Count);
        }
    }
}
