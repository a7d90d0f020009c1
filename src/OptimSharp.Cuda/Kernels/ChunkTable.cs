namespace OptimSharp.Cuda;

/// <summary>
/// Where things are in a kernel's two tables, so that one launch does any number of tensors. The table of chunks says which stretch of which tensor a chunk is: it
/// stays as long as the tensors' sizes do. A tensor's row says where the tensor is and what its coefficients are: rows are written anew for each step.
/// </summary>
internal static class ChunkTable
{
    /// <summary>The bytes of a word.</summary>
    public const int Word = 8;

    /// <summary>How many elements a thread takes at once where it can.</summary>
    public const int Width = 4;

    /// <summary>Where in a chunk's entry each thing is, in bytes: how many elements it has; the first of them, in the tensor; its tensor's row, in bytes behind the first row.</summary>
    public const int Count = 0, First = Word, Row = 2 * Word;

    /// <summary>The bytes of an entry.</summary>
    public const int EntrySize = 3 * Word;

    /// <summary>
    /// Where in a row each thing is: a mask over a chunk's count, which leaves the elements that are taken <see cref="Width"/> at once; the addresses of parameter and gradient. Behind
    /// them are those of the states, and then the coefficients.
    /// </summary>
    public const int Mask = 0, Param = Word, Grad = 2 * Word;

    /// <summary>Where the address of a state is.</summary>
    public static int State(int slot) => (3 + slot) * Word;

    /// <summary>Where the coefficients begin.</summary>
    /// <param name="states">How many states the rule has.</param>
    public static int Coefficients(int states) => State(states);

    /// <summary>The bytes of a row.</summary>
    /// <param name="states">How many states the rule has.</param>
    /// <param name="coefficients">The bytes of its coefficients.</param>
    public static int RowSize(int states, int coefficients) => (Coefficients(states) + coefficients + Word - 1) / Word * Word;

    /// <summary>The mask of a tensor.</summary>
    /// <param name="addresses">Where parameter, gradient and states begin, of those that are used.</param>
    /// <remarks>Several elements at once are at most 16 bytes, and have to begin at a multiple of what they are.</remarks>
    public static ulong MaskOf(ReadOnlySpan<nint> addresses)
    {
        nint all = 0;
        foreach (nint address in addresses)
            all |= address;
        return all % 16 == 0 ? unchecked((ulong)-Width) : 0;
    }
}
