using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace OptimSharp.Engine;

/// <summary>Numbers as one of sixteen values each, times the largest of their block: torchao's 4-bit state. The first of two is in the higher half of a byte.</summary>
/// <remarks>A code is the nearest value's of x · (1/scale), unless rounding decides, within 1e-5 around the middle between two. It is the same on every processor.</remarks>
internal static unsafe class Linear4
{
    // torchao has 1e-12, which squares of gradients below 1e-6 are under.
    const float SmallestScale = 1e-30f, BelowOne = 1 - 1f / (1 << 24);

    // torchao's create_dynamic_map(True, 3, 4), as bits, and sixteenths. They stay where they are.
    static readonly float* SignedValues = Values([
        0xbf633333, 0xbf29999a, 0xbee00000, 0xbe599999, 0xbd9eb852, 0xbd051eb9, 0xbbb43958, 0, 0x3bb43958, 0x3d051eb9, 0x3d9eb852, 0x3e599999, 0x3ee00000, 0x3f29999a, 0x3f633333, 0x3f800000]);
    static readonly float* UnsignedValues = Values([.. Enumerable.Range(1, 16).Select(k => BitConverter.SingleToUInt32Bits(k / 16f))]);
    static readonly int* Edges = EdgesOf(SignedValues);
    static readonly byte* PlaceOfStart = PlacesByStart();
    static readonly int* EdgeOfStart = EdgesByStart();

    /// <summary>What the sixteen codes stand for.</summary>
    public static float* Map(bool isSigned) => isSigned ? SignedValues : UnsignedValues;

    static float* Values(ReadOnlySpan<uint> bits)
    {
        float* values = CodeTable.Memory<float>(16);
        for (int code = 0; code < 16; code++)
            values[code] = BitConverter.UInt32BitsToSingle(bits[code]);
        return values;
    }

    public static void Decode(bool isSigned, byte* codes, float scale, float* to, int count)
    {
        float* values = isSigned ? SignedValues : UnsignedValues;
        int i = 0;
        if (Avx512F.IsSupported)
        {
            Vector512<float> all = Vector512.Load(values), scales = Vector512.Create(scale);
            for (; i <= count - 16; i += 16)
                Vector512.Store(Avx512F.PermuteVar16x32(all, Avx512F.ConvertToVector512Int32(Halves(codes + i / 2))) * scales, to + i);
        }
        else if (Avx2.IsSupported)
        {
            Vector256<float> low = Vector256.Load(values), high = Vector256.Load(values + 8), scales = Vector256.Create(scale);
            for (; i <= count - 16; i += 16)
            {
                var sixteen = Halves(codes + i / 2);
                Vector256.Store(Values(low, high, Avx2.ConvertToVector256Int32(sixteen)) * scales, to + i);
                Vector256.Store(Values(low, high, Avx2.ConvertToVector256Int32(sixteen.GetUpper().ToVector128())) * scales, to + i + 8);
            }
        }
        for (; i < count; i++)
            to[i] = values[i % 2 == 0 ? codes[i / 2] >> 4 : codes[i / 2] & 15] * scale;

        // The halves of eight bytes, the higher one first.
        static Vector128<byte> Halves(byte* codes)
        {
            var eight = Vector128.CreateScalar(*(ulong*)codes).AsByte();
            return Sse2.UnpackLow(Vector128.ShiftRightLogical(eight.AsUInt16(), 4).AsByte() & Vector128.Create((byte)15), eight & Vector128.Create((byte)15));
        }

        static Vector256<float> Values(Vector256<float> low, Vector256<float> high, Vector256<int> code) => Vector256.ConditionalSelect(
            Vector256.GreaterThan(code, Vector256.Create(7)).AsSingle(), Avx2.PermuteVar8x32(high, code), Avx2.PermuteVar8x32(low, code));
    }

    /// <summary>Encodes a block; returns its scale: the largest |x|, and NaN when a number is not finite.</summary>
    public static float Encode(bool isSigned, float* from, byte* codes, int count)
    {
        float largest = Blocks.Largest(from, count), scale = MathF.Max(largest, SmallestScale), inverse = 1 / scale;
        if (!float.IsFinite(largest))
        {
            new Span<byte>(codes, (count + 1) / 2).Clear();
            return float.NaN;
        }
        int i = 0;
        if (Avx512F.IsSupported)
            i = isSigned ? SignedWith512(from, inverse, codes, count) : UnsignedWith512(from, inverse, codes, count);
        else if (Avx2.IsSupported)
            i = EncodeWith256(isSigned, from, inverse, codes, count);
        for (; i < count; i += 2)
            codes[i / 2] = (byte)(Code(isSigned, from[i] * inverse) << 4 | (i + 1 < count ? Code(isSigned, from[i + 1] * inverse) : 0));
        return scale;
    }

    static byte Code(bool isSigned, float y)
    {
        if (!isSigned)
            return (byte)MathF.Max(y * 16 - 0.5f, 0);
        int size = BitConverter.SingleToInt32Bits(MathF.Min(MathF.Abs(y), BelowOne)), place = 0;
        while (size > Edges[place])
            place++;
        return (byte)(float.IsNegative(y) ? Math.Max(7 - place, 0) : 7 + place);
    }

