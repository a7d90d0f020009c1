using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace OptimSharp.Engine;

/// <summary>
/// Rotations of neighbouring rows of a matrix: chains of them, each from a row up or down. The matrix lies in strips of <see cref="Width"/> columns, each strip's rows
/// one behind the other, so that a strip stays in the cache while all chains pass over it; threads share the strips.
/// </summary>
internal unsafe struct RotationLoop<T> : ILoopBody where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public const nint MostChains = 1024;

    /// <summary>The matrix's strips.</summary>
    public T* Matrix;

    /// <summary>How many rows it has.</summary>
    public nint Rows;

    /// <summary>How many strips.</summary>
    public nint Strips;

    /// <summary>c and s of each rotation.</summary>
    public T* Pairs;

    /// <summary>Of each chain the row that it begins with, how many rotations it has, and the way it goes, −1 or 1.</summary>
    public nint* Spans;

    /// <summary>How many rotations, and how many chains, are written down.</summary>
    public nint Count, Chains;

    /// <summary>How many columns a strip has: 128 bytes.</summary>
    public static nint Width => 128 / sizeof(T);

    /// <summary>How many rotations of n rows are written down before they are done.</summary>
    public static nint Room(nint n) => Math.Max(16 * n, 4096);

    public readonly void Begin(nint row, nint way)
    {
        Spans[3 * Chains] = row;
        Spans[3 * Chains + 1] = Count;
        Spans[3 * Chains + 2] = way;
    }

    public void Add(T c, T s)
    {
        Pairs[2 * Count] = c;
        Pairs[2 * Count++ + 1] = s;
    }

    public void End()
    {
        Spans[3 * Chains + 1] = Count - Spans[3 * Chains + 1];
        Chains++;
    }

    public void Clear() => Count = Chains = 0;

    public readonly void Run(nint first, nint last)
    {
        for (nint strip = first; strip < last; strip++)
        {
            T* rows = Matrix + strip * Rows * Width, pairs = Pairs;
            for (nint chain = 0; chain < Chains; chain++)
            {
                T* row = rows + Spans[3 * chain] * Width;
                nint count = Spans[3 * chain + 1], step = Spans[3 * chain + 2] * Width;
                if (Execution.UsesWideLanes)
                    Rotate(row, step, pairs, count);
                else
                    RotateByNumbers(row, step, pairs, count);
                pairs += 2 * count;
            }
        }
    }

    /// <summary>One chain: each row is read and written once, and goes into the next rotation in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Rotate(T* row, nint step, T* pairs, nint count)
    {
        nint v = Vector256<T>.Count;
        Vector256<T> x0 = Vector256.Load(row), x1 = Vector256.Load(row + v), x2 = Vector256.Load(row + 2 * v), x3 = Vector256.Load(row + 3 * v);
        for (nint k = 0; k < count; k++, pairs += 2)
        {
            Vector256<T> c = Vector256.Create(pairs[0]), s = Vector256.Create(pairs[1]);
            T* next = row + step;
            var y = Vector256.Load(next);
            (s * y + c * x0).Store(row);
            x0 = c * y - s * x0;
            y = Vector256.Load(next + v);
            (s * y + c * x1).Store(row + v);
            x1 = c * y - s * x1;
            y = Vector256.Load(next + 2 * v);
            (s * y + c * x2).Store(row + 2 * v);
            x2 = c * y - s * x2;
            y = Vector256.Load(next + 3 * v);
            (s * y + c * x3).Store(row + 3 * v);
            x3 = c * y - s * x3;
            row = next;
        }
        x0.Store(row);
        x1.Store(row + v);
        x2.Store(row + 2 * v);
        x3.Store(row + 3 * v);
    }

    static void RotateByNumbers(T* row, nint step, T* pairs, nint count)
    {
        for (nint k = 0; k < count; k++, pairs += 2, row += step)
        {
            T* next = row + step;
            for (nint j = 0; j < Width; j++)
            {
                T x = row[j], y = next[j];
                row[j] = pairs[1] * y + pairs[0] * x;
                next[j] = pairs[0] * y - pairs[1] * x;
            }
        }
    }
}
