using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace OptimSharp.Engine;

/// <summary>A table of 32 bytes in registers of AVX2.</summary>
/// <param name="table">The bytes.</param>
internal readonly unsafe struct ShortTable(byte* table)
{
    readonly Vector256<byte> low = Vector256.Create(Vector128.Load(table), Vector128.Load(table)), high = Vector256.Create(Vector128.Load(table + 16), Vector128.Load(table + 16));

    /// <summary>What is at the lowest five bits of each number.</summary>
    public Vector256<int> Find(Vector256<int> at)
    {
        // A shuffle takes a byte's four lowest bits as index, and gives zero where its highest is set: in each number's upper bytes, and in the lowest one for the half that is not meant.
        const int UpperBytes = unchecked((int)0x80808000);
        at &= Vector256.Create(31);
        return (Avx2.Shuffle(low, (at + Vector256.Create(UpperBytes | 0x70)).AsByte()) | Avx2.Shuffle(high, (at + Vector256.Create(UpperBytes | 0xF0)).AsByte())).AsInt32();
    }
}
