namespace OptimSharp;

/// <summary>The bytes of a checkpoint that is read: where they end is known, and what goes wrong is reported with the file's name.</summary>
internal sealed unsafe class CheckpointSource
{
    readonly Stream stream;
    readonly long start;

    public CheckpointSource(Stream stream, string? name)
    {
        (this.stream, Name) = (stream, name);
        start = stream.Position;
        Length = stream.Length - start;
    }

    public string? Name { get; }

    /// <summary>The file, when its tensors are read where they are used; else null.</summary>
    public FileStream? OnDemand { get; init; }

    /// <summary>Whether there are tensors that are still to be read.</summary>
    public bool IsKept { get; set; }

    /// <summary>How many bytes there are.</summary>
    public long Length { get; }

    public CheckpointException Error(string? entry, string reason, Exception? inner = null) => new(Name, entry, reason, inner);

    /// <summary>Reads all of <paramref name="to"/>.</summary>
    public void Read(long position, Span<byte> to, string entry)
    {
        if (position < 0 || position > Length - to.Length)
            throw Error(entry, $"is cut off: its {to.Length} bytes from {position} on go past the end at {Length}");
        if (stream.Position != start + position)
            stream.Position = start + position;
        int read = stream.ReadAtLeast(to, to.Length, throwOnEndOfStream: false);
        if (read < to.Length)
            throw Error(entry, $"is cut off: the file ended at byte {position + read} while it was read");
    }

    /// <summary>Reads to native memory, in pieces that each are seen while they are in the processor's cache.</summary>
    public void Read(long position, byte* to, long count, string entry, Action<nint, int>? see = null)
    {
        const int Piece = 1 << 18;
        for (long done = 0; done < count; done += Piece)
        {
            int part = (int)Math.Min(Piece, count - done);
            Read(position + done, new Span<byte>(to + done, part), entry);
            see?.Invoke((nint)(to + done), part);
        }
    }
}
