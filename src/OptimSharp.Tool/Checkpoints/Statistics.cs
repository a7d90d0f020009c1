using System.Numerics.Tensors;

namespace OptimSharp.Tool;

/// <summary>What is said of a tensor's numbers. Norm, extremes and mean are of the finite ones.</summary>
/// <param name="Count">How many numbers: two for each complex element.</param>
/// <param name="Norm">The square root of the sum of squares.</param>
/// <param name="Min">The least; not a number where none is finite.</param>
/// <param name="Max">The greatest; not a number where none is finite.</param>
/// <param name="Mean">The mean; not a number where none is finite.</param>
/// <param name="NaNs">How many are not a number.</param>
/// <param name="Infinities">How many are infinite.</param>
/// <param name="Zeros">How many are zero.</param>
readonly record struct Statistics(long Count, double Norm, double Min, double Max, double Mean, long NaNs, long Infinities, long Zeros)
{
    const int Piece = 1 << 16;

    public bool IsFinite => NaNs + Infinities == 0;

    /// <summary>Goes over a tensor, once; of numbers whose squares overflow, twice.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="progress">Is told of its bytes.</param>
    public static Statistics Of(TensorData tensor, IProgress<long> progress)
    {
        long count = tensor.Count * (tensor.ElementType.IsComplex() ? 2 : 1), nans = 0, infinities = 0, zeros = 0, finite = 0;
        double squares = 0, sum = 0, min = double.PositiveInfinity, max = double.NegativeInfinity;
        foreach (var piece in Pieces(tensor, count, progress))
        {
            double pieceSquares = TensorPrimitives.SumOfSquares<double>(piece.Span), pieceSum;
            if (double.IsFinite(pieceSquares)) // then all of it is
            {
                finite += piece.Length;
                squares += pieceSquares;
                sum += TensorPrimitives.Sum<double>(piece.Span);
                min = Math.Min(min, TensorPrimitives.Min<double>(piece.Span));
                max = Math.Max(max, TensorPrimitives.Max<double>(piece.Span));
                zeros += piece.Span.Count(0.0);
                continue;
            }
            (pieceSquares, pieceSum) = (0, 0);
            foreach (double number in piece.Span)
            {
                if (!double.IsFinite(number))
                {
                    if (double.IsNaN(number))
                        nans++;
                    else
                        infinities++;
                    continue;
                }
                finite++;
                zeros += number == 0 ? 1 : 0;
                pieceSquares += number * number;
                pieceSum += number;
                min = Math.Min(min, number);
                max = Math.Max(max, number);
            }
            squares += pieceSquares;
            sum += pieceSum;
        }
        double largest = Math.Max(Math.Abs(min), Math.Abs(max));
        double norm = finite == 0 ? 0 : double.IsFinite(squares) && (squares > 1e-290 || largest == 0) ? Math.Sqrt(squares) : Scaled(tensor, count, largest);
        return finite == 0 ? new(count, 0, double.NaN, double.NaN, double.NaN, nans, infinities, zeros)
            : new(count, norm, min, max, double.IsFinite(sum) ? sum / finite : double.NaN, nans, infinities, zeros);
    }

    static double Scaled(TensorData tensor, long count, double largest)
    {
        double squares = 0;
        foreach (var piece in Pieces(tensor, count, null))
        {
            foreach (double number in piece.Span)
                squares += double.IsFinite(number) ? number / largest * (number / largest) : 0;
        }
        return largest * Math.Sqrt(squares);
    }

    static IEnumerable<ReadOnlyMemory<double>> Pieces(TensorData tensor, long count, IProgress<long>? progress)
    {
        var numbers = new double[Math.Min(count, Piece)];
        for (long first = 0; first < count; first += Piece)
        {
            var piece = numbers.AsMemory(0, (int)Math.Min(Piece, count - first));
            tensor.ReadDoubles(first, piece.Span);
            progress?.Report((long)((double)tensor.Bytes / count * piece.Length));
            yield return piece;
        }
    }
}
