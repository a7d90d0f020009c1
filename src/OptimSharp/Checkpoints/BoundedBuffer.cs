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

    /// <summary>A text that is about to be written.</summary>
    public string Check(string text) => text.Length <= Largest ? text : throw TooLarge();

    ArgumentException TooLarge() => new($"{subject} would have more than {Largest} bytes, which is the most that is allowed.");
}
