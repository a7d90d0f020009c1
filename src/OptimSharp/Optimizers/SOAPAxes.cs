using System.Numerics;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>SOAP's axes: eigenvectors of matrices that change slowly.</summary>
/// <param name="math">What is computed with.</param>
/// <param name="dimensions">The parameter's dimensions.</param>
/// <param name="averages">The matrices, one for each dimension.</param>
/// <param name="q">Their eigenvectors as columns.</param>
readonly ref struct SOAPAxes<T>(TensorMath math, ReadOnlySpan<nint> dimensions, MatrixList<T> averages, MatrixList<T> q)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly ReadOnlySpan<nint> dimensions = dimensions;

    /// <summary>Makes Q the eigenvectors of the averages, those of the largest eigenvalues first. Of the two signs each can have, the one with which its largest number is positive.</summary>
    public void Find()
    {
        for (int k = 0; k < dimensions.Length; k++)
        {
            if (averages[k].Count == 0)
                continue;
            var matrix = math.TakeLike(averages[k]);
            var values = math.Take<T>(1, dimensions[k]);
            math.Copy(averages[k], matrix);
            math.AddToDiagonal(matrix, 1e-30); // as the authors do
            math.Eigen(matrix, values, matrix);
            Mirror(matrix, q[k]);
        }
    }

    void Mirror(Matrices<T> vectors, Matrices<T> to)
    {
        var largest = math.Take<T>(1, vectors.Columns).Row(0);
        largest.Clear();
        for (nint i = 0; i < vectors.Rows; i++)
        {
            var row = vectors.Row(i);
            for (int j = 0; j < row.Length; j++)
            {
                if (T.Abs(row[j]) > T.Abs(largest[j]))
                    largest[j] = row[j];
            }
        }
        for (nint i = 0; i < vectors.Rows; i++)
        {
            Span<T> from = vectors.Row(i), target = to.Row(i);
            for (int j = 0; j < from.Length; j++)
                target[^(j + 1)] = largest[j] < T.Zero ? -from[j] : from[j];
        }
    }

    /// <summary>
    /// One step of the power iteration: Q ← the orthogonal factor of AQ, with its columns ordered by the eigenvalues that they are near to. What is kept for each axis goes with its column.
    /// </summary>
    public void Improve(Matrices<T> squares)
    {
        nint before = 1;
        for (int k = 0; k < dimensions.Length; k++)
        {
            nint size = dimensions[k];
            if (averages[k].Count > 0)
            {
                Matrices<T> product = math.TakeLike(q[k]), ordered = math.TakeLike(q[k]), orderedSquares = math.TakeLike(squares);
                math.MultiplyTransposedLeft(T.One, averages[k], q[k], T.Zero, default, product); // A is symmetric
                var order = math.Take<int>(1, size).Row(0);
                if (!IsInOrder(product, q[k], order))
                {
                    Reorder(product, ordered, order, size, 1);
                    math.Copy(ordered, product);
                    Reorder(squares, orderedSquares, order, size, squares.Count / before / size);
                    math.Copy(orderedSquares, squares);
                }
                math.QR(product, q[k]);
            }
            before *= size;
        }
    }

    /// <summary>The order of the columns by qᵀAq, largest first.</summary>
    bool IsInOrder(Matrices<T> product, Matrices<T> vectors, Span<int> order)
    {
        var values = math.Take<T>(1, vectors.Columns).Row(0);
        values.Clear();
        for (nint i = 0; i < vectors.Rows; i++)
        {
            Span<T> row = vectors.Row(i), times = product.Row(i);
            for (int j = 0; j < row.Length; j++)
                values[j] -= row[j] * times[j]; // sorting is ascending
        }
        for (int j = 0; j < order.Length; j++)
            order[j] = j;
        values.Sort(order);
        for (int j = 0; j < order.Length; j++)
        {
            if (order[j] != j)
                return false;
        }
        return true;
    }

    /// <summary>Puts what belongs to each index of a dimension into another order; there are <paramref name="behind"/> numbers for each.</summary>
    static void Reorder(Matrices<T> from, Matrices<T> to, ReadOnlySpan<int> order, nint size, nint behind)
    {
        if (behind == 1)
        {
            (from, to) = (from.As(from.Count / size, size), to.As(from.Count / size, size));
            for (nint i = 0; i < from.Rows; i++)
            {
                Span<T> row = from.Row(i), target = to.Row(i);
                for (int j = 0; j < order.Length; j++)
                    target[j] = row[order[j]];
            }
            return;
        }
        (from, to) = (from.As(from.Count / behind, behind), to.As(from.Count / behind, behind));
        for (nint i = 0; i < from.Rows; i += size)
        {
            for (int j = 0; j < order.Length; j++)
                from.Row(i + order[j]).CopyTo(to.Row(i + j));
        }
    }
}
