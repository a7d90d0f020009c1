using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using OptimSharp.PyTorch;

namespace OptimSharp;

/// <summary>Bytes that stay in their file until they are used. The file is open as long as there is such a storage.</summary>
internal sealed unsafe class FileStorage : DeferredStorage
{
    readonly FileStream stream; // when it is gone the file is closed
    readonly SafeFileHandle file;
    readonly string? name;
    readonly long place;
    readonly string entry;
    uint? checksum; // still to be compared

    /// <param name="file">The file.</param>
    /// <param name="source">Where its name is from.</param>
    /// <param name="place">Where the bytes begin in the file.</param>
    /// <param name="bytes">How many; checked to be in the file.</param>
    /// <param name="entry">What errors call them.</param>
    /// <param name="checksum">What it should be; null for none.</param>
    public FileStorage(FileStream file, CheckpointSource source, long place, long bytes, string entry, uint? checksum = null) : base(bytes)
    {
        (stream, this.file, name, this.place, this.entry, this.checksum) = (file, file.SafeFileHandle, source.Name, place, entry, checksum);
        source.IsKept = true;
    }

    protected override void Fetch(byte* to, long first, int count)
    {
        Check();
        ReadAt(to, first, count);
    }

    /// <summary>Reads all once, before any of it is used.</summary>
    void Check()
    {
        if (checksum is not { } expected)
            return;
        uint crc = 0;
        void* piece = NativeMemory.Alloc((nuint)Piece);
        try
        {
            for (long at = 0; at < Bytes; at += Piece)
            {
                int count = (int)Math.Min(Piece, Bytes - at);
                ReadAt((byte*)piece, at, count);
                crc = Crc32.Append(crc, new ReadOnlySpan<byte>(piece, count));
            }
        }
        finally
        {
            NativeMemory.Free(piece);
        }
        if (crc != expected)
            throw new CheckpointException(name, entry, $"is damaged: its checksum is {crc:x8}, but should be {expected:x8}");
        checksum = null;
    }

    void ReadAt(byte* to, long first, int count)
    {
        for (int done = 0; done < count;)
        {
            int read = RandomAccess.Read(file, new Span<byte>(to + done, count - done), place + first + done);
            if (read == 0)
                throw new CheckpointException(name, entry, $"is cut off: the file ended at byte {place + first + done} while it was read");
            done += read;
        }
        GC.KeepAlive(stream);
    }
}
