namespace OptimSharp.Engine;

/// <summary>A block of a tensor: the tensor's sizes, where the block begins in each dimension, and how far it goes.</summary>
internal readonly ref struct BlockPlace(ReadOnlySpan<nint> sizes, ReadOnlySpan<nint> offsets, ReadOnlySpan<nint> extents)
{
    public readonly ReadOnlySpan<nint> Sizes = sizes, Offsets = offsets, Extents = extents;

    /// <summary>How many numbers the tensor has.</summary>
    public nint Total => Product(Sizes);

    /// <summary>How many numbers the block has.</summary>
    public nint Count => Product(Extents);

    /// <summary>Throws when the block is not within the tensor.</summary>
    public void Check()
    {
        if (Offsets.Length != Sizes.Length || Extents.Length != Sizes.Length)
            throw new ArgumentException($"A tensor of {Sizes.Length} dimensions has blocks with as many offsets and extents, but there are {Offsets.Length} and {Extents.Length}.");
        for (int k = 0; k < Sizes.Length; k++)
        {
            if (Offsets[k] < 0 || Extents[k] < 0 || Offsets[k] > Sizes[k] - Extents[k])
                throw new ArgumentException($"A block of {Extents[k]} from {Offsets[k]} on is not within dimension {k}, of {Sizes[k]}.");
        }
    }

    /// <summary>Which row of the tensor, all dimensions but the last taken together, a row of the block is in.</summary>
    public nint RowOf(nint line)
    {
        nint rest = line, row = 0, step = 1;
        for (int k = Sizes.Length - 2; k >= 0; k--)
        {
            (rest, nint index) = Math.DivRem(rest, Extents[k]);
            row += (Offsets[k] + index) * step;
            step *= Sizes[k];
        }
        return row;
    }

    static nint Product(ReadOnlySpan<nint> sizes)
    {
        nint product = 1;
        foreach (nint size in sizes)
            product = checked(product * size);
        return product;
    }
}
