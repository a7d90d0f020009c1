using System.Numerics;
using OptimSharp.Engine;

namespace OptimSharp.Rules;

// Parts of matrices and tensors: the diagonal, blocks.
public sealed unsafe partial class TensorMath
{
    /// <summary>x ← x + number · I, for each matrix of a batch.</summary>
    /// <exception cref="ArgumentException">They are not square.</exception>
    public void AddToDiagonal<T>(Matrices<T> x, double number) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        NeedsSizes(x, x.Batch, x.Rows, x.Rows, nameof(x));
        if (device is not null)
        {
            device.AddToDiagonal(x, T.CreateChecked(number));
            return;
        }
        for (nint i = 0; i < x.Batch * x.Rows; i++)
            x.Row(i)[(int)(i % x.Rows)] += T.CreateChecked(number);
    }

    /// <summary>Copies a block out of a tensor.</summary>
    /// <param name="all">The tensor.</param>
    /// <param name="sizes">Its sizes: of a parameter, or of what it is seen as.</param>
    /// <param name="offsets">Where the block begins in each dimension.</param>
    /// <param name="extents">How far it goes in each dimension.</param>
    /// <param name="block">Gets it, row by row of its last dimension.</param>
    /// <exception cref="ArgumentException">The block is not within the tensor, or one of them has another number of numbers.</exception>
    public void ReadBlock<T>(Matrices<T> all, ReadOnlySpan<nint> sizes, ReadOnlySpan<nint> offsets, ReadOnlySpan<nint> extents, Matrices<T> block) where T : unmanaged =>
        CopyBlock(all, new(sizes, offsets, extents), block, toBlock: true);

    /// <summary>Copies a block into a tensor.</summary>
    /// <param name="block">The block, row by row of its last dimension.</param>
    /// <param name="all">The tensor.</param>
    /// <param name="sizes">Its sizes: of a parameter, or of what it is seen as.</param>
    /// <param name="offsets">Where the block begins in each dimension.</param>
    /// <param name="extents">How far it goes in each dimension.</param>
    /// <exception cref="ArgumentException">The block is not within the tensor, or one of them has another number of numbers.</exception>
    public void WriteBlock<T>(Matrices<T> block, Matrices<T> all, ReadOnlySpan<nint> sizes, ReadOnlySpan<nint> offsets, ReadOnlySpan<nint> extents) where T : unmanaged =>
        CopyBlock(all, new(sizes, offsets, extents), block, toBlock: false);

    void CopyBlock<T>(Matrices<T> all, in BlockPlace place, Matrices<T> block, bool toBlock) where T : unmanaged
    {
        place.Check();
        Needs(all, place.Total, "a number for each element of the tensor", nameof(all));
        Needs(block, place.Count, "a number for each element of the block", nameof(block));
        if (block.Count == 0)
            return;
        if (device is not null)
        {
            device.CopyBlock(all, place, block, toBlock);
            return;
        }
        int last = place.Sizes.Length - 1;
        nint width = last < 0 ? 1 : place.Extents[last], lines = block.Count / width;
        nint column = last < 0 ? 0 : place.Offsets[last];
        all = all.As(all.Count / (last < 0 ? 1 : place.Sizes[last]), last < 0 ? 1 : place.Sizes[last]);
        block = block.As(lines, width);
        for (nint line = 0; line < lines; line++)
        {
            var there = all.Row(place.RowOf(line)).Slice((int)column, (int)width);
            if (toBlock)
                there.CopyTo(block.Row(line));
            else
                block.Row(line).CopyTo(there);
        }
    }
}
