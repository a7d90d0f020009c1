using System.Numerics;
using OptimSharp.TensorBoard.Protos;

namespace OptimSharp.TensorBoard;

/// <summary>Numbers counted in TensorBoard's buckets: limits of both signs that grow by a tenth each, from 10⁻¹² to 10²⁰, and 0.</summary>
static class Histogram
{
    const int Shift = 48; // leaves the exponent and four bits of a number: steps of a twentieth, of which a limit is two

    static readonly double[] positive = MakePositive();
    static readonly double[] limits = [.. positive.Reverse().Select(limit => -limit), 0, .. positive];
    static readonly ushort[] starts = MakeStarts();

    /// <summary>Counts the finite numbers.</summary>
    /// <returns>The histogram, and how many numbers are not finite. Without any that is, the histogram is null.</returns>
    public static (HistogramProto? Histogram, long NotFinite) Of<T>(ReadOnlySpan<T> values) where T : INumberBase<T>
    {
        long[] counts = new long[limits.Length + 1]; // the last is for what is not below the largest limit
        double min = double.PositiveInfinity, max = double.NegativeInfinity, sum = 0, squares = 0;
        long notFinite = 0;
        foreach (var item in values)
        {
            double value = double.CreateChecked(item);
            if (!double.IsFinite(value))
            {
                notFinite++;
                continue;
            }
            (min, max) = (Math.Min(min, value), Math.Max(max, value));
            sum += value;
            squares += value * value;
            counts[BucketOf(value)]++;
        }
        return notFinite == values.Length ? (null, notFinite) : (Trimmed(counts, new() { Min = min, Max = max, Num = values.Length - notFinite, Sum = sum, SumSquares = squares }), notFinite);
    }

    /// <summary>Writes the buckets from the first to the last that holds something. The one before them is empty: its limit is where the first begins.</summary>
    static HistogramProto Trimmed(long[] counts, HistogramProto to)
    {
        int first = Array.FindIndex(counts, c => c > 0), last = Array.FindLastIndex(counts, c => c > 0);
        for (int i = first - 1; i <= last; i++)
        {
            to.BucketLimit.Add(i < 0 ? -double.MaxValue : i < limits.Length ? limits[i] : double.MaxValue);
            to.Bucket.Add(i < first ? 0 : counts[i]);
        }
        return to;
    }

    /// <summary>The first bucket whose limit is above a value.</summary>
    static int BucketOf(double value)
    {
        double size = Math.Abs(value);
        int below = starts[BitConverter.DoubleToUInt64Bits(size) >> Shift];
        if (value >= 0)
        {
            while (below < positive.Length && positive[below] <= size)
                below++;
            return positive.Length + 1 + below; // after the negative limits and 0
        }
        while (below < positive.Length && positive[below] < size)
            below++;
        return positive.Length - below;
    }

    static double[] MakePositive()
    {
        var made = new List<double>();
        for (double limit = 1e-12; limit < 1e20; limit *= 1.1)
            made.Add(limit);
        return [.. made];
    }

    /// <summary>For the first bits of a number, how many positive limits are below all numbers that begin with them. At most two more are below the number itself, so none is searched for.</summary>
    static ushort[] MakeStarts()
    {
        ushort[] made = new ushort[1 << 64 - 1 - Shift];
        int below = 0;
        for (int i = 0; i < made.Length; i++)
        {
            double lowest = BitConverter.UInt64BitsToDouble((ulong)i << Shift);
            while (below < positive.Length && positive[below] < lowest)
                below++;
            made[i] = (ushort)below;
        }
        return made;
    }
}
