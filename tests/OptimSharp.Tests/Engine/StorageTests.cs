using OptimSharp.Engine;

namespace OptimSharp.Tests.Engine;

/// <summary>Conversions between what is stored and what is computed in: exact on the way in, rounded to nearest even on the way out.</summary>
public unsafe class StorageTests
{
    [Fact]
    public void Every_bfloat16_becomes_the_float_with_its_bits_on_top()
    {
        for (int bits = 0; bits <= ushort.MaxValue; bits++)
        {
            var number = BFloat16.FromBits((ushort)bits);
            Assert.Equal((uint)bits << 16, BitConverter.SingleToUInt32Bits(number));
        }
    }

    [Fact]
    public void Every_bfloat16_and_half_survives_the_way_to_float_and_back()
    {
        for (int bits = 0; bits <= ushort.MaxValue; bits++)
        {
            var brain = BFloat16.FromBits((ushort)bits);
            Assert.Equal(float.IsNaN(brain) ? bits | 0x40 : bits, ((BFloat16)(float)brain).Bits);
        }
    }

    [Theory]
    [InlineData(ElementType.BFloat16)]
    [InlineData(ElementType.Float16)]
    public void All_bit_patterns_at_once_are_read_as_one_by_one(ElementType type)
    {
        var all = Enumerable.Range(0, 65_536).Select(i => (ushort)i).ToArray();
        var singles = new float[all.Length];
        var doubles = new double[all.Length];
        fixed (ushort* from = all)
        fixed (float* to = singles)
        fixed (double* wide = doubles)
        {
            Storage.Load(from, type, to, all.Length);
            Storage.Load(from, type, wide, all.Length);
        }
        for (int i = 0; i < all.Length; i++)
        {
            float expected = type == ElementType.BFloat16 ? BFloat16.FromBits((ushort)i) : (float)BitConverter.UInt16BitsToHalf((ushort)i);
            Assert.Equal(Bits(expected), Bits(singles[i]));
            Assert.Equal(BitConverter.DoubleToUInt64Bits(float.IsNaN(expected) ? double.NaN : expected),
                BitConverter.DoubleToUInt64Bits(double.IsNaN(doubles[i]) ? double.NaN : doubles[i]));
        }
    }

    [Theory]
    [InlineData(ElementType.BFloat16)]
    [InlineData(ElementType.Float16)]
    public void Floats_are_rounded_to_the_nearest_and_ties_to_even(ElementType type)
    {
        var numbers = Interesting(type);
        var stored = new ushort[numbers.Length];
        fixed (float* from = numbers)
        fixed (ushort* to = stored)
            Storage.Save(from, to, type, numbers.Length);
        for (int i = 0; i < numbers.Length; i++)
        {
            Assert.True(IsNearest(numbers[i], stored[i], type), $"{numbers[i]:R} became {Value(stored[i], type):R}");
            ushort one;
            fixed (float* from = &numbers[i])
                Storage.Save(from, &one, type, 1);
            Assert.True(float.IsNaN(numbers[i]) || one == stored[i], $"{numbers[i]:R} became {Value(one, type):R} alone and {Value(stored[i], type):R} among others");
        }
    }

    [Theory]
    [InlineData(0x3F808000, 0x3F80)] // 1 + 2⁻⁸, between 1 and 1 + 2⁻⁷: down to the even one
    [InlineData(0x3F818000, 0x3F82)] // 1 + 3·2⁻⁸: up to the even one
    [InlineData(0x3F808001, 0x3F81)] // a little more than between: up
    [InlineData(0x7F7F7FFF, 0x7F7F)] // the last that is not infinite
    [InlineData(0x7F7F8000, 0x7F80)] // the first that is
    [InlineData(0x00000001, 0x0000)]
    [InlineData(0x80000001, 0x8000)] // keeps its sign
    [InlineData(0x00008001, 0x0001)] // rounds up to the smallest
    [InlineData(0x7F800001, 0x7FC0)] // a NaN whose payload would be lost stays one
    [InlineData(0xFF800001, 0xFFC0)]
    public void Bfloat16_rounds_as_worked_out(uint single, ushort expected)
    {
        Assert.Equal(expected, ((BFloat16)BitConverter.UInt32BitsToSingle(single)).Bits);
        Span<float> many = stackalloc float[19];
        Span<BFloat16> rounded = stackalloc BFloat16[19];
        many.Fill(BitConverter.UInt32BitsToSingle(single));
        BFloat16.FromSingle(many, rounded);
        Assert.All(rounded.ToArray(), x => Assert.Equal(expected, x.Bits));
    }

