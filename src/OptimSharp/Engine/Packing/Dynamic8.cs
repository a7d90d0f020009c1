using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>Numbers as codes of a <see cref="DynamicMap"/>, a byte each, times the largest of their block: bitsandbytes' blockwise 8-bit state.</summary>
/// <remarks>
/// A number is its code's value times the scale, rounded once. A code is that of x · (1/scale), the same on every processor: see <see cref="DynamicMap"/>.
/// </remarks>
internal static unsafe class Dynamic8
{
    const float SmallestScale = 1e-38f; // bitsandbytes'; no block is divided by less

    public static void Decode(DynamicMap map, byte* codes, float scale, float* to, int count) => map.Table.Decode(codes, scale, to, count);

    /// <summary>Encodes a block; returns its scale: the largest |x|, and NaN when a number is not finite.</summary>
    public static float Encode(DynamicMap map, float* from, byte* codes, int count)
    {
        float scale = Blocks.Largest(from, count);
        if (!float.IsFinite(scale))
        {
            new Span<byte>(codes, count).Clear();
            return float.NaN;
        }
        float inverse = 1 / MathF.Max(scale, SmallestScale);
        int i = 0;
        if (Avx512BW.IsSupported)
            i = map.IsSigned ? EncodeWith512<On>(map, from, inverse, codes, count) : EncodeWith512<Off>(map, from, inverse, codes, count);
        else if (Avx2.IsSupported)
            i = map.IsSigned ? EncodeWith256<On>(map, from, inverse, codes, count) : EncodeWith256<Off>(map, from, inverse, codes, count);
        for (; i < count; i++)
            codes[i] = map.Code(from[i] * inverse);
        return scale;
    }

    static int EncodeWith512<TSigned>(DynamicMap map, float* from, float inverse, byte* codes, int count) where TSigned : struct, IChoice
    {
        var inverses = Vector512.Create(inverse);
        Vector512<float> slopes = Vector512.Load(map.Slopes), offsets = Vector512.Load(map.Offsets), lasts = Vector512.Load(map.Lasts);
        Vector512<int> edges0 = Vector512.Load(map.EdgeOfExponent), edges1 = Vector512.Load(map.EdgeOfExponent + 16);
        int i = 0;
        for (; i <= count - 16; i += 16)
        {
            var y = Vector512.Load(from + i) * inverses;
            var size = Avx512F.Max(TSigned.IsOn ? Vector512.Abs(y) : y, Vector512.Create(DynamicMap.Smallest));
            var edge = Avx512F.PermuteVar16x32x2(edges0, Vector512.ShiftRightLogical(size.AsInt32(), 23), edges1); // five bits count
            var decade = Vector512.ConditionalSelect(Vector512.GreaterThan(size.AsInt32(), edge), edge + Vector512<int>.One, edge); // and of a decade, four
            var place = Avx512F.Min(Avx512F.PermuteVar16x32(slopes, decade) * size + Avx512F.PermuteVar16x32(offsets, decade), Avx512F.PermuteVar16x32(lasts, decade));
            if (TSigned.IsOn)
            {
                var signed = Avx512F.ConvertToVector512Int32WithTruncation((place.AsInt32() | y.AsInt32() & Vector512.Create(int.MinValue)).AsSingle());
                (Avx512F.ConvertToVector128SByteWithSaturation(signed - Vector512<int>.One).AsByte() ^ Vector128.Create((byte)128)).Store(codes + i);
            }
            else
            {
                Avx512F.ConvertToVector128Byte(Avx512F.ConvertToVector512Int32WithTruncation(place)).Store(codes + i);
            }
        }
        return i;
    }

    static int EncodeWith256<TSigned>(DynamicMap map, float* from, float inverse, byte* codes, int count) where TSigned : struct, IChoice
    {
        var inverses = Vector256.Create(inverse);
        Vector256<float> slopes = Vector256.Load(map.Slopes), offsets = Vector256.Load(map.Offsets), lasts = Vector256.Load(map.Lasts);
        Vector256<int> edges = Vector256.Load(map.Edges), last = Vector256.Create(map.Edges[7]);
        var starts = new ShortTable(map.DecadeOfExponent);
        int i = 0;
        for (; i <= count - 8; i += 8)
        {
            var y = Vector256.Load(from + i) * inverses;
            var size = Avx.Max(TSigned.IsOn ? Vector256.Abs(y) : y, Vector256.Create(DynamicMap.Smallest));
            var start = starts.Find(Vector256.ShiftRightLogical(size.AsInt32(), 23));
            var decade = Vector256.Min(start - Vector256.GreaterThan(size.AsInt32(), Avx2.PermuteVar8x32(edges, start)), Vector256.Create(7));
            var place = Avx.Min(Avx2.PermuteVar8x32(slopes, decade) * size + Avx2.PermuteVar8x32(offsets, decade), Avx2.PermuteVar8x32(lasts, decade));
            var code = Avx.ConvertToVector256Int32WithTruncation(place) - Vector256.GreaterThan(size.AsInt32(), last); // the last decade is one code
            if (TSigned.IsOn)
            {
                var sign = Vector256.ShiftRightArithmetic(y.AsInt32(), 31);
                code = Vector256.Max(Vector256.Create(127) + ((code ^ sign) - sign), Vector256<int>.Zero);
            }
            var words = Sse41.PackUnsignedSaturate(code.GetLower(), code.GetUpper());
            Sse2.PackUnsignedSaturate(words.AsInt16(), words.AsInt16()).GetLower().Store(codes + i);
        }
        return i;
    }
}
