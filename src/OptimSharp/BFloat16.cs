using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using OptimSharp.Engine;

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

    /// <summary>A register of them as two of floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static unsafe (Vector<float> Low, Vector<float> High) Load(BFloat16* source)
    {
        const byte Z = 0x80; // a zero
        if (Avx2.IsSupported && Vector<ushort>.Count == Vector256<ushort>.Count)
            return (Widen(source), Widen(source + Vector256<float>.Count));
        Vector.Widen(Vector.Load((ushort*)source), out Vector<uint> low, out Vector<uint> high);
        return (Vector.AsVectorSingle(low << 16), Vector.AsVectorSingle(high << 16));

        // Eight of them are read into both halves of a register. Each half keeps four, and puts zeros below them.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector<float> Widen(BFloat16* source) => Avx2.Shuffle(Avx2.BroadcastVector128ToVector256((byte*)source), Vector256.Create(
            Z, Z, 0, 1, Z, Z, 2, 3, Z, Z, 4, 5, Z, Z, 6, 7, Z, Z, 8, 9, Z, Z, 10, 11, Z, Z, 12, 13, Z, Z, 14, 15)).AsSingle().AsVector();
    }

    /// <summary>Two registers of floats as one of them, rounded to nearest, ties to even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static unsafe void Store(Vector<float> low, Vector<float> high, BFloat16* destination)
    {
        Vector<uint> a = Round(low), b = Round(high); // no bits above the lower 16
        if (Avx2.IsSupported && Vector<ushort>.Count == Vector256<ushort>.Count) // which Narrow would clear before it packs
            Avx2.Permute4x64(Avx2.PackUnsignedSaturate(a.AsVector256().AsInt32(), b.AsVector256().AsInt32()).AsUInt64(), 0b11_01_10_00).AsUInt16().Store((ushort*)destination);
        else
            Vector.Store(Vector.Narrow(a, b), (ushort*)destination);

        static Vector<uint> Round(Vector<float> x)
        {
            var raw = Vector.AsVectorUInt32(x);
            var upper = raw >> 16;
            var rounded = (raw + new Vector<uint>(0x7FFF) + (upper & Vector<uint>.One)) >> 16;
            var number = Vector.AsVectorUInt32(Vector.Equals(x, x));
            return Vector.ConditionalSelect(number, rounded, upper | new Vector<uint>(0x40));
        }
    }

    /// <summary>Widens each element. The spans have one length.</summary>
    internal static unsafe void ToSingle(ReadOnlySpan<BFloat16> source, Span<float> destination)
    {
        int i = 0;
        fixed (BFloat16* from = source)
        fixed (float* to = destination)
        {
            for (; Vector512.IsHardwareAccelerated && i <= source.Length - Vector512<float>.Count; i += Vector512<float>.Count)
                KeptNearest.Load512(from + i, null).Store(to + i);
            for (; Vector.IsHardwareAccelerated && i <= source.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
            {
                var (low, high) = Load(from + i);
                Vector.Store(low, to + i);
                Vector.Store(high, to + i + Vector<float>.Count);
            }
        }
        for (; i < source.Length; i++)
            destination[i] = source[i];
    }

    /// <summary>Rounds each element to nearest, ties to even. The spans have one length.</summary>
    internal static unsafe void FromSingle(ReadOnlySpan<float> source, Span<BFloat16> destination)
    {
        int i = 0;
        fixed (float* from = source)
        fixed (BFloat16* to = destination)
        {
            for (; Vector512.IsHardwareAccelerated && i <= source.Length - Vector512<float>.Count; i += Vector512<float>.Count)
                KeptNearest.Store512(Vector512.Load(from + i), to + i, null);
            for (; Vector.IsHardwareAccelerated && i <= source.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
                Store(Vector.Load(from + i), Vector.Load(from + i + Vector<float>.Count), to + i);
        }
        for (; i < source.Length; i++)
            destination[i] = (BFloat16)source[i];
    }
}
