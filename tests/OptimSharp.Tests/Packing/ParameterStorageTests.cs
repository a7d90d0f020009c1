using System.Runtime.Intrinsics.X86;
using OptimSharp.Engine;

namespace OptimSharp.Tests.Packing;

/// <summary>What bfloat16 parameters are made of and become, over all numbers in single precision that there are.</summary>
public unsafe class ParameterStorageTests
{
    const int Upper = 1 << 16, Lower = 1 << 16;

    /// <summary>Joined again, the halves are the number. So the upper one is the nearest: what is left is a whole number of 16 bits with a sign, at most half of its last bit.</summary>
    [Fact]
    public void Every_number_can_be_split_and_joined()
    {
        using var remainders = new HostTensor([Lower], ElementType.Int16);
        var storage = new SplitStorage(remainders);
        float[] numbers = new float[Lower], joined = new float[Lower];
        var stored = new BFloat16[Lower];
        for (int upper = 0; upper < Upper; upper++)
        {
            Numbers(upper, numbers);
            Save(storage, numbers, stored);
            Load(storage, stored, joined);
            if (IsNaN(upper))
                Assert.All(stored.AsSpan(1).ToArray(), x => Assert.True(float.IsNaN(x)));
            else
                Assert.True(Bits(numbers).SequenceEqual(Bits(joined)), $"numbers that begin with {upper:x4}");
        }
        // Also where vectors end, one by one.
        var random = new Random(1);
        for (int round = 0; round < 200_000; round++)
        {
            numbers[0] = BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue));
            Save(storage, numbers.AsSpan(0, 1), stored);
            Load(storage, stored, joined.AsSpan(0, 1));
            Assert.True(float.IsNaN(numbers[0]) ? float.IsNaN(joined[0]) && float.IsNaN(stored[0]) : Bits(numbers)[0] == Bits(joined)[0]);
        }
    }

    /// <summary>The smallest random number gives the number below (in magnitude), the largest that above, unless the number is one itself; what is between gives either, for what is added grows.</summary>
    [Fact]
    public void Every_number_is_rounded_to_one_of_its_two_neighbours()
    {
        float[] numbers = new float[Lower];
        var stored = new BFloat16[Lower];
        uint[] zeros = new uint[Lower], largest = [.. Enumerable.Repeat(0xFFFFu, Lower)];
        for (int upper = 0; upper < Upper; upper++)
        {
            Numbers(upper, numbers);
            Round(numbers, zeros, stored);
            var bits = System.Runtime.InteropServices.MemoryMarshal.Cast<BFloat16, ushort>(stored);
            ushort below = (ushort)upper;
            Assert.Equal(-1, bits[1..].IndexOfAnyExcept(IsNaN(upper) ? (ushort)(below | 0x40) : below));
            Round(numbers, largest, stored);
            if (IsNaN(upper))
            {
                Assert.Equal(-1, bits[1..].IndexOfAnyExcept((ushort)(below | 0x40)));
                continue;
            }
            Assert.Equal(below, bits[0]); // is a bfloat16 number, and stays one
            Assert.Equal(-1, bits[1..].IndexOfAnyExcept((ushort)(below + 1)));
        }
    }

    /// <summary>Of all random numbers, as many round up as the number is above the one below, in parts of 2¹⁶: the mean is the number.</summary>
    [Theory]
    [InlineData(1.2345f)]
    [InlineData(-1.0000001f)]
    [InlineData(3e-39f)] // subnormal
    [InlineData(65504.7f)]
    [InlineData(0.99999f)]
    public void Rounding_at_random_has_no_bias(float number)
    {
        float[] numbers = [.. Enumerable.Repeat(number, Lower)];
        var stored = new BFloat16[Lower];
        Round(numbers, [.. Enumerable.Range(0, Lower).Select(r => (uint)r)], stored);
        uint bits = BitConverter.SingleToUInt32Bits(number);
        Assert.Equal((int)(bits & 0xFFFF), stored.Count(x => x.Bits == (bits >> 16) + 1));
        Assert.Equal(Lower - (int)(bits & 0xFFFF), stored.Count(x => x.Bits == bits >> 16));
        Assert.Equal(number, stored.Average(x => (double)(float)x), Math.Abs(number) * 1e-10);
    }

    /// <summary>16 significant bits: what is shown is the nearest, and with what is beside it the number but for 2⁻¹⁷ of it.</summary>
    [Fact]
    public void A_compensated_number_has_16_bits()
    {
        using var compensations = new HostTensor([Lower], ElementType.BFloat16);
        var storage = new CompensatedStorage(compensations);
        float[] numbers = new float[Lower], joined = new float[Lower];
        var stored = new BFloat16[Lower];
        for (int upper = 0; upper < Upper; upper += 7) // prime: every exponent, both signs
        {
            Numbers(upper, numbers);
            Save(storage, numbers, stored);
            Load(storage, stored, joined);
            bool isNormal = (upper & 0x7F80) >> 7 is > 17 and < 255; // below it, what is beside the number has fewer bits
            for (int i = 0; isNormal && i < Lower; i += 13)
            {
                Assert.Equal(((BFloat16)numbers[i]).Bits, stored[i].Bits);
                if (float.IsFinite(stored[i]))
                    Assert.InRange(Math.Abs((double)joined[i] - numbers[i]), 0, Math.Abs(numbers[i]) * Math.Pow(2, -17));
            }
        }
        float[] unusual = [float.PositiveInfinity, float.NegativeInfinity, float.NaN, float.MaxValue, 0, -0f, 1e-40f];
        Save(storage, unusual, stored);
        Load(storage, stored, joined);
        Assert.Equal([float.PositiveInfinity, float.NegativeInfinity, float.NaN, float.PositiveInfinity, 0, 0], joined.Take(6));
        Assert.Equal(1e-40f, joined[6], 1e-40f);
    }

    /// <summary>Where a model's weights were written over, the new ones count: at most half of the last bit is left of the old.</summary>
    [Fact]
    public void What_is_left_of_other_numbers_does_no_harm()
    {
        using HostTensor remainders = new([64], ElementType.Int16), compensations = new([64], ElementType.BFloat16);
        float[] before = [.. Enumerable.Range(0, 64).Select(i => MathF.Sin(i + 1) * MathF.Pow(10, i % 5 - 2))], joined = new float[64];
        var stored = new BFloat16[64];
        foreach (var storage in new ParameterStorage[] { new SplitStorage(remainders), new CompensatedStorage(compensations) })
        {
            foreach (float value in new[] { 0f, -0f, 1f, -1e-3f, 1e30f, float.PositiveInfinity })
            {
                Save(storage, before, stored);
                stored.AsSpan().Fill((BFloat16)value);
                Load(storage, stored, joined);
                if (float.IsFinite(value))
                    Assert.All(joined, x => Assert.InRange(Math.Abs(x - (float)(BFloat16)value), 0, Math.Abs(value) / 256 + 1e-38));
            }
        }
    }

    /// <summary>The authors' vectors of known answers (Random123, kat_vectors: philox4x32 10).</summary>
    [Fact]
    public void Random_bits_are_Philoxs()
    {
        Assert.Equal((0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u), Philox.Block(0, 0, 0, 0, 0, 0));
        Assert.Equal((0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu), Philox.Block(~0u, ~0u, ~0u, ~0u, ~0u, ~0u));
        Assert.Equal((0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u), Philox.Block(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0));
    }

    [Fact]
    public void Vectors_make_the_same_random_bits()
    {
        var random = new Random(2);
        uint* one = stackalloc uint[Philox.Tile], other = stackalloc uint[Philox.Tile];
        for (int round = 0; round < 1000; round++)
        {
            ulong tile = (ulong)random.NextInt64() >> random.Next(3, 60), seed = (ulong)random.NextInt64();
            uint stream = (uint)random.Next(), step = (uint)random.Next();
            Philox.FillOneByOne(one, tile, stream, step, seed);
            Philox.Fill(other, tile, stream, step, seed);
            Assert.True(new Span<uint>(one, Philox.Tile).SequenceEqual(new Span<uint>(other, Philox.Tile)));
            if (!Avx2.IsSupported)
                continue;
            Philox.Fill256(other, tile, stream, step, seed);
            Assert.True(new Span<uint>(one, Philox.Tile).SequenceEqual(new Span<uint>(other, Philox.Tile)));
        }
    }

    static void Numbers(int upper, float[] numbers)
    {
        var bits = System.Runtime.InteropServices.MemoryMarshal.Cast<float, uint>(numbers.AsSpan());
        for (int lower = 0; lower < Lower; lower++)
            bits[lower] = (uint)(upper << 16 | lower);
    }

    static bool IsNaN(int upper) => (upper & 0x7F80) == 0x7F80; // of all but one number that begin so: infinity

    static Span<int> Bits(float[] numbers) => System.Runtime.InteropServices.MemoryMarshal.Cast<float, int>(numbers.AsSpan());

    static void Save(ParameterStorage storage, Span<float> numbers, BFloat16[] stored)
    {
        fixed (float* from = numbers)
        fixed (BFloat16* to = stored)
            storage.Save(from, to, 0, numbers.Length);
    }

    static void Load(ParameterStorage storage, BFloat16[] stored, Span<float> numbers)
    {
        fixed (BFloat16* from = stored)
        fixed (float* to = numbers)
            storage.Load(from, 0, to, numbers.Length);
    }

    static void Round(float[] numbers, uint[] random, BFloat16[] stored)
    {
        fixed (float* from = numbers)
        fixed (uint* added = random)
        fixed (BFloat16* to = stored)
            StochasticStorage.Round(from, added, to, numbers.Length);
    }
}
