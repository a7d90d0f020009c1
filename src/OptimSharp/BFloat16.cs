using System.Globalization;
using System.Numerics;

namespace OptimSharp;

/// <summary>
/// A 16-bit number with the range of a <see cref="float"/> and 8 bits of precision: a single's upper half.
/// A storage type: convert to <see cref="float"/> to compute. Its memory is that of PyTorch's <c>torch.bfloat16</c>.
/// </summary>
public readonly struct BFloat16 : IEquatable<BFloat16>
{
    /// <summary>The 16 bits: sign, 8 of exponent, 7 of fraction.</summary>
    public ushort Bits { get; }

    BFloat16(ushort bits) => Bits = bits;

    /// <summary>The number with these 16 bits.</summary>
    public static BFloat16 FromBits(ushort bits) => new(bits);

    /// <summary>The nearest number, ties to even. NaN stays NaN; what is too large becomes infinite.</summary>
    public static explicit operator BFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value))
            return new((ushort)((bits >> 16) | 0x40)); // quiet, so that the payload's lost half cannot make an infinity
        return new((ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16));
    }

    /// <summary>The same number as a single, exactly.</summary>
    public static implicit operator float(BFloat16 value) => BitConverter.UInt32BitsToSingle((uint)value.Bits << 16);

    /// <summary>Whether both are the same number (so NaN equals nothing, and 0 equals −0).</summary>
    public static bool operator ==(BFloat16 left, BFloat16 right) => (float)left == (float)right;

    /// <summary>Whether they are different numbers.</summary>
    public static bool operator !=(BFloat16 left, BFloat16 right) => !(left == right);

    /// <inheritdoc/>
    public bool Equals(BFloat16 other) => ((float)this).Equals(other);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is BFloat16 other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => ((float)this).GetHashCode();

    /// <inheritdoc/>
    public override string ToString() => ((float)this).ToString(CultureInfo.InvariantCulture);

    /// <summary>Widens each element. The spans have one length.</summary>
    internal static void ToSingle(ReadOnlySpan<BFloat16> source, Span<float> destination)
    {
        var bits = System.Runtime.InteropServices.MemoryMarshal.Cast<BFloat16, ushort>(source);
        var singles = System.Runtime.InteropServices.MemoryMarshal.Cast<float, uint>(destination);
        int i = 0;
        for (; Vector.IsHardwareAccelerated && i <= bits.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            Vector.Widen(new Vector<ushort>(bits[i..]), out Vector<uint> low, out Vector<uint> high);
            (low << 16).CopyTo(singles[i..]);
            (high << 16).CopyTo(singles[(i + Vector<uint>.Count)..]);
        }
        for (; i < bits.Length; i++)
            singles[i] = (uint)bits[i] << 16;
    }

    /// <summary>Rounds each element to nearest, ties to even. The spans have one length.</summary>
    internal static void FromSingle(ReadOnlySpan<float> source, Span<BFloat16> destination)
    {
        var bits = System.Runtime.InteropServices.MemoryMarshal.Cast<BFloat16, ushort>(destination);
        int i = 0;
        for (; Vector.IsHardwareAccelerated && i <= bits.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            var low = Round(new Vector<float>(source[i..]));
            var high = Round(new Vector<float>(source[(i + Vector<float>.Count)..]));
            Vector.Narrow(low, high).CopyTo(bits[i..]);
        }
        for (; i < bits.Length; i++)
            bits[i] = ((BFloat16)source[i]).Bits;

        static Vector<uint> Round(Vector<float> x)
        {
            var raw = Vector.AsVectorUInt32(x);
            var upper = raw >> 16;
            var rounded = (raw + new Vector<uint>(0x7FFF) + (upper & Vector<uint>.One)) >> 16;
            var number = Vector.AsVectorUInt32(Vector.Equals(x, x));
            return Vector.ConditionalSelect(number, rounded, upper | new Vector<uint>(0x40));
        }
    }
}
