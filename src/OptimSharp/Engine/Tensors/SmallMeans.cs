using System.Numerics;

namespace OptimSharp.Engine;

/// <summary>Mean squares of the rows or the columns of many small matrices, summed one number after the other.</summary>
unsafe struct SmallMeans<T> : ILoopBody
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public T* X, Means;
    public nint Rows, Columns;
    public bool OfRows;

    public readonly void Run(nint first, nint last)
    {
        for (nint b = first; b < last; b++)
        {
            T* x = X + b * Rows * Columns;
            if (OfRows)
            {
                for (nint i = 0; i < Rows; i++)
                    Means[b * Rows + i] = MeanSquare(x + i * Columns, Columns, 1);
            }
            else
            {
                for (nint j = 0; j < Columns; j++)
                    Means[b * Columns + j] = MeanSquare(x + j, Rows, Columns);
            }
        }
    }

    static T MeanSquare(T* from, nint count, nint step)
    {
        double sum = 0;
        for (nint i = 0; i < count; i++)
        {
            double value = double.CreateTruncating(from[i * step]);
            sum += value * value;
        }
        return T.CreateChecked(sum / count);
    }
}
