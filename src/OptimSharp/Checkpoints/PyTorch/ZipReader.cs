using System.Buffers.Binary;
using System.Text;

namespace OptimSharp.PyTorch;

/// <summary>
/// Reads a zip file as PyTorch writes it, and believes nothing: every place and size is checked against the file and the other entries before it is
/// used. What such a file never has (compression, encryption, several disks, entries that overlap, paths that lead outside) is refused.
/// </summary>
/// <remarks>
/// .NET's own ZipArchive does not do: it can't put data on 64-byte boundaries when writing, and when reading it does not tell where entries are, so that
/// overlaps could not be refused.
/// </remarks>
internal sealed unsafe class ZipReader
{
    const uint HeaderSignature = 0x04034B50, DirectorySignature = 0x02014B50, EndSignature = 0x06054B50, Zip64EndSignature = 0x06064B50, Zip64LocatorSignature = 0x07064B50;
    const int HeaderSize = 30, DirectoryEntrySize = 46, EndSize = 22, LargestDirectory = 1 << 28;

    readonly CheckpointSource source;
    readonly OrderedDictionary<string, Entry> entries = [];

    public ZipReader(CheckpointSource source)
    {
        this.source = source;
        var (directory, length, count) = FindDirectory();
        ReadDirectory(directory, length, count);
        long end = directory;
        foreach (var entry in entries.Values.OrderByDescending(e => e.Header).ToArray())
        {
            entry.Limit = end;
            if (entry.Header > end - HeaderSize - entry.Size)
                throw Error(entry.Name, "overlaps what comes after it in the file");
            end = entry.Header;
        }
    }

    public IEnumerable<string> Names => entries.Keys;

    /// <summary>Whether checksums are to be compared: PyTorch can be told to write zeros instead.</summary>
    public bool HasChecksums { get; set; } = true;

    public bool Contains(string name) => entries.ContainsKey(name);

    public long SizeOf(string name) => Find(name).Size;

    public uint ChecksumOf(string name) => Find(name).Crc;

    /// <summary>All bytes of an entry of at most <paramref name="most"/> bytes.</summary>
    public byte[] Read(string name, int most)
    {
        var entry = Find(name);
        if (entry.Size > most)
            throw Error(name, $"has {entry.Size} bytes, more than the {most} that it may have");
        var bytes = new byte[entry.Size];
        fixed (byte* to = bytes)
            Read(entry, to);
        return bytes;
    }

    /// <summary>Copies an entry's bytes to memory for <see cref="SizeOf"/> bytes.</summary>
    public void Read(string name, byte* to) => Read(Find(name), to);

    /// <summary>Where an entry's bytes begin in the file.</summary>
    public long PlaceOf(string name) => FindData(Find(name));

    void Read(Entry entry, byte* to)
    {
        uint crc = 0;
        source.Read(FindData(entry), to, entry.Size, Quoted(entry.Name), (part, count) => crc = HasChecksums ? Crc32.Append(crc, new ReadOnlySpan<byte>((void*)part, count)) : 0);
        if (HasChecksums && crc != entry.Crc)
            throw Error(entry.Name, $"is damaged: its checksum is {crc:x8}, but should be {entry.Crc:x8}");
    }

    Entry Find(string name) => !entries.TryGetValue(name, out var entry) ? throw Error(name, "is missing")
        : entry.Problem is null ? entry : throw Error(name, entry.Problem);

    /// <summary>Where an entry's data begins: after its own header, which has to agree with the directory.</summary>
    long FindData(Entry entry)
    {
        Span<byte> header = stackalloc byte[HeaderSize];
        source.Read(entry.Header, header, Quoted(entry.Name));
        if (U32(header) != HeaderSignature)
            throw Error(entry.Name, "has no header where the directory says");
        int flags = U16(header[6..]);
        if (U16(header[8..]) != 0 || (flags & 1) != 0)
            throw Error(entry.Name, "is stored in the directory, but compressed or encrypted in its own header");
        bool later = (flags & 8) != 0; // sizes and checksum come after the data
        if (!later && (U32(header[14..]) != entry.Crc || U32(header[18..]) != Math.Min(entry.Size, uint.MaxValue) || U32(header[22..]) != Math.Min(entry.Size, uint.MaxValue)))
            throw Error(entry.Name, "has another size or checksum in its own header than in the directory");
        int nameLength = U16(header[26..]), extra = U16(header[28..]);
        byte[] name = new byte[nameLength];
        source.Read(entry.Header + HeaderSize, name, Quoted(entry.Name));
        if (!name.AsSpan().SequenceEqual(Encoding.UTF8.GetBytes(entry.Name)))
            throw Error(entry.Name, "has another name in its own header than in the directory");
        long data = entry.Header + HeaderSize + nameLength + extra;
        return data <= entry.Limit - entry.Size ? data : throw Error(entry.Name, "overlaps what comes after it in the file");
    }

