using System.Numerics;
using System.Runtime.CompilerServices;

namespace OptimSharp.Engine;

/// <summary>
/// How the p-norm of numbers is gathered: for each a power of its size, added up, and in the end the p-th root of the sum. For p = ∞
/// and −∞ the largest and the smallest size; for p = 0 the number of tensors that are not all zeros, as PyTorch counts.
/// </summary>
internal readonly unsafe struct NormOrder(double p)
{
    const int Block = 512; // complex numbers whose sizes are taken together

    /// <summary>The largest size: finite when all numbers are.</summary>
    public static NormOrder Infinity { get; } = new(double.PositiveInfinity);

    public double P => p;

    /// <summary>What nothing gathers to.</summary>
    public double Start => double.IsNegativeInfinity(p) ? double.PositiveInfinity : 0;

    /// <summary>
    /// Whether gathering numbers of this type gives a finite result exactly when all of them are finite. Squares of singles, summed in
    /// double, can't overflow; those of doubles can.
    /// </summary>
    public bool TellsFinite(ElementType type) => double.IsPositiveInfinity(p) || IsSumOfAll && type.Real() != ElementType.Float64;

    /// <summary>Whether one number that is not finite always makes the gathered one so.</summary>
    public bool IsSumOfAll => p is 1 or 2 or double.PositiveInfinity;

    public double Combine(double a, double b) =>
        double.IsPositiveInfinity(p) ? Math.Max(a, b) : double.IsNegativeInfinity(p) ? Math.Min(a, b) : a + b;

    /// <summary>A tensor's share of the total, from its gathered numbers.</summary>
    public double OfTensor(double gathered) => p == 0 && gathered != 0 ? 1 : gathered;

    /// <summary>The norm, from the gathered tensors.</summary>
    public double Root(double gathered) => p switch
    {
        2 => Math.Sqrt(gathered),
        0 or 1 or double.PositiveInfinity or double.NegativeInfinity => gathered,
        _ => Powers.Compute(gathered, 1 / p),
    };

    /// <summary>Gathers numbers in one fixed order, on one thread.</summary>
    public double Gather<T>(T* x, nint count) where T : unmanaged, IBinaryFloatingPointIeee754<T> => p switch
    {
        2 => Reductions.Run<T, Reductions.Dot>(x, x, count),
        1 => Reductions.Run<T, Reductions.SumOfSizes>(x, x, count),
        double.PositiveInfinity => Reductions.Run<T, Reductions.Largest>(x, x, count),
        _ => OneByOne(x, count),
    };

    /// <summary>Gathers complex numbers, pairs of reals, by their sizes. <paramref name="count"/> is of reals.</summary>
    [SkipLocalsInit]
    public double GatherPairs<T>(T* x, nint count) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (p == 2)
            return Gather(x, count);
        double* sizes = stackalloc double[Block];
        double total = Start;
        for (nint i = 0; i < count; i += 2 * Block)
        {
            nint n = Math.Min(Block, (count - i) / 2);
            for (nint k = 0; k < n; k++)
                sizes[k] = double.Hypot(double.CreateTruncating(x[i + 2 * k]), double.CreateTruncating(x[i + 2 * k + 1]));
            total = Combine(total, Gather(sizes, n));
        }
        return total;
    }

    double OneByOne<T>(T* x, nint count) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double total = Start;
        for (nint i = 0; i < count; i++)
        {
            double size = Math.Abs(double.CreateTruncating(x[i]));
            total = Combine(total, double.IsNegativeInfinity(p) ? size : p == 0 ? size != 0 ? 1 : 0 : Powers.Compute(size, p));
        }
        return total;
    }
}
