using System.Runtime.Intrinsics;

namespace OptimSharp.Engine;

/// <summary>Numbers in <see cref="ElementType.Float8E4M3FN"/>, times a scale for each block that makes the largest 448: torchao's fp8 state. But of numbers without a sign none becomes zero, and scales may be smaller.</summary>
internal static unsafe class ScaledFloat8
{
    const float Largest = 448, Smallest = 1e-30f; // torchao has 1e-12, which squares of gradients below 1e-6 are under

    static readonly CodeTable Table = new(Float8.Values(ElementType.Float8E4M3FN));

    public static void Decode(byte* codes, float scale, float* to, int count) => Table.Decode(codes, scale, to, count);

    /// <summary>Encodes a block; returns its scale, NaN when a number is not finite.</summary>
    public static float Encode(bool isSigned, float* from, byte* codes, int count)
    {
        float largest = Blocks.Largest(from, count), scale = MathF.Max(largest, Smallest) / Largest, inverse = 1 / scale;
        int least = isSigned ? 0 : 1; // an average of squares that became zero would make a long step
        if (!float.IsFinite(largest))
        {
            new Span<byte>(codes, count).Clear();
            return float.NaN;
        }
        int i = 0;
        for (; Vector512.IsHardwareAccelerated && i <= count - 16; i += 16)
        {
            var bits = (Vector512.Load(from + i) * Vector512.Create(inverse)).AsInt32();
            var magnitude = isSigned ? bits & Vector512.Create(int.MaxValue) : bits = Vector512.Max(bits, Vector512<int>.Zero);
            var even = Vector512.ShiftRightLogical(magnitude, 20) & Vector512<int>.One;
            var normal = Vector512.ShiftRightLogical(magnitude + Vector512.Create(0x7FFFF) + even, 20) - Vector512.Create((127 - 7) << 3);
            var small = Vector512.ConvertToInt32(Vector512.Round(magnitude.AsSingle() * Vector512.Create(512f)));
            var code = Vector512.ConditionalSelect(Vector512.LessThan(magnitude, Vector512.Create(121 << 23)), small, Vector512.Min(normal, Vector512.Create(0x7E)));
            code = Vector512.Max(code, Vector512.Create(least));
            code |= Vector512.ShiftRightLogical(bits, 24) & Vector512.Create(0x80);
            var words = Vector512.Narrow(code, code).GetLower();
            Vector256.Narrow(words, words).GetLower().AsByte().Store(codes + i);
        }
        for (; Vector256.IsHardwareAccelerated && i <= count - 8; i += 8)
        {
            var bits = (Vector256.Load(from + i) * Vector256.Create(inverse)).AsInt32();
            var magnitude = isSigned ? bits & Vector256.Create(int.MaxValue) : bits = Vector256.Max(bits, Vector256<int>.Zero);
            var even = Vector256.ShiftRightLogical(magnitude, 20) & Vector256<int>.One;
            var normal = Vector256.ShiftRightLogical(magnitude + Vector256.Create(0x7FFFF) + even, 20) - Vector256.Create((127 - 7) << 3);
            var small = Vector256.ConvertToInt32(Vector256.Round(magnitude.AsSingle() * Vector256.Create(512f))); // in units of the smallest number
            var code = Vector256.ConditionalSelect(Vector256.LessThan(magnitude, Vector256.Create(121 << 23)), small, Vector256.Min(normal, Vector256.Create(0x7E)));
            code = Vector256.Max(code, Vector256.Create(least));
            code |= Vector256.ShiftRightLogical(bits, 24) & Vector256.Create(0x80);
            var words = Vector256.Narrow(code, code);
            Vector128.Narrow(words.GetLower(), words.GetLower()).GetLower().AsByte().Store(codes + i);
        }
        for (; i < count; i++)
            codes[i] = Math.Max(Float8.Code(isSigned ? from[i] * inverse : MathF.Max(from[i] * inverse, 0), ElementType.Float8E4M3FN), (byte)least);
        return scale;
    }
}
