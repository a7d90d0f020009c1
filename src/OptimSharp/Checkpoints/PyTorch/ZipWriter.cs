using System.Buffers.Binary;
using System.Text;

namespace OptimSharp.PyTorch;

/// <summary>
/// Writes a zip file as PyTorch does, to the byte where readers count on it: entries stored, their data on 64-byte boundaries (padding in an
/// extra field), sizes and checksums after the data. It only ever appends, so that any stream will do.
/// </summary>
internal sealed class ZipWriter(Stream stream)
{
    const int Alignment = 64, HeaderSize = 30;

    readonly List<(byte[] Name, long Header, long Size, uint Crc)> entries = [];
    long position;

    /// <summary>Writes one entry.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="size">How many bytes <paramref name="write"/> will append.</param>
    /// <param name="write">Appends the data, in pieces.</param>
    public void Add(string name, long size, Action<Appender> write)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(name);
        long header = position;
        byte[] zip64 = Zip64(size, header);
        int padding = (int)(-(header + HeaderSize + utf8.Length + zip64.Length + 4) & (Alignment - 1));
        var bytes = new Bytes(HeaderSize + utf8.Length + zip64.Length + 4 + padding);
        bytes.Add32(0x04034B50).Add16(Needed(zip64)).Add16(Flags(size)).Add16(0).Add16(0).Add16(Date).Add32(0).Add32(0).Add32(0)
            .Add16(utf8.Length).Add16(zip64.Length + 4 + padding).Add(utf8).Add(zip64).Add16('F' | 'B' << 8).Add16(padding).Skip(padding, (byte)'Z');
        Write(bytes.All);

        var appender = new Appender(this);
        write(appender);
        if (appender.Count != size)
            throw new InvalidOperationException($"The entry {name} has {appender.Count} bytes, not {size}.");
        if (size > 0)
        {
            bytes = new(zip64.Length > 0 ? 24 : 16);
            bytes.Add32(0x08074B50).Add32(appender.Crc);
            if (zip64.Length > 0)
                bytes.Add64(size).Add64(size);
            else
                bytes.Add32((uint)size).Add32((uint)size);
            Write(bytes.All);
        }
        entries.Add((utf8, header, size, appender.Crc));
    }

    public void Add(string name, ReadOnlySpan<byte> data)
    {
        byte[] copy = data.ToArray();
        Add(name, copy.Length, to => to.Append(copy));
    }

    /// <summary>Writes the directory, without which there is no zip file.</summary>
    public void Finish()
    {
        long directory = position;
        foreach (var (name, header, size, crc) in entries)
        {
            byte[] zip64 = Zip64(size, header);
            var bytes = new Bytes(46 + name.Length + zip64.Length);
            bytes.Add32(0x02014B50).Add16(Needed(zip64)).Add16(Needed(zip64)).Add16(Flags(size)).Add16(0).Add16(0).Add16(Date).Add32(crc)
                .Add32(Small(size)).Add32(Small(size)).Add16(name.Length).Add16(zip64.Length).Add16(0).Add16(0).Add16(0).Add32(0).Add32(Small(header))
                .Add(name).Add(zip64);
            Write(bytes.All);
        }
        long end = position, length = end - directory;
        if (entries.Count >= ushort.MaxValue || directory >= uint.MaxValue || length >= uint.MaxValue)
        {
            var large = new Bytes(56 + 20);
            large.Add32(0x06064B50).Add64(44).Add16(45).Add16(45).Add32(0).Add32(0).Add64(entries.Count).Add64(entries.Count).Add64(length).Add64(directory);
            large.Add32(0x07064B50).Add32(0).Add64(end).Add32(1);
            Write(large.All);
        }
        var last = new Bytes(22);
        int count = Math.Min(entries.Count, ushort.MaxValue);
        last.Add32(0x06054B50).Add16(0).Add16(0).Add16(count).Add16(count).Add32(Small(length)).Add32(Small(directory)).Add16(0);
        Write(last.All);
    }

    const int Date = 0x21; // 1 January 1980, the earliest that there is

    /// <summary>Names in UTF-8; and sizes after the data, unless there is no data.</summary>
    static int Flags(long size) => size > 0 ? 0x0808 : 0x0800;

    static int Needed(byte[] zip64) => zip64.Length > 0 ? 45 : 20;

    static uint Small(long number) => (uint)Math.Min(number, uint.MaxValue);

    /// <summary>The extra field for sizes and places of 4 GiB and more; empty when there is no need.</summary>
    static byte[] Zip64(long size, long header)
    {
        int length = (size >= uint.MaxValue ? 16 : 0) + (header >= uint.MaxValue ? 8 : 0);
        if (length == 0)
            return [];
        var field = new Bytes(4 + length).Add16(1).Add16(length);
        if (size >= uint.MaxValue)
            field.Add64(size).Add64(size);
        if (header >= uint.MaxValue)
            field.Add64(header);
        return field.All;
    }

    void Write(ReadOnlySpan<byte> bytes)
    {
        stream.Write(bytes);
        position += bytes.Length;
    }

    /// <summary>Takes the data of an entry.</summary>
    public sealed class Appender(ZipWriter writer)
    {
        public long Count { get; private set; }

        public uint Crc { get; private set; }

        public void Append(ReadOnlySpan<byte> data)
        {
            Crc = Crc32.Append(Crc, data);
            Count += data.Length;
            writer.Write(data);
        }
    }

    /// <summary>Little-endian numbers, one after the other.</summary>
    sealed class Bytes(int size)
    {
        int at;

        public byte[] All { get; } = new byte[size];

        public Bytes Add16(int number)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(All.AsSpan(at), (ushort)number);
            at += 2;
            return this;
        }

        public Bytes Add32(uint number)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(All.AsSpan(at), number);
            at += 4;
            return this;
        }

        public Bytes Add64(long number)
        {
            BinaryPrimitives.WriteInt64LittleEndian(All.AsSpan(at), number);
            at += 8;
            return this;
        }

        public Bytes Add(byte[] bytes)
        {
            bytes.CopyTo(All, at);
            at += bytes.Length;
            return this;
        }

        public Bytes Skip(int count, byte fill)
        {
            All.AsSpan(at, count).Fill(fill);
            at += count;
            return this;
        }
    }
}
