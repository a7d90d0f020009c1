using System.Buffers.Binary;
using System.Text;

namespace OptimSharp.Distributed.Mpi;

/// <summary>What a notice says.</summary>
enum MpiNoticeKind
{
    /// <summary>"Who waits, and where?"</summary>
    Question,

    /// <summary>"I wait in this operation."</summary>
    Answer,

    /// <summary>"I have ended my part."</summary>
    Ended,

    /// <summary>"I give up, and so should you": these ranks are missing, or this is wrong.</summary>
    GaveUp,
}

/// <summary>A short message between ranks beside the operations' bytes: sent only when something takes long, fails or ends.</summary>
/// <param name="Kind">What it says.</param>
/// <param name="Rank">Who says it.</param>
/// <param name="Number">The number of the operation that the sender is in.</param>
/// <param name="Operation">Its name.</param>
/// <param name="Activity">What the sender's program does; null: not known.</param>
/// <param name="Missing">Which ranks are missing, for <see cref="MpiNoticeKind.GaveUp"/>.</param>
/// <param name="Text">The reason, for the same.</param>
sealed record MpiNotice(MpiNoticeKind Kind, int Rank, long Number, string Operation, string? Activity, int[] Missing, string Text)
{
    /// <summary>Nobody sends more: what is longer is cut.</summary>
    public const int MaxBytes = 64 * 1024;

    public byte[] ToBytes()
    {
        var words = Encoding.UTF8.GetBytes($"{Operation}\n{Activity?.ReplaceLineEndings(" ")}\n{string.Join(' ', Missing)}\n{Text}").AsSpan();
        words = words[..Math.Min(words.Length, MaxBytes - 16)];
        var bytes = new byte[16 + words.Length];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, (int)Kind);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), Rank);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), Number);
        words.CopyTo(bytes.AsSpan(16));
        return bytes;
    }

    public static MpiNotice Of(ReadOnlySpan<byte> bytes)
    {
        var words = Encoding.UTF8.GetString(bytes[16..]).Split('\n', 4);
        return new((MpiNoticeKind)BinaryPrimitives.ReadInt32LittleEndian(bytes), BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]), words[0], words[1].Length == 0 ? null : words[1], [.. words[2].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)], words[3]);
    }
}