    [Fact]
    public void Doubles_and_floats_convert_as_the_language_does()
    {
        var numbers = Numbers.Wild(10_000, 5, ElementType.Float64);
        var floats = new float[numbers.Length];
        var back = new double[numbers.Length];
        fixed (double* d = numbers, b = back)
        fixed (float* f = floats)
        {
            Storage.Save(d, f, ElementType.Float32, numbers.Length);
            Storage.Load(f, ElementType.Float32, b, numbers.Length);
        }
        for (int i = 0; i < numbers.Length; i++)
        {
            Assert.Equal((float)numbers[i], floats[i]);
            Assert.Equal((double)floats[i], back[i]);
        }
    }

    [Fact]
    public void The_size_and_the_type_computed_in_are_known_for_each_type()
    {
        Assert.Equal([4, 8, 2, 2, 8, 16, 1, 1, 1, 2, 4, 8, 2, 4, 8, 1, 1, 1, 1, 1], Enum.GetValues<ElementType>().Select(t => t.Size()));
        var trainable = Enum.GetValues<ElementType>().Where(t => t.IsTrainable()).ToArray();
        Assert.Equal([ElementType.Float32, ElementType.Float64, ElementType.Float16, ElementType.BFloat16, ElementType.Complex64, ElementType.Complex128], trainable);
        Assert.Equal(
            [ElementType.Float32, ElementType.Float64, ElementType.Float32, ElementType.Float32, ElementType.Float32, ElementType.Float64],
            trainable.Select(t => t.Compute()));
    }

    /// <summary>Every number of the type, what is just above and below the middle between two, the middle, and many others.</summary>
    static float[] Interesting(ElementType type)
    {
        var numbers = new List<float>(Numbers.Wild(100_000, 6, ElementType.Float32).Select(x => (float)x));
        for (int i = 0; i < ushort.MaxValue; i++)
        {
            float x = Value((ushort)i, type), next = Value((ushort)(i + 1), type);
            float middle = (float)(((double)x + next) / 2);
            numbers.AddRange([x, middle, MathF.BitDecrement(middle), MathF.BitIncrement(middle)]);
        }
        return [.. numbers];
    }

    /// <summary>No neighbour is nearer; and of two that are as near, it is the even one. What is half a step or more past the largest is infinite.</summary>
    static bool IsNearest(float number, ushort stored, ElementType type)
    {
        float value = Value(stored, type);
        if (float.IsNaN(number))
            return float.IsNaN(value);
        if (float.IsInfinity(number))
            return value == number;
        if (float.IsNegative(number) != float.IsNegative(value))
            return false;
        ushort magnitude = (ushort)(stored & 0x7FFF);
        double x = Math.Abs((double)number), distance = Math.Abs(x - Magnitude(magnitude));
        double below = magnitude == 0 ? double.PositiveInfinity : Math.Abs(x - Magnitude(magnitude - 1));
        double above = float.IsInfinity(value) ? double.PositiveInfinity : Math.Abs(x - Magnitude(magnitude + 1));
        bool even = (magnitude & 1) == 0;
        return even ? distance <= below && distance <= above : distance < below && distance < above;

        // Infinity stands where the next number would be.
        double Magnitude(int bits)
        {
            double y = Value((ushort)bits, type);
            return double.IsInfinity(y) ? 2 * Magnitude(bits - 1) - Magnitude(bits - 2) : y;
        }
    }

    static float Value(ushort bits, ElementType type) =>
        type == ElementType.BFloat16 ? BFloat16.FromBits(bits) : (float)BitConverter.UInt16BitsToHalf(bits);

    static uint Bits(float x) => BitConverter.SingleToUInt32Bits(float.IsNaN(x) ? float.NaN : x);
}
