using System.Numerics;
using System.Runtime.CompilerServices;

namespace OptimSharp.Engine;

/// <summary>
/// c ← α·ab + β·d in tiles that threads share. Each element of c is one sum over k from first to last, whatever the
/// tile, the thread and the width of the vectors, which run along a row of c: so the bits are always the same.
/// </summary>
/// <remarks>
/// A tile of b (k in steps of <see cref="Depth"/>) is first copied into panels as wide as two vectors, one row of a panel behind the other: in the
/// matrix its rows may lie a page apart, and then fall onto the same lines of the cache. It stays in the second-level cache while all rows of the tile of c pass
/// over it. Inside, four rows by two vectors of c are kept in registers: eight sums at once hide the additions' latency.
/// </remarks>
internal unsafe struct MatrixProduct : ILoopBody
{
    public const nint TileRows = 128, TileColumns = 128;
    const nint Depth = 256;

    public nint M, N, K;
    public float Alpha, Beta;
    public float* A, B, C, D;

    public readonly nint Tiles => (M + TileRows - 1) / TileRows * TilesAcross;

    readonly nint TilesAcross => (N + TileColumns - 1) / TileColumns;

    /// <summary>How many columns a panel has.</summary>
    static nint Width => 2 * Vector<float>.Count;

    [SkipLocalsInit]
    public readonly void Run(nint first, nint last)
    {
        const int Line = 64;
        byte* memory = stackalloc byte[(int)((Depth + TileRows) * TileColumns * sizeof(float)) + Line];
        float* panels = (float*)((nint)(memory + Line) & -Line), sums = panels + Depth * TileColumns;
        for (nint tile = first; tile < last; tile++)
        {
            nint i = tile / TilesAcross * TileRows, j = tile % TilesAcross * TileColumns;
            Tile(panels, sums, i, Math.Min(TileRows, M - i), j, Math.Min(TileColumns, N - j));
        }
    }

    /// <summary>The tile of c from row <paramref name="i0"/> and column <paramref name="j0"/> on.</summary>
    readonly void Tile(float* panels, float* sums, nint i0, nint rows, nint j0, nint columns)
    {
        nint stride = (columns + Width - 1) / Width * Width; // the last panel is filled up with zeros
        new Span<float>(sums, (int)(rows * stride)).Clear();
        for (nint k = 0; k < K; k += Depth)
        {
            nint depth = Math.Min(Depth, K - k);
            Pack(panels, k, depth, j0, columns);
            float* a = A + i0 * K + k;
            for (nint j = 0; j < columns; j += Width)
            {
                float* panel = panels + j * depth;
                nint i = 0;
                for (; Execution.UsesWideLanes && i <= rows - 4; i += 4)
                    FourRows(a + i * K, panel, depth, sums + i * stride + j, stride);
                for (; Execution.UsesWideLanes && i < rows; i++)
                    OneRow(a + i * K, panel, depth, sums + i * stride + j);
                for (; i < rows; i++)
                    OneRowByNumbers(a + i * K, panel, depth, sums + i * stride + j);
            }
        }
        for (nint i = 0; i < rows; i++)
        {
            nint at = (i0 + i) * N + j0;
            for (nint j = 0; j < columns; j++)
                C[at + j] = D == null ? Alpha * sums[i * stride + j] : Alpha * sums[i * stride + j] + Beta * D[at + j];
        }
    }

    readonly void Pack(float* panels, nint k0, nint depth, nint j0, nint columns)
    {
        for (nint j = 0; j < columns; j += Width)
        {
            float* from = B + k0 * N + j0 + j, to = panels + j * depth;
            int count = (int)Math.Min(Width, columns - j);
            for (nint k = 0; k < depth; k++, from += N, to += Width)
            {
                if (count == Width)
                {
                    Vector.Load(from).Store(to);
                    Vector.Load(from + Vector<float>.Count).Store(to + Vector<float>.Count);
                    continue;
                }
                new Span<float>(from, count).CopyTo(new(to, count));
                new Span<float>(to + count, (int)Width - count).Clear();
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    readonly void FourRows(float* a, float* b, nint depth, float* sums, nint stride)
    {
        float* a1 = a + K, a2 = a1 + K, a3 = a2 + K;
        float* c0 = sums, c1 = c0 + stride, c2 = c1 + stride, c3 = c2 + stride;
        nint v = Vector<float>.Count;
        Vector<float> s00 = Vector.Load(c0), s01 = Vector.Load(c0 + v), s10 = Vector.Load(c1), s11 = Vector.Load(c1 + v);
        Vector<float> s20 = Vector.Load(c2), s21 = Vector.Load(c2 + v), s30 = Vector.Load(c3), s31 = Vector.Load(c3 + v);
        for (nint k = 0; k < depth; k++, b += 2 * v)
        {
            Vector<float> b0 = Vector.Load(b), b1 = Vector.Load(b + v);
            var x = Vector.Create(a[k]);
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

    static void OneRow(float* a, float* b, nint depth, float* sums)
    {
        nint v = Vector<float>.Count;
        Vector<float> s0 = Vector.Load(sums), s1 = Vector.Load(sums + v);
        for (nint k = 0; k < depth; k++, b += 2 * v)
        {
            var x = Vector.Create(a[k]);
            s0 += x * Vector.Load(b);
            s1 += x * Vector.Load(b + v);
        }
        s0.Store(sums);
        s1.Store(sums + v);
    }

    static void OneRowByNumbers(float* a, float* b, nint depth, float* sums)
    {
        for (nint k = 0; k < depth; k++, b += Width)
        {
            for (nint j = 0; j < Width; j++)
                sums[j] += a[k] * b[j];
        }
    }
}
