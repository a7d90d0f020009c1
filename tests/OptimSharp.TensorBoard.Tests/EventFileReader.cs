using System.Buffers.Binary;
using Tensorboard;

namespace OptimSharp.TensorBoard.Tests;

/// <summary>Reads event files with nothing of what writes them: a checksum by table, and TorchSharp's classes for the messages.</summary>
static class EventFileReader
{
    static readonly uint[] table = [.. Enumerable.Range(0, 256).Select(i => Enumerable.Range(0, 8).Aggregate((uint)i, (c, _) => (c & 1) != 0 ? c >> 1 ^ 0x82f63b78 : c >> 1))];

    /// <summary>CRC-32C.</summary>
    public static uint Crc(ReadOnlySpan<byte> data)
    {
        uint crc = ~0u;
        foreach (byte b in data)
            crc = table[(byte)(crc ^ b)] ^ crc >> 8;
        return ~crc;
    }

    public static uint Masked(ReadOnlySpan<byte> data)
    {
        uint crc = Crc(data);
        return (crc >> 15 | crc << 17) + 0xa282ead8;
    }

    /// <summary>The data of a file's whole records. What is torn at its end is left out, as by TensorBoard.</summary>
    public static List<byte[]> Records(string path)
    {
        byte[] file;
        using (var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete)) // of a writer that is open
        using (var copy = new MemoryStream())
        {
            stream.CopyTo(copy);
            file = copy.ToArray();
        }
        var records = new List<byte[]>();
        for (int at = 0; at + 12 <= file.Length;)
        {
            var length = file.AsSpan(at, 8);
            Assert.Equal(Masked(length), BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at + 8)));
            int count = checked((int)BinaryPrimitives.ReadUInt64LittleEndian(length));
            if (at + 16 + count > file.Length)
                break;
            byte[] data = file[(at + 12)..(at + 12 + count)];
            Assert.Equal(Masked(data), BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at + 12 + count)));
            records.Add(data);
            at += 16 + count;
        }
        return records;
    }

    public static List<Event> Events(string path) => Records(path).ConvertAll(Event.Parser.ParseFrom);

    /// <summary>The values of a file's summaries, with their steps.</summary>
    public static List<(long Step, Summary.Types.Value Value)> Values(string path) =>
        [.. Events(path).Where(e => e.Summary is not null).SelectMany(e => e.Summary.Value, (e, v) => (e.Step, v))];

    /// <summary>The only event file of a folder.</summary>
    public static string FileIn(string folder) => Assert.Single(Directory.GetFiles(folder, "events.out.tfevents*"));
}
