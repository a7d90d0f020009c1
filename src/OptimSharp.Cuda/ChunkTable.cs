namespace OptimSharp.Cuda;

/// <summary>
/// Where things are in a kernel's table: an entry for each chunk of a tensor, so that one launch does any number of tensors. An entry is some 64-bit words: how
/// many elements it has, where its row of coefficients is (bytes behind the first row), and the addresses of parameter, gradient and states.
/// </summary>
internal static class ChunkTable
{
    /// <summary>The bytes of a word.</summary>
    public const int Word = 8;

    /// <summary>Where in an entry each thing is, in bytes.</summary>
    public const int Count = 0, Row = Word, Param = 2 * Word, Grad = 3 * Word;

    /// <summary>Where the address of a state is.</summary>
    public static int State(int slot) => (4 + slot) * Word;

    /// <summary>The bytes of an entry.</summary>
    /// <param name="states">How many states the rule has.</param>
    public static int EntrySize(int states) => State(states);
}