    (long Start, long Length, long Count) FindDirectory()
    {
        int tail = (int)Math.Min(source.Length, EndSize + ushort.MaxValue);
        byte[] bytes = new byte[tail];
        source.Read(source.Length - tail, bytes, Directory);
        int at = tail - EndSize;
        while (at >= 0 && !(U32(bytes.AsSpan(at)) == EndSignature && U16(bytes.AsSpan(at + 20)) == tail - at - EndSize))
            at--;
        if (at < 0)
            throw source.Error(null, "is no whole zip file: it has no directory at its end, so that it was cut off or damaged");
        var end = bytes.AsSpan(at);
        long position = source.Length - tail + at;
        long count = U16(end[10..]), length = U32(end[12..]), start = U32(end[16..]);
        if (U16(end[4..]) is not (0 or ushort.MaxValue) || U16(end[6..]) is not (0 or ushort.MaxValue) || U16(end[8..]) != count)
            throw source.Error(Directory, "spans several disks");
        Span<byte> large = stackalloc byte[56];
        if (position >= 20 && Read(position - 20, large[..20]) == Zip64LocatorSignature)
        {
            ulong where = U64(large[8..]);
            if (where > (ulong)position || Read((long)where, large) != Zip64EndSignature)
                throw source.Error(Directory, "is not where its end says");
            var usual = (count, length, start);
            (count, length, start) = ((long)U64(large[32..]), (long)U64(large[40..]), (long)U64(large[48..]));
            if (!Agree(usual.count, ushort.MaxValue, count) || !Agree(usual.length, uint.MaxValue, length) || !Agree(usual.start, uint.MaxValue, start))
                throw source.Error(Directory, "has one place or size at its end and another in its 64-bit end");
            position = (long)where;
        }
        if (start < 0 || length < 0 || start > position || length > position - start)
            throw source.Error(Directory, $"has {length} bytes from {start} on, and so goes past its end at {position}");
        if (length > LargestDirectory)
            throw source.Error(Directory, $"has {length} bytes, more than the {LargestDirectory} that it may have");
        return count >= 0 && count <= length / DirectoryEntrySize ? (start, length, count)
            : throw source.Error(Directory, $"has {count} entries in {length} bytes, which can't be");

        static bool Agree(long usual, long full, long large) => usual == full || usual == large;

        uint Read(long position, Span<byte> to)
        {
            source.Read(position, to, Directory);
            return U32(to);
        }
    }

    void ReadDirectory(long start, long length, long count)
    {
        byte[] bytes = new byte[length];
        source.Read(start, bytes, Directory);
        ReadOnlySpan<byte> rest = bytes;
        for (long i = 0; i < count; i++)
        {
            if (rest.Length < DirectoryEntrySize || U32(rest) != DirectorySignature)
                throw source.Error(Directory, $"is damaged at its entry {i}");
            int flags = U16(rest[8..]), method = U16(rest[10..]);
            uint crc = U32(rest[16..]);
            long packed = U32(rest[20..]), size = U32(rest[24..]), header = U32(rest[42..]);
            int nameLength = U16(rest[28..]), extraLength = U16(rest[30..]), comment = U16(rest[32..]);
            if (rest.Length < DirectoryEntrySize + nameLength + extraLength + comment)
                throw source.Error(Directory, $"is damaged at its entry {i}");
            string name = NameOf(rest.Slice(DirectoryEntrySize, nameLength));
            ReadZip64(rest.Slice(DirectoryEntrySize + nameLength, extraLength), name, ref size, ref packed, ref header);
            if (packed < 0 || header < 0 || header > start - HeaderSize || packed > start - HeaderSize - header)
                throw Error(name, $"has {packed} bytes behind a header at {header}, and so goes past the file's end");
            string? problem = (flags & 1) != 0 ? "is encrypted"
                : method != 0 ? $"is compressed (method {method}); torch.save stores entries as they are"
                : packed != size ? $"is stored, but its sizes are {packed} and {size}"
                : null;
            if (!entries.TryAdd(name, new(name, header, packed, crc, problem)))
                throw Error(name, "is in the directory twice");
            rest = rest[(DirectoryEntrySize + nameLength + extraLength + comment)..];
        }
        if (rest.Length > 0)
            throw source.Error(Directory, $"has {rest.Length} bytes more than its {count} entries");
    }

    /// <summary>Sizes and places of 4 GiB and more are in an extra field, in this order, each only where the usual field has all bits set.</summary>
    void ReadZip64(ReadOnlySpan<byte> extra, string name, ref long size, ref long packed, ref long header)
    {
        while (extra.Length >= 4)
        {
            int id = U16(extra), length = U16(extra[2..]);
            if (length > extra.Length - 4)
                break;
            if (id == 1)
            {
                var field = extra.Slice(4, length);
                Take(ref field, ref size);
                Take(ref field, ref packed);
                Take(ref field, ref header);
                return;
            }
            extra = extra[(4 + length)..];
        }

        void Take(ref ReadOnlySpan<byte> field, ref long number)
        {
            if (number != uint.MaxValue)
                return;
            if (field.Length < 8)
                throw Error(name, "lacks a size in its extra field");
            number = (long)U64(field);
            field = field[8..];
        }
    }

    string NameOf(ReadOnlySpan<byte> utf8)
    {
        string name;
        try
        {
            name = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(utf8);
        }
        catch (DecoderFallbackException e)
        {
            throw source.Error(Directory, "has a name that is no UTF-8", e);
        }
        bool isPlain = name.Length > 0 && !name.Contains('\\') && !name.Contains(':') && !name.Contains('\0')
            && !name.Split('/').Any(part => part is "" or "." or "..");
        return isPlain ? name : throw Error(name, "has a name that no archive of PyTorch has");
    }

    CheckpointException Error(string entry, string reason) => source.Error(Quoted(entry), reason);

    const string Directory = "directory of the zip file";

    static string Quoted(string entry) => $"entry '{(entry.Length <= 200 ? entry : entry[..200] + "…")}'";

    static int U16(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    static uint U32(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    static ulong U64(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt64LittleEndian(bytes);

    sealed class Entry(string name, long header, long size, uint crc, string? problem)
    {
        public string Name => name;

        public long Header => header;

        public long Size => size;

        public uint Crc => crc;

        /// <summary>Why it can't be read, if so.</summary>
        public string? Problem => problem;

        /// <summary>Where the next entry's header, or the directory, begins.</summary>
        public long Limit { get; set; }
    }
}
