using System.Runtime.InteropServices;

namespace OptimSharp.Tool;

/// <summary>How far two tensors of one shape are from each other.</summary>
/// <param name="Different">How many numbers differ by more than is tolerated. NaN is the same as NaN.</param>
/// <param name="Largest">The largest absolute difference; infinite where one is NaN or infinite and the other is not the same.</param>
/// <param name="At">The place of the largest, counted row by row among the numbers.</param>
/// <param name="A">What the first has there.</param>
/// <param name="B">What the second has there.</param>
readonly record struct TensorDifference(long Different, double Largest, long At, double A, double B)
{
    const int Piece = 1 << 16;

    /// <param name="a">The first.</param>
    /// <param name="b">The second, of the same shape, complex if the first is.</param>
    /// <param name="absolute">Which absolute difference is tolerated.</param>
    /// <param name="relative">Which difference is tolerated in parts of the second's size.</param>
    /// <param name="progress">Is told of the bytes of both.</param>
    public static TensorDifference Of(TensorData a, TensorData b, double absolute, double relative, IProgress<long> progress)
    {
        if (a.ElementType == b.ElementType && a.ElementType is ElementType.Int64 or ElementType.UInt64)
            return OfWholeNumbers(a, b, absolute, relative, progress);
        long count = a.Count * (a.ElementType.IsComplex() ? 2 : 1);
        double[] left = new double[Math.Min(count, Piece)], right = new double[left.Length];
        int size = count == 0 || a.ElementType != b.ElementType ? 0 : (int)(a.Bytes / count); // of a number
        byte[] leftBytes = new byte[left.Length * size], rightBytes = new byte[leftBytes.Length];
        var found = new TensorDifference(0, 0, -1, 0, 0);
        for (long first = 0; first < count; first += Piece)
        {
            int part = (int)Math.Min(Piece, count - first);
            if (size > 0 && IsSame(first * size, part * size)) // most often, and quickly seen
            {
                progress.Report(2L * part * size);
                continue;
            }
            a.ReadDoubles(first, left.AsSpan(0, part));
            b.ReadDoubles(first, right.AsSpan(0, part));
            for (int i = 0; i < part; i++)
                found = found.With(first + i, left[i], right[i], Distance(left[i], right[i]), absolute, relative);
            progress.Report((long)((double)(a.Bytes + b.Bytes) / count * part));
        }
        return found;

        bool IsSame(long at, int bytes)
        {
            a.ReadBytes(at, leftBytes.AsSpan(0, bytes));
            b.ReadBytes(at, rightBytes.AsSpan(0, bytes));
            return leftBytes.AsSpan(0, bytes).SequenceEqual(rightBytes.AsSpan(0, bytes));
        }
    }

    /// <summary>Doubles would round them.</summary>
    static TensorDifference OfWholeNumbers(TensorData a, TensorData b, double absolute, double relative, IProgress<long> progress)
    {
        long count = a.Count;
        byte[] left = new byte[Math.Min(count, Piece) * 8], right = new byte[left.Length];
        var found = new TensorDifference(0, 0, -1, 0, 0);
        bool isSigned = a.ElementType == ElementType.Int64;
        for (long first = 0; first < count; first += Piece)
        {
            int part = (int)Math.Min(Piece, count - first);
            a.ReadBytes(first * 8, left.AsSpan(0, part * 8));
            b.ReadBytes(first * 8, right.AsSpan(0, part * 8));
            ReadOnlySpan<ulong> x = MemoryMarshal.Cast<byte, ulong>(left), y = MemoryMarshal.Cast<byte, ulong>(right);
            for (int i = 0; i < part; i++)
            {
                Int128 p = isSigned ? (long)x[i] : x[i], q = isSigned ? (long)y[i] : y[i];
                found = found.With(first + i, (double)p, (double)q, (double)Int128.Abs(p - q), absolute, relative);
            }
            progress.Report(part * 16L);
        }
        return found;
    }

    static double Distance(double a, double b) => a == b || double.IsNaN(a) && double.IsNaN(b) ? 0 : double.IsFinite(a) && double.IsFinite(b) ? Math.Abs(a - b) : double.PositiveInfinity;

    TensorDifference With(long at, double a, double b, double distance, double absolute, double relative)
    {
        if (distance == 0)
            return this;
        long different = Different + (distance <= absolute + relative * Math.Abs(b) && double.IsFinite(distance) ? 0 : 1);
        return distance > Largest ? new(different, distance, at, a, b) : this with { Different = different };
    }
}
