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
/// Matrices may be parts of larger ones: each has the distance of its rows (<see cref="AStride"/>, …). c may be d, element by element.
/// </remarks>
internal unsafe struct MatrixProduct<T> : ILoopBody where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public const nint TileRows = 128, TileColumns = 128;

    public nint M, N, K;
    public T Alpha, Beta;
    public T* A, B, C, D;
    public nint AStride, BStride, CStride, DStride;

    /// <summary>Whether <see cref="A"/> holds aᵀ, of k × m, and <see cref="B"/> bᵀ, of n × k.</summary>
    public bool ATransposed, BTransposed;

    public readonly nint Tiles => (M + TileRows - 1) / TileRows * TilesAcross;

    readonly nint TilesAcross => (N + TileColumns - 1) / TileColumns;

    /// <summary>How many columns a panel has.</summary>
    static nint Width => 2 * Vector<T>.Count;

    /// <summary>How many terms of the sums are added while a tile of b stays where it is: a KiB of them.</summary>
    static nint Depth => 1024 / sizeof(T);

    [SkipLocalsInit]
    public readonly void Run(nint first, nint last)
    {
        const int Line = 64;
        nint depth = Math.Min(Depth, K);
        byte* memory = stackalloc byte[(int)((depth * TileColumns + TileRows * TileColumns + (ATransposed ? TileRows * depth : 0)) * sizeof(T)) + Line];
        T* panels = (T*)((nint)(memory + Line) & -Line), sums = panels + depth * TileColumns, left = sums + TileRows * TileColumns;
        for (nint tile = first; tile < last; tile++)
        {
            nint i = tile / TilesAcross * TileRows, j = tile % TilesAcross * TileColumns;
            Tile(panels, sums, left, i, Math.Min(TileRows, M - i), j, Math.Min(TileColumns, N - j));
        }
    }

    /// <summary>The tile of c from row <paramref name="i0"/> and column <paramref name="j0"/> on.</summary>
    readonly void Tile(T* panels, T* sums, T* left, nint i0, nint rows, nint j0, nint columns)
    {
        nint stride = (columns + Width - 1) / Width * Width; // the last panel is filled up with zeros
        new Span<T>(sums, (int)(rows * stride)).Clear();
        for (nint k = 0; k < K; k += Depth)
        {
            nint depth = Math.Min(Depth, K - k), aStride = AStride;
            T* a = A + i0 * AStride + k;
            if (ATransposed)
            {
                PackRows(left, k, depth, i0, rows);
                a = left;
                aStride = depth;
            }
            if (BTransposed)
                PackTransposed(panels, k, depth, j0, columns);
            else
                Pack(panels, k, depth, j0, columns);
            for (nint j = 0; j < columns; j += Width)
            {
                T* panel = panels + j * depth;
                nint i = 0;
                for (; Execution.UsesWideLanes && i <= rows - 4; i += 4)
                    FourRows(a + i * aStride, aStride, panel, depth, sums + i * stride + j, stride);
                for (; Execution.UsesWideLanes && i < rows; i++)
                    OneRow(a + i * aStride, panel, depth, sums + i * stride + j);
                for (; i < rows; i++)
                    OneRowByNumbers(a + i * aStride, panel, depth, sums + i * stride + j);
            }
        }
        for (nint i = 0; i < rows; i++)
            Finish(sums + i * stride, C + (i0 + i) * CStride + j0, D == null ? null : D + (i0 + i) * DStride + j0, columns);
    }

    /// <summary>c ← α·sums + β·d.</summary>
    readonly void Finish(T* sums, T* c, T* d, nint count)
    {
        nint j = 0;
        for (; j <= count - Vector<T>.Count; j += Vector<T>.Count)
        {
            var scaled = Alpha * Vector.Load(sums + j);
            (d == null ? scaled : scaled + Beta * Vector.Load(d + j)).Store(c + j);
        }
        for (; j < count; j++)
            c[j] = d == null ? Alpha * sums[j] : Alpha * sums[j] + Beta * d[j];
    }

    readonly void Pack(T* panels, nint k0, nint depth, nint j0, nint columns)
    {
        for (nint j = 0; j < columns; j += Width)
        {
            T* from = B + k0 * BStride + j0 + j, to = panels + j * depth;
            int count = (int)Math.Min(Width, columns - j);
            for (nint k = 0; k < depth; k++, from += BStride, to += Width)
            {
                if (count == Width)
                {
                    Vector.Load(from).Store(to);
                    Vector.Load(from + Vector<T>.Count).Store(to + Vector<T>.Count);
                    continue;
                }
                new Span<T>(from, count).CopyTo(new(to, count));
                new Span<T>(to + count, (int)Width - count).Clear();
            }
        }
    }

    readonly void PackTransposed(T* panels, nint k0, nint depth, nint j0, nint columns)
    {
        nint filled = (columns + Width - 1) / Width * Width;
        for (nint j = 0; j < filled; j++)
        {
            T* from = B + (j0 + j) * BStride + k0, to = panels + j / Width * Width * depth + j % Width;
            for (nint k = 0; k < depth; k++)
                to[k * Width] = j < columns ? from[k] : T.Zero;
        }
    }

    /// <summary>The rows of a out of the columns of aᵀ, one behind the other.</summary>
    readonly void PackRows(T* left, nint k0, nint depth, nint i0, nint rows)
    {
        const nint Block = 16; // rows written together: so many lines of the cache are open
        for (nint i = 0; i < rows; i += Block)
        {
            nint end = Math.Min(i + Block, rows);
            for (nint k = 0; k < depth; k++)
            {
                T* from = A + (k0 + k) * AStride + i0;
                for (nint r = i; r < end; r++)
                    left[r * depth + k] = from[r];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void FourRows(T* a, nint aStride, T* b, nint depth, T* sums, nint stride)
    {
        T* a1 = a + aStride, a2 = a1 + aStride, a3 = a2 + aStride;
        T* c0 = sums, c1 = c0 + stride, c2 = c1 + stride, c3 = c2 + stride;
        nint v = Vector<T>.Count;
        Vector<T> s00 = Vector.Load(c0), s01 = Vector.Load(c0 + v), s10 = Vector.Load(c1), s11 = Vector.Load(c1 + v);
        Vector<T> s20 = Vector.Load(c2), s21 = Vector.Load(c2 + v), s30 = Vector.Load(c3), s31 = Vector.Load(c3 + v);
        for (nint k = 0; k < depth; k++, b += 2 * v)
        {
            Vector<T> b0 = Vector.Load(b), b1 = Vector.Load(b + v);
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

    static void OneRow(T* a, T* b, nint depth, T* sums)
    {
        nint v = Vector<T>.Count;
        Vector<T> s0 = Vector.Load(sums), s1 = Vector.Load(sums + v);
        for (nint k = 0; k < depth; k++, b += 2 * v)
        {
            var x = Vector.Create(a[k]);
            s0 += x * Vector.Load(b);
            s1 += x * Vector.Load(b + v);
        }
        s0.Store(sums);
        s1.Store(sums + v);
    }

    static void OneRowByNumbers(T* a, T* b, nint depth, T* sums)
    {
        for (nint k = 0; k < depth; k++, b += Width)
        {
            for (nint j = 0; j < Width; j++)
                sums[j] += a[k] * b[j];
        }
    }
}
