namespace OptimSharp.Distributed;

/// <summary>Bytes and messages between this rank and others. What stays within a rank is not counted.</summary>
/// <param name="Bytes">How many bytes.</param>
/// <param name="Messages">In how many messages; a message without bytes is none.</param>
public readonly record struct Traffic(long Bytes, long Messages)
{
    /// <summary>What went between two readings.</summary>
    /// <param name="later">The later reading.</param>
    /// <param name="earlier">The earlier reading.</param>
    public static Traffic operator -(Traffic later, Traffic earlier) => later.Less(earlier);

    /// <summary>What came after <paramref name="earlier"/>.</summary>
    /// <param name="earlier">An earlier reading.</param>
    /// <returns>The difference.</returns>
    public Traffic Less(Traffic earlier) => new(Bytes - earlier.Bytes, Messages - earlier.Messages);

    internal Traffic And(long bytes) => bytes == 0 ? this : new(Bytes + bytes, Messages + 1);
}
