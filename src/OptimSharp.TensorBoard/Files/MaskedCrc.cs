using System.Buffers.Binary;
using System.Numerics;

namespace OptimSharp.TensorBoard;

/// <summary>The checksum of TFRecord files: CRC-32C (Castagnoli), masked, so that checksums of data that holds checksums stay good ones.</summary>
static class MaskedCrc
{
    public static uint Of(ReadOnlySpan<byte> data)
    {
        uint crc = ~0u;
        for (; data.Length >= sizeof(ulong); data = data[sizeof(ulong)..])
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(data));
        foreach (byte b in data)
            crc = BitOperations.Crc32C(crc, b);
        return BitOperations.RotateRight(~crc, 15) + 0xa282ead8;
    }
}
