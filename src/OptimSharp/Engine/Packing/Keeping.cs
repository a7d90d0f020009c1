using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace OptimSharp.Engine;

/// <summary>How bfloat16 numbers, and what is kept beside them, are numbers in single precision: in registers.</summary>
internal unsafe interface IKeeping
{
    /// <summary>Two registers of numbers.</summary>
    static abstract (Vector<float> Low, Vector<float> High) Load(BFloat16* stored, ushort* beside);

    /// <summary>Keeps two registers of numbers.</summary>
    static abstract void Store(Vector<float> low, Vector<float> high, BFloat16* stored, ushort* beside);

    /// <summary>A register of 512 bits. Only where the processor has them.</summary>
    static abstract Vector512<float> Load512(BFloat16* stored, ushort* beside);

    /// <inheritdoc cref="Store(Vector{float}, Vector{float}, BFloat16*, ushort*)"/>
    static abstract void Store512(Vector512<float> numbers, BFloat16* stored, ushort* beside);

    /// <summary>One number.</summary>
    static abstract float Load(BFloat16 stored, ushort beside);

    /// <summary>Keeps one number.</summary>
    static abstract (BFloat16 Stored, ushort Beside) Store(float number);
}

/// <summary>Rounded to nearest; nothing beside.</summary>
internal readonly unsafe struct KeptNearest : IKeeping
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector<float> Low, Vector<float> High) Load(BFloat16* stored, ushort* beside) => BFloat16.Load(stored);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector<float> low, Vector<float> high, BFloat16* stored, ushort* beside) => BFloat16.Store(low, high, stored);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load512(BFloat16* stored, ushort* beside) => (Avx512F.ConvertToVector512UInt32(Vector256.Load((ushort*)stored)) << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store512(Vector512<float> numbers, BFloat16* stored, ushort* beside) => Avx512F.ConvertToVector256UInt16(Round(numbers)).Store((ushort*)stored);

    public static float Load(BFloat16 stored, ushort beside) => stored;

    public static (BFloat16 Stored, ushort Beside) Store(float number) => ((BFloat16)number, 0);

    /// <summary>The bits of the nearest bfloat16 numbers, ties to even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Round(Vector512<float> x)
    {
        var bits = x.AsUInt32();
        var upper = bits >>> 16;
        return Vector512.ConditionalSelect(Vector512.Equals(x, x).AsUInt32(), (bits + Vector512.Create(0x7FFFu) + (upper & Vector512<uint>.One)) >>> 16, upper | Vector512.Create(0x40u));
    }
}