    static int UnsignedWith512(float* from, float inverse, byte* codes, int count)
    {
        int i = 0;
        for (; i <= count - 16; i += 16)
        {
            var place = Vector512.Load(from + i) * Vector512.Create(inverse) * Vector512.Create(16f) - Vector512.Create(0.5f);
            *(ulong*)(codes + i / 2) = Pairs(Avx512F.ConvertToVector128Byte(Avx512F.ConvertToVector512Int32WithTruncation(Avx512F.Max(place, Vector512<float>.Zero))));
        }
        return i;
    }

    static int SignedWith512(float* from, float inverse, byte* codes, int count)
    {
        Vector512<int> edges0 = Vector512.Load(EdgeOfStart), edges1 = Vector512.Load(EdgeOfStart + 16);
        int i = 0;
        for (; i <= count - 16; i += 16)
        {
            var y = Vector512.Load(from + i) * Vector512.Create(inverse);
            var size = Vector512.Abs(y);
            var inTable = Avx512F.Max(Avx512F.Min(size, Vector512.Create(BelowOne)), Vector512.Create(1 / 256f)).AsInt32();
            var edge = Avx512F.PermuteVar16x32x2(edges0, Vector512.ShiftRightLogical(inTable, 21), edges1); // five bits count
            var place = edge - Vector512.GreaterThan(inTable, edge) & Vector512.Create(15) & Vector512.GreaterThan(size.AsInt32(), Vector512.Create(Edges[0]));
            var sign = Vector512.ShiftRightArithmetic(y.AsInt32(), 31);
            var code = Vector512.Max(Vector512.Create(7) + ((place ^ sign) - sign), Vector512<int>.Zero);
            *(ulong*)(codes + i / 2) = Pairs(Avx512F.ConvertToVector128Byte(code));
        }
        return i;
    }

    static int EncodeWith256(bool isSigned, float* from, float inverse, byte* codes, int count)
    {
        var starts = new ShortTable(PlaceOfStart);
        var edges = Vector256.Load(Edges);
        int i = 0;
        for (; i <= count - 16; i += 16)
        {
            Vector256<float> x = Vector256.Load(from + i) * Vector256.Create(inverse), y = Vector256.Load(from + i + 8) * Vector256.Create(inverse);
            Vector256<int> a = isSigned ? Signed(starts, edges, x) : Unsigned(x), b = isSigned ? Signed(starts, edges, y) : Unsigned(y);
            var words = Avx2.Permute4x64(Avx2.PackSignedSaturate(a, b).AsInt64(), 0b11_01_10_00).AsInt16();
            *(ulong*)(codes + i / 2) = Pairs(Sse2.PackUnsignedSaturate(words.GetLower(), words.GetUpper()));
        }
        return i;

        static Vector256<int> Unsigned(Vector256<float> y) =>
            Avx.ConvertToVector256Int32WithTruncation(Avx.Max(y * Vector256.Create(16f) - Vector256.Create(0.5f), Vector256<float>.Zero));

        static Vector256<int> Signed(ShortTable starts, Vector256<int> edges, Vector256<float> y)
        {
            var size = Vector256.Abs(y);
            var inTable = Avx.Max(Avx.Min(size, Vector256.Create(BelowOne)), Vector256.Create(1 / 256f)).AsInt32();
            var start = starts.Find(Vector256.ShiftRightLogical(inTable, 21));
            var place = start - Vector256.GreaterThan(inTable, Avx2.PermuteVar8x32(edges, start)) & Vector256.GreaterThan(size.AsInt32(), Vector256.Create(Edges[0]));
            var sign = Vector256.ShiftRightArithmetic(y.AsInt32(), 31);
            return Vector256.Max(Vector256.Create(7) + ((place ^ sign) - sign), Vector256<int>.Zero);
        }
    }

    /// <summary>Sixteen codes as eight bytes.</summary>
    static ulong Pairs(Vector128<byte> codes)
    {
        var pairs = codes.AsUInt16();
        var joined = Vector128.ShiftLeft(pairs, 4) & Vector128.Create((ushort)0xF0) | Vector128.ShiftRightLogical(pairs, 8);
        return Vector128.Narrow(joined, joined).AsUInt64().ToScalar();
    }

    /// <summary>Next to the middles between values ≥ 0: the lowest four bits are the value's number.</summary>
    static int* EdgesOf(float* values)
    {
        int* edges = CodeTable.Memory<int>(16);
        for (int k = 0; k < 9; k++)
            edges[k] = CodeTable.Numbered(k < 8 ? (values[7 + k] + values[8 + k]) / 2 : null, k);
        return edges;
    }

    /// <summary>By the lowest five bits of what comes before the 21 last of a number from 1/256 to 1: the place that such numbers begin in.</summary>
    static byte* PlacesByStart()
    {
        byte* places = CodeTable.Memory<byte>(32);
        for (int start = 119 << 2; start < 127 << 2; start++)
        {
            int k = 0;
            while (Edges[k] < start << 21)
                k++;
            places[start & 31] = (byte)k;
        }
        return places;
    }

    /// <summary>By the same: the edge that is next.</summary>
    static int* EdgesByStart()
    {
        int* edges = CodeTable.Memory<int>(32);
        for (int start = 0; start < 32; start++)
            edges[start] = Edges[PlaceOfStart[start]];
        return edges;
    }
}
