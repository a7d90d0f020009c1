using System.Buffers.Binary;

namespace OptimSharp.PyTorch;

/// <summary>The bytes of one or several pickles, one after the other. They come in whole, or in pieces from a file of which only the reader knows how much it needs.</summary>
/// <param name="bytes">Those that are there.</param>
/// <param name="more">Gives more of them, at least as many as asked for if there are; null when all are there.</param>
internal sealed class PickleInput(byte[] bytes, Func<int, byte[]>? more = null)
{
    byte[] bytes = bytes;

    /// <summary>How many were read.</summary>
    public int At { get; private set; }

    public bool IsAtEnd => At == bytes.Length && !Fill(1);

    /// <summary>Whether as many are left.</summary>
    public bool Has(long count) => count <= bytes.Length - At || count <= int.MaxValue && Fill((int)count);

    /// <summary>The next bytes, which are there: <see cref="Has"/>.</summary>
    public ReadOnlySpan<byte> Take(int count)
    {
        At += count;
        return bytes.AsSpan(At - count, count);
    }

    public byte Peek => bytes[At];

    /// <summary>How many bytes there are before the next of this value; negative when it does not come within <paramref name="most"/>.</summary>
    public int Find(byte value, int most)
    {
        for (int seen = 0; ; )
        {
            var rest = bytes.AsSpan(At);
            int found = rest[seen..Math.Min(rest.Length, most)].IndexOf(value);
            if (found >= 0)
                return seen + found;
            seen = rest.Length;
            if (seen >= most || !Fill(seen + 1))
                return -1;
        }
    }

    bool Fill(int count)
    {
        while (count > bytes.Length - At)
        {
            if (more?.Invoke(count - (bytes.Length - At)) is not { Length: > 0 } next)
                return false;
            bytes = [.. bytes, .. next];
        }
        return true;
    }

    public static ushort U16(ReadOnlySpan<byte> two) => BinaryPrimitives.ReadUInt16LittleEndian(two);

    public static uint U32(ReadOnlySpan<byte> four) => BinaryPrimitives.ReadUInt32LittleEndian(four);

    public static ulong U64(ReadOnlySpan<byte> eight) => BinaryPrimitives.ReadUInt64LittleEndian(eight);
}
