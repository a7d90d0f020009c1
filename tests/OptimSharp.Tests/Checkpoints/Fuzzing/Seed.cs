using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using OptimSharp.PyTorch;

namespace OptimSharp.Tests.Checkpoints.Fuzzing;

/// <summary>A real file that mutations begin with, taken apart so that its inner parts can be changed and sealed again: with right checksums and lengths.</summary>
internal sealed class Seed
{
    readonly List<(string Name, byte[] Data)> entries = [];

    public Seed(string name, byte[] bytes)
    {
        (Name, Bytes) = (name, bytes);
        if (bytes.AsSpan().StartsWith("PK"u8))
            TakeApart(bytes);
        else if (LegacyFile.Begins(bytes))
            entries.Add(("legacy/data.pkl", bytes));
        else if (bytes.Length > 8 && bytes[8] == '{')
            Header = bytes[8..(8 + (int)BinaryPrimitives.ReadInt64LittleEndian(bytes))];
    }

    public string Name { get; }

    public byte[] Bytes { get; }

    /// <summary>The pickle of a PyTorch file, and of one before 1.6 the file; null where there is none to be had.</summary>
    public byte[]? Pickle => entries.Find(e => e.Name.EndsWith("/data.pkl", StringComparison.Ordinal)).Data;

    /// <summary>The header of a safetensors file.</summary>
    public byte[]? Header { get; }

    /// <summary>Our own JSON within the header.</summary>
    public string? Structure
    {
        get
        {
            if (Header is null)
                return null;
            using var header = JsonDocument.Parse(Header);
            return header.RootElement.TryGetProperty("__metadata__", out var metadata) && metadata.TryGetProperty("optimsharp", out var text) ? text.GetString() : null;
        }
    }

    /// <summary>The PyTorch file with another pickle.</summary>
    public byte[] WithPickle(byte[] pickle)
    {
        if (!Bytes.AsSpan().StartsWith("PK"u8))
            return pickle; // before 1.6 a file is pickles, and storages behind them
        using var stream = new MemoryStream();
        var zip = new ZipWriter(stream);
        foreach (var (name, data) in entries)
            zip.Add(name, name.EndsWith("/data.pkl", StringComparison.Ordinal) ? pickle : data);
        zip.Finish();
        return stream.ToArray();
    }

    /// <summary>The safetensors file with another header.</summary>
    public byte[] WithHeader(byte[] header)
    {
        var bytes = new byte[8 + header.Length + Bytes.Length - 8 - Header!.Length];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, header.Length);
        header.CopyTo(bytes, 8);
        Bytes.AsSpan(8 + Header.Length).CopyTo(bytes.AsSpan(8 + header.Length));
        return bytes;
    }

    /// <summary>The safetensors file with another structure in its header.</summary>
    public byte[] WithStructure(string structure)
    {
        string header = Encoding.UTF8.GetString(Header!), quoted = Quoted(Structure!);
        return WithHeader(Encoding.UTF8.GetBytes(header.Replace(quoted, Quoted(structure), StringComparison.Ordinal)));

        static string Quoted(string text)
        {
            using var stream = new MemoryStream();
            using (var json = new Utf8JsonWriter(stream))
                json.WriteStringValue(text);
            return Encoding.UTF8.GetString(stream.ToArray());
        }
    }

    unsafe void TakeApart(byte[] bytes)
    {
        try
        {
            var zip = new ZipReader(new(new MemoryStream(bytes), null)) { HasChecksums = false };
            foreach (string name in zip.Names)
                entries.Add((name, zip.Read(name, int.MaxValue)));
        }
        catch (CheckpointException)
        {
            entries.Clear();
        }
    }
}
