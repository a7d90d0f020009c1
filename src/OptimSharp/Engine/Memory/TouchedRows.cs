using System.Numerics;
using System.Numerics.Tensors;

namespace OptimSharp.Engine;

/// <summary>
/// A sparse gradient made ready for a step: each row once, in order, rows that came several times summed in the order they came
/// (in the compute type, rounded once, to the gradient's type). Kept between steps, so that its buffers are allocated once.
/// </summary>
internal sealed unsafe class TouchedRows
{
    const int Piece = 1 << 20; // numbers that are added at once

    readonly NativeBuffer sums = new();
    long[] indices = [];
    int[] order = [];

    /// <summary>The rows, rising. Longer than <see cref="Count"/>.</summary>
    public long[] Indices => indices;

    public int Count { get; private set; }

    /// <summary>The real numbers of one row.</summary>
    public nint RowSize { get; private set; }

    public nint Numbers => checked(Count * RowSize);

    /// <summary>The rows' gradients, one after the other.</summary>
    public Address Values { get; private set; }

    public ElementType Type { get; private set; }

    /// <summary>Throws <see cref="InvalidOperationException"/> when an index is not a row of the parameter.</summary>
    public void Collect(Parameter parameter, SparseRows rows)
    {
        long limit = parameter.Shape[0];
        RowSize = limit == 0 ? 0 : (nint)(parameter.Numbers / limit);
        if (indices.Length < rows.Count)
        {
            indices = new long[rows.Count];
            order = new int[rows.Count];
        }
        Count = rows.Count;
        bool rising = true;
        fixed (byte* from = &rows.Indices.Start)
        {
            for (int i = 0; i < rows.Count; i++)
            {
                long row = indices[i] = ((long*)from)[i];
                if (row < 0 || row >= limit)
                    throw new InvalidOperationException($"The sparse gradient of parameter {parameter} has the index {row}, but the parameter has rows 0 to {limit - 1}.");
                rising &= i == 0 || row > indices[i - 1];
            }
        }
        (Values, Type) = (rows.Values, parameter.ElementType);
        if (rising)
            return;
        if (Type.Compute() == ElementType.Float64)
            Sum<double>(rows);
        else
            Sum<float>(rows);
    }

    /// <summary>Has the rows in memory of its own, so that changing them leaves the gradient as it is, until <see cref="Store"/>.</summary>
    public void Own(SparseRows rows)
    {
        fixed (byte* from = &Values.Start, theirs = &rows.Values.Start)
        {
            if (from != theirs)
                return;
            long bytes = checked(Numbers * Type.Real().Size());
            byte* to = (byte*)sums.Ensure((nint)bytes);
            Buffer.MemoryCopy(from, to, bytes, bytes);
            Values = new(to);
        }
    }

    void Sum<T>(SparseRows rows) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        for (int i = 0; i < Count; i++)
            order[i] = i;
        Array.Sort(indices, order, 0, Count); // equal indices in any order…
        var type = Type.Real();
        int unique = 0;
        nint rowSize = RowSize, bytes = rowSize * type.Size();
        T* row = (T*)sums.Ensure(checked(2 * rowSize * sizeof(T) + Count * bytes)), next = row + rowSize;
        byte* to = (byte*)(next + rowSize);
        fixed (byte* from = &rows.Values.Start)
        {
            for (int i = 0, end; i < Count; i = end)
            {
                for (end = i + 1; end < Count && indices[end] == indices[i]; end++)
                {
                }
                Array.Sort(order, i, end - i); // …and now in the order they came
                Storage.Load(from + order[i] * bytes, type, row, rowSize);
                for (int k = i + 1; k < end; k++)
                {
                    Storage.Load(from + order[k] * bytes, type, next, rowSize);
                    for (nint at = 0; at < rowSize; at += Piece)
                    {
                        var sum = new Span<T>(row + at, (int)Math.Min(Piece, rowSize - at));
                        TensorPrimitives.Add(sum, new ReadOnlySpan<T>(next + at, sum.Length), sum);
                    }
                }
                Storage.Save(row, to + unique * bytes, type, rowSize);
                indices[unique++] = indices[i];
            }
        }
        Count = unique;
        Values = new(to);
    }

    /// <summary>
    /// Writes the rows, which were changed since, back to where they came from: to the first place of each, and to its others −0, which
    /// adds nothing.
    /// </summary>
    public void Store(SparseRows rows)
    {
        nint bytes = RowSize * Type.Real().Size();
        fixed (byte* from = &Values.Start, to = &rows.Values.Start, index = &rows.Indices.Start)
        {
            if (from == to)
                return; // they were changed in place
            Array.Clear(order); // from here on: whether a row was written
            for (int i = 0; i < rows.Count; i++)
            {
                int row = Array.BinarySearch(indices, 0, Count, ((long*)index)[i]);
                if (order[row]++ == 0)
                    Buffer.MemoryCopy(from + row * bytes, to + i * bytes, bytes, bytes);
                else
                    Storage.FillNegativeZero(to + i * bytes, Type.Real(), RowSize);
            }
        }
    }

    /// <summary>Writes the gradient with its zeros, in the compute type.</summary>
    public void Spread<T>(T* to, nint numbers) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        System.Runtime.InteropServices.NativeMemory.Clear(to, checked((nuint)numbers * (nuint)sizeof(T)));
        var type = Type.Real();
        fixed (byte* from = &Values.Start)
        {
            for (int i = 0; i < Count; i++)
                Storage.Load(from + i * RowSize * type.Size(), type, to + (nint)indices[i] * RowSize, RowSize);
        }
    }

    /// <summary>Lets go of the gradient's memory.</summary>
    public void Clear() => (Values, Count) = (default, 0);
}
