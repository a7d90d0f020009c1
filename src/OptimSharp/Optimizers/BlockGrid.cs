namespace OptimSharp;

/// <summary>How Shampoo sees a parameter: small neighbouring dimensions together, and blocks that are not larger than its matrices may be.</summary>
ref struct BlockGrid
{
    /// <summary>The most dimensions that a parameter may have.</summary>
    public const int MostDimensions = 16;

    readonly ReadOnlySpan<nint> sizes;
    readonly Span<nint> offsets, extents;
    readonly nint side;

    /// <param name="shape">The parameter's sizes.</param>
    /// <param name="options">What decides on dimensions and blocks.</param>
    /// <param name="room">Room for three times <see cref="MostDimensions"/> numbers.</param>
    public BlockGrid(ReadOnlySpan<long> shape, ShampooOptions options, Span<nint> room)
    {
        side = options.MaxPreconditionerDimension;
        var merged = Merged(shape, side, options.TargetDimensions, room[..MostDimensions]);
        sizes = merged;
        Dimensions = merged.Length;
        offsets = room.Slice(MostDimensions, Dimensions);
        extents = room.Slice(2 * MostDimensions, Dimensions);
        Count = 1;
        foreach (nint size in merged)
            Count = checked(Count * (int)Math.Max(1, (size + side - 1) / side));
        GoTo(0);
    }

    /// <summary>How many dimensions blocks have.</summary>
    public int Dimensions { get; }

    /// <summary>How many blocks there are.</summary>
    public int Count { get; }

    /// <summary>The sizes of all of it.</summary>
    public readonly ReadOnlySpan<nint> Sizes => sizes;

    /// <summary>Where the present block begins in each dimension.</summary>
    public readonly ReadOnlySpan<nint> Offsets => offsets;

    /// <summary>The sizes of the present block.</summary>
    public readonly ReadOnlySpan<nint> Extents => extents;

    /// <summary>Goes to a block. Those that differ in the last dimension follow each other.</summary>
    public readonly void GoTo(int block)
    {
        for (int k = Dimensions - 1; k >= 0; k--)
        {
            int along = (int)Math.Max(1, (sizes[k] + side - 1) / side);
            (block, int index) = Math.DivRem(block, along);
            offsets[k] = index * side;
            extents[k] = Math.Min(side, sizes[k] - offsets[k]);
        }
    }

    /// <summary>
    /// From the last dimension on, those of 1 are left out, and one after the other is taken together with the one before as long as their product is not too large and there are more dimensions than wanted.
    /// </summary>
    static Span<nint> Merged(ReadOnlySpan<long> shape, nint most, int target, Span<nint> room)
    {
        room[0] = 1;
        int left = 0;
        foreach (long size in shape)
        {
            if (size == 0)
            {
                room[0] = 0;
                return room[..1];
            }
            left += size == 1 ? 0 : 1;
        }
        int count = 0;
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            nint size = (nint)shape[i];
            if (size == 1)
                continue;
            if (count > 0 && count + left > target && size <= most / room[count - 1])
                room[count - 1] *= size;
            else
                room[count++] = size;
            left--;
        }
        count = Math.Max(1, count);
        room[..count].Reverse();
        return room[..count];
    }
}
