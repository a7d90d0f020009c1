using System.Buffers.Binary;

namespace OptimSharp.TensorBoard;

/// <summary>What the first chunk of a PNG says.</summary>
readonly record struct PngHeader(int Width, int Height, int Channels)
{
    static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    const int SizeAt = 16, ColorAt = 25, End = 33; // signature, length, "IHDR", width, height, depth, colour, three more, checksum

    /// <exception cref="ArgumentException">The bytes are no PNG.</exception>
    public static PngHeader Read(ReadOnlySpan<byte> png, string name)
    {
        if (png.Length < End || !png.StartsWith(Signature) || !png[12..SizeAt].SequenceEqual("IHDR"u8))
            throw new ArgumentException($"An image must be the bytes of a PNG file, but these {png.Length} bytes don't begin as one.", name);
        int width = BinaryPrimitives.ReadInt32BigEndian(png[SizeAt..]), height = BinaryPrimitives.ReadInt32BigEndian(png[(SizeAt + sizeof(int))..]);
        int channels = png[ColorAt] switch { 0 => 1, 2 or 3 => 3, 4 => 2, 6 => 4, _ => 0 };
        return width > 0 && height > 0 && channels > 0 ? new(width, height, channels)
            : throw new ArgumentException($"The PNG says that it is {width} × {height} pixels of colour type {png[ColorAt]}, which there is not.", name);
    }
}
