using System.Buffers;

namespace OptimSharp;

/// <summary>JSON that is written, which may not become larger than it may be when it is read.</summary>
/// <param name="subject">What it is, as the beginning of a sentence.</param>
internal sealed class BoundedBuffer(string subject) : IBufferWriter<byte>
{
    /// <summary>What the safetensors library allows a header, too.</summary>
    public const int Largest = 100_000_000;

    readonly ArrayBufferWriter<byte> bytes = new();

    public ReadOnlySpan<byte> Written => bytes.WrittenSpan;

    public void Advance(int count)
    {
        if (count > Largest - bytes.WrittenCount)
            throw TooLarge();
        bytes.Advance(count);
    }

    public Memory<byte> GetMemory(int sizeHint = 0) => bytes.GetMemory(sizeHint);

    public Span<byte> GetSpan(int sizeHint = 0) => bytes.GetSpan(sizeHint);

    /// <summary>A text that is about to be written: not larger than all may be, and one that comes back as it was.</summary>
    public string Check(string text)
    {
        if (text.Length > Largest)
            throw TooLarge();
        for (int i = text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF'); i >= 0 && i < text.Length; i++)
        {
            if (char.IsSurrogate(text[i]) && (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[i++ + 1])))
                throw new ArgumentException("A text has half a surrogate pair, which is no letter, and can't be saved.", nameof(text));
        }
        return text;
    }

    ArgumentException TooLarge() => new($"{subject} would have more than {Largest} bytes, which is the most that is allowed.");
}