/// <summary>
/// Single precision in two halves: the upper one, rounded to nearest, is the parameter; the lower one is kept beside it as a whole number with a sign, to be added to it. So a tie is rounded away from zero: rounded to even, it could not
/// be told from which side it came.
/// </summary>
internal readonly unsafe struct KeptSplit : IKeeping
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector<float> Low, Vector<float> High) Load(BFloat16* stored, ushort* beside)
    {
        var (low, high) = BFloat16.Load(stored);
        Vector.Widen(Vector.Load((short*)beside), out var r, out var s);
        return (Join(low, r), Join(high, s));

        static Vector<float> Join(Vector<float> upper, Vector<int> remainder)
        {
            // A rounded zero has no remainder below it: such a one is of another number, which was written over.
            var zero = Vector.Equals(upper, Vector<float>.Zero);
            return Vector.AsVectorSingle(Vector.AsVectorInt32(upper) + Vector.ConditionalSelect(zero, Vector.Max(remainder, Vector<int>.Zero), remainder));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector<float> low, Vector<float> high, BFloat16* stored, ushort* beside)
    {
        Vector.Store(Vector.Narrow(Upper(low), Upper(high)), (ushort*)stored);
        Vector.Store(Vector.Narrow(Lower(low), Lower(high)), beside);

        static Vector<uint> Upper(Vector<float> x)
        {
            var bits = Vector.AsVectorUInt32(x);
            return Vector.ConditionalSelect(Vector.AsVectorUInt32(Vector.Equals(x, x)), (bits + new Vector<uint>(0x8000)) >> 16, (bits >> 16) | new Vector<uint>(0x40));
        }

        static Vector<uint> Lower(Vector<float> x) => Vector.AsVectorUInt32(x) & Vector.AsVectorUInt32(Vector.Equals(x, x));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load512(BFloat16* stored, ushort* beside)
    {
        var upper = KeptNearest.Load512(stored, beside);
        var remainder = Avx512F.ConvertToVector512Int32(Vector256.Load((short*)beside));
        var zero = Vector512.Equals(upper, Vector512<float>.Zero).AsInt32();
        return (upper.AsInt32() + Vector512.ConditionalSelect(zero, Vector512.Max(remainder, Vector512<int>.Zero), remainder)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store512(Vector512<float> numbers, BFloat16* stored, ushort* beside)
    {
        var bits = numbers.AsUInt32();
        var isNumber = Vector512.Equals(numbers, numbers).AsUInt32();
        Avx512F.ConvertToVector256UInt16(Vector512.ConditionalSelect(isNumber, (bits + Vector512.Create(0x8000u)) >>> 16, (bits >>> 16) | Vector512.Create(0x40u))).Store((ushort*)stored);
        Avx512F.ConvertToVector256UInt16(bits & isNumber).Store(beside);
    }

    public static float Load(BFloat16 stored, ushort beside)
    {
        uint upper = (uint)stored.Bits << 16;
        short remainder = (short)beside;
        return BitConverter.UInt32BitsToSingle(upper << 1 == 0 && remainder < 0 ? upper : upper + (uint)remainder);
    }

    public static (BFloat16 Stored, ushort Beside) Store(float number)
    {
        uint bits = BitConverter.SingleToUInt32Bits(number);
        return float.IsNaN(number) ? (BFloat16.FromBits((ushort)((bits >> 16) | 0x40)), (ushort)0) : (BFloat16.FromBits((ushort)((bits + 0x8000) >> 16)), (ushort)bits);
    }
}

/// <summary>Rounded to nearest, and what that lost, in bfloat16 too: 16 significant bits.</summary>
internal readonly unsafe struct KeptCompensated : IKeeping
{
    // What rounding loses is at most half of the last of 8 bits. What is larger is of another number, which was written over.
    const float Ulps = 256;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector<float> Low, Vector<float> High) Load(BFloat16* stored, ushort* beside)
    {
        var (low, high) = BFloat16.Load(stored);
        var (c, d) = BFloat16.Load((BFloat16*)beside);
        return (Join(low, c), Join(high, d));

        static Vector<float> Join(Vector<float> value, Vector<float> lost) =>
            Vector.ConditionalSelect(Vector.LessThanOrEqual(Vector.Abs(lost) * new Vector<float>(Ulps), Vector.Abs(value)), value + lost, value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector<float> low, Vector<float> high, BFloat16* stored, ushort* beside)
    {
        BFloat16.Store(low, high, stored);
        var (x, y) = BFloat16.Load(stored);
        BFloat16.Store(Finite(low - x), Finite(high - y), (BFloat16*)beside);

        // Of a number that was rounded to infinity, nothing is kept.
        static Vector<float> Finite(Vector<float> x) => Vector.ConditionalSelect(Vector.LessThanOrEqual(Vector.Abs(x), new Vector<float>(float.MaxValue)), x, Vector<float>.Zero);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load512(BFloat16* stored, ushort* beside)
    {
        Vector512<float> value = KeptNearest.Load512(stored, beside), lost = KeptNearest.Load512((BFloat16*)beside, beside);
        return Vector512.ConditionalSelect(Vector512.LessThanOrEqual(Vector512.Abs(lost) * Vector512.Create(Ulps), Vector512.Abs(value)), value + lost, value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store512(Vector512<float> numbers, BFloat16* stored, ushort* beside)
    {
        var rounded = KeptNearest.Round(numbers);
        Avx512F.ConvertToVector256UInt16(rounded).Store((ushort*)stored);
        var lost = numbers - (rounded << 16).AsSingle();
        lost = Vector512.ConditionalSelect(Vector512.LessThanOrEqual(Vector512.Abs(lost), Vector512.Create(float.MaxValue)), lost, Vector512<float>.Zero);
        KeptNearest.Store512(lost, (BFloat16*)beside, beside);
    }

    public static float Load(BFloat16 stored, ushort beside)
    {
        float value = stored, lost = BFloat16.FromBits(beside);
        return MathF.Abs(lost) * Ulps <= MathF.Abs(value) ? value + lost : value;
    }

    public static (BFloat16 Stored, ushort Beside) Store(float number)
    {
        var stored = (BFloat16)number;
        float lost = number - stored;
        return (stored, ((BFloat16)(float.IsFinite(lost) ? lost : 0)).Bits);
    }
}
