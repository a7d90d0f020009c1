using System.Numerics;
using System.Runtime.CompilerServices;

namespace OptimSharp.Kernels;

/// <summary>
/// c ← α·ab + β·d in tiles that threads share. Each element of c is one sum over k from first to last, whatever the
/// tile, the thread and the width of the vectors, which run along a row of c: so the bits are always the same.
/// </summary>
/// <remarks>
/// A tile of b (k in steps of <see cref="Depth"/>) stays in the second-level cache while all rows of the tile of c pass over it. Inside, four
/// rows by two vectors of c are kept in registers: eight sums at once hide the additions' latency.
/// </remarks>
internal unsafe struct MatrixProduct : ILoopBody
{
    public const nint TileRows = 64, TileColumns = 256, Depth = 256;

    public nint M, N, K;
    public float Alpha, Beta;
    public float* A, B, C, D;

    public readonly nint Tiles => (M + TileRows - 1) / TileRows * TilesAcross;

    readonly nint TilesAcross => (N + TileColumns - 1) / TileColumns;

    public readonly void Run(nint first, nint last)
    {
        for (nint tile = first; tile < last; tile++)
        {
            nint i0 = tile / TilesAcross * TileRows, j0 = tile % TilesAcross * TileColumns;
            Tile(i0, Math.Min(i0 + TileRows, M), j0, Math.Min(j0 + TileColumns, N));
        }
    }

    readonly void Tile(nint i0, nint i1, nint j0, nint j1)
    {
        for (nint i = i0; i < i1; i++)
            new Span<float>(C + i * N + j0, (int)(j1 - j0)).Clear();
        for (nint k0 = 0; k0 < K; k0 += Depth)
        {
            nint k1 = Math.Min(k0 + Depth, K), j = j0;
            for (; Execution.UsesWideLanes && j <= j1 - 2 * Vector<float>.Count; j += 2 * Vector<float>.Count)
            {
                nint i = i0;
                for (; i <= i1 - 4; i += 4)
                    FourRows(i, j, k0, k1);
                for (; i < i1; i++)
                    OneRow(i, j, k0, k1);
            }
            for (; j < j1; j++)
            {
                for (nint i = i0; i < i1; i++)
                {
                    float sum = C[i * N + j];
                    for (nint k = k0; k < k1; k++)
                        sum += A[i * K + k] * B[k * N + j];
                    C[i * N + j] = sum;
                }
            }
        }
        for (nint i = i0; i < i1; i++)
        {
            for (nint at = i * N + j0; at < i * N + j1; at++)
                C[at] = D == null ? Alpha * C[at] : Alpha * C[at] + Beta * D[at];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    readonly void FourRows(nint i, nint j, nint k0, nint k1)
    {
        nint n = N;
        float* c0 = C + i * n + j, c1 = c0 + n, c2 = c1 + n, c3 = c2 + n;
        float* a0 = A + i * K, a1 = a0 + K, a2 = a1 + K, a3 = a2 + K;
        nint v = Vector<float>.Count;
        Vector<float> s00 = Vector.Load(c0), s01 = Vector.Load(c0 + v), s10 = Vector.Load(c1), s11 = Vector.Load(c1 + v);
        Vector<float> s20 = Vector.Load(c2), s21 = Vector.Load(c2 + v), s30 = Vector.Load(c3), s31 = Vector.Load(c3 + v);
        float* b = B + k0 * n + j;
        for (nint k = k0; k < k1; k++, b += n)
        {
            Vector<float> b0 = Vector.Load(b), b1 = Vector.Load(b + v);
            var x = Vector.Create(a0[k]);
            s00 += x * b0;
            s01 += x * b1;
            x = Vector.Create(a1[k]);
            s10 += x * b0;
            s11 += x * b1;
            x = Vector.Create(a2[k]);
            s20 += x * b0;
            s21 += x * b1;
            x = Vector.Create(a3[k]);
            s30 += x * b0;
            s31 += x * b1;
        }
        s00.Store(c0);
        s01.Store(c0 + v);
        s10.Store(c1);
        s11.Store(c1 + v);
        s20.Store(c2);
        s21.Store(c2 + v);
        s30.Store(c3);
        s31.Store(c3 + v);
    }

    readonly void OneRow(nint i, nint j, nint k0, nint k1)
    {
        float* c = C + i * N + j, b = B + k0 * N + j;
        Vector<float> s0 = Vector.Load(c), s1 = Vector.Load(c + Vector<float>.Count);
        for (nint k = k0; k < k1; k++, b += N)
        {
            var x = Vector.Create(A[i * K + k]);
            s0 += x * Vector.Load(b);
            s1 += x * Vector.Load(b + Vector<float>.Count);
        }
        s0.Store(c);
        s1.Store(c + Vector<float>.Count);
    }
}
