namespace OptimSharp.Engine;

/// <summary>Which memory a parameter's elements are in.</summary>
/// <param name="Device">Whose memory: 0 is this process's.</param>
/// <param name="Start">The address of the first element.</param>
/// <param name="ElementSize">In bytes.</param>
/// <param name="Shape">The sizes of the dimensions; none of them 0.</param>
/// <param name="Strides">How far it is to the next element of each dimension, in elements, ≥ 0; null: row by row without gaps.</param>
internal readonly record struct MemoryExtent(long Device, nint Start, int ElementSize, long[] Shape, long[]? Strides)
{
    /// <summary>The address behind the last element.</summary>
    public nint End
    {
        get
        {
            long last = 0, count = 1;
            for (int i = 0; i < Shape.Length; i++)
            {
                last += (Shape[i] - 1) * (Strides?[i] ?? 0);
                count *= Shape[i];
            }
            return Start + (nint)(Strides is null ? count : last + 1) * ElementSize;
        }
    }
}
