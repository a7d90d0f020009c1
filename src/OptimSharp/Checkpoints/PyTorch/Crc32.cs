using System.Buffers.Binary;

namespace OptimSharp.PyTorch;

/// <summary>The checksum of zip files: CRC-32 with the reflected polynomial EDB88320, eight bytes at a time.</summary>
internal static class Crc32
{
    static readonly uint[][] Tables = MakeTables();

    /// <param name="crc">The checksum of what came before; 0 at the start.</param>
    /// <param name="data">What comes next.</param>
    public static uint Append(uint crc, ReadOnlySpan<byte> data)
    {
        uint[] t0 = Tables[0], t1 = Tables[1], t2 = Tables[2], t3 = Tables[3], t4 = Tables[4], t5 = Tables[5], t6 = Tables[6], t7 = Tables[7];
        crc = ~crc;
        for (; data.Length >= 8; data = data[8..])
        {
            ulong next = BinaryPrimitives.ReadUInt64LittleEndian(data) ^ crc;
            crc = t7[(byte)next] ^ t6[(byte)(next >> 8)] ^ t5[(byte)(next >> 16)] ^ t4[(byte)(next >> 24)]
                ^ t3[(byte)(next >> 32)] ^ t2[(byte)(next >> 40)] ^ t1[(byte)(next >> 48)] ^ t0[(byte)(next >> 56)];
        }
        foreach (byte b in data)
            crc = t0[(byte)(crc ^ b)] ^ (crc >> 8);
        return ~crc;
    }

    static uint[][] MakeTables()
    {
        var tables = new uint[8][];
        for (int k = 0; k < 8; k++)
        {
            tables[k] = new uint[256];
            for (uint i = 0; i < 256; i++)
            {
                uint crc = k == 0 ? i : tables[k - 1][i];
                for (int bit = 0; bit < 8; bit++)
                    crc = (crc >> 1) ^ (0xEDB88320 & (0 - (crc & 1)));
                tables[k][i] = crc;
            }
        }
        return tables;
    }
}
