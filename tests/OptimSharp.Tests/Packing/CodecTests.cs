using OptimSharp.Conformance;
using OptimSharp.Engine;

namespace OptimSharp.Tests.Packing;

/// <summary>Numbers in few bits: what codes stand for, and which code a number gets.</summary>
public unsafe class CodecTests
{
    static readonly StateDict Fixture = Checkpoint.Load(Path.Combine(GoldenFiles.RepositoryRoot(), "tests", "fixtures", "packed", "packed.torch"));

    public static TheoryData<string> Formats => [.. Enum.GetNames<BlockFormat>().Where(name => name != nameof(BlockFormat.None))];

    [Fact]
    public void Values_of_codes_are_those_of_create_dynamic_map()
    {
        Assert.Equal(Numbers(Fixture, "signed"), ValuesOf(BlockFormat.Dynamic8Signed, 256));
        Assert.Equal(Numbers(Fixture, "unsigned"), ValuesOf(BlockFormat.Dynamic8Unsigned, 256));
        Assert.Equal(Numbers(Fixture, "signed4"), new ReadOnlySpan<float>(Linear4.Map(true), 16).ToArray());
        Assert.Equal(Numbers(Fixture, "unsigned4"), new ReadOnlySpan<float>(Linear4.Map(false), 16).ToArray());
    }

    /// <summary>As bitsandbytes and torchao encode, computed by PyTorch (tools/fixtures/make_packed.py).</summary>
    [Theory]
    [InlineData("any", "dynamic8", "Dynamic8Signed")]
    [InlineData("positive", "dynamic8", "Dynamic8Unsigned")]
    [InlineData("any", "linear4", "Linear4Signed")]
    [InlineData("positive", "linear4", "Linear4Unsigned")]
    [InlineData("any", "float8", "Float8Signed")]
    public void Codes_and_scales_are_PyTorchs(string numbers, string key, string name)
    {
        var format = Enum.Parse<BlockFormat>(name);
        var expected = Fixture.GetDict(numbers);
        float[] x = [.. Numbers(Fixture, "x").Select(number => numbers == "any" ? number : Math.Abs(number))];
        var (codes, scales) = Encode(format, x);
        float[] theirScales = Numbers(expected, $"{key}.scale");
        foreach (var (block, (theirs, ours)) in theirScales.Zip(scales).Index())
        {
            if (x.AsSpan(block * format.BlockSize(), Math.Min(format.BlockSize(), x.Length - block * format.BlockSize())).ContainsAnyExcept(0f, -0f))
                Assert.Equal(theirs, ours);
            else
                Assert.InRange(ours, 0, 1e-30f); // blocks of zeros; torchao has 1e-12
        }
        // The code of zero is not given to numbers without a sign: bitsandbytes gives it.
        Assert.Equal(((TensorData)expected[key]!).ToArray<byte>().Select(code => format == BlockFormat.Dynamic8Unsigned ? Math.Max(code, (byte)1) : code), codes);
        float[] decoded = Decode(format, codes, scales, x.Length);
        float least = format == BlockFormat.Dynamic8Unsigned ? DynamicMap.Unsigned.Table.Values[1] : 0;
        Assert.Equal(Numbers(expected, $"{key}.values").Select((v, i) => Of(v, scales[i / format.BlockSize()], theirScales[i / format.BlockSize()])), decoded.Select(v => v + 0f)); // but for zeros' signs

        float Of(float theirs, float scale, float theirScale) => theirs == 0 ? least * scale : scale == theirScale ? theirs : theirs / theirScale * scale;
    }

    /// <summary>The value of a number's code is the nearest, but for two ten-thousandths of the distance between two values around their middle.</summary>
    [Theory]
    [MemberData(nameof(Formats))]
    public void The_code_is_the_nearest_values(string name)
    {
        var format = Enum.Parse<BlockFormat>(name);
        float[] values = Sorted(format);
        var random = new Random(3);
        for (int round = 0; round < 60; round++)
        {
            float[] x = new float[1 + random.Next(1000)];
            x[0] = 1; // the scale; of fp8 it is 1/448
            for (int i = 1; i < x.Length; i++)
            {
                int k = random.Next(values.Length - 1);
                float middle = (values[k] + values[k + 1]) / 2;
                x[i] = round % 3 == 0 ? BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(middle) + random.Next(-3, 4))
                    : values[k] + (values[k + 1] - values[k]) * random.NextSingle();
            }
            int size = format.BlockSize();
            for (int block = 0; block < x.Length; block += size)
                x[block] = 1;
            var (codes, scales) = Encode(format, x);
            float[] decoded = Decode(format, codes, scales, x.Length);
            for (int i = 0; i < x.Length; i++)
            {
                int found = Array.BinarySearch(values, x[i]), k = Math.Clamp(found >= 0 ? found : ~found - 1, 0, values.Length - 2);
                double nearest = Math.Min(Math.Abs((double)values[k] - x[i]), Math.Abs((double)values[k + 1] - x[i])), distance = (double)values[k + 1] - values[k];
                Assert.True(Math.Abs((double)decoded[i] - x[i]) <= nearest + 2e-4 * distance, $"{x[i]:R} became {decoded[i]:R}, but lies between {values[k]:R} and {values[k + 1]:R}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Values_times_their_scale_keep_their_codes(string name)
    {
        var format = Enum.Parse<BlockFormat>(name);
        float[] values = Sorted(format);
        int size = format.BlockSize();
        foreach (float scale in (float[])[1, 3.7f, 1e-11f, 2.5e-7f, 1e20f])
        {
            float[] x = [.. Enumerable.Range(0, 3 * size).Select(i => i % size == 0 ? scale : values[i * 7 % values.Length] * scale)];
            var (codes, scales) = Encode(format, x);
            float[] decoded = Decode(format, codes, scales, x.Length);
            var (again, sameScales) = Encode(format, decoded);
            Assert.Equal(codes, again);
            Assert.Equal(scales, sameScales);
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Numbers_without_a_sign_never_become_zero(string name)
    {
        var format = Enum.Parse<BlockFormat>(name);
        if (format.IsSigned())
            return;
        foreach (float largest in (float[])[1, 1e-14f, 1e10f])
        {
            float[] x = [.. Enumerable.Range(0, 605).Select(i => i % 100 == 0 ? largest : i % 7 * 1e-9f * largest)];
            var (codes, scales) = Encode(format, x);
            Assert.All(Decode(format, codes, scales, x.Length), number => Assert.True(number > 0));
            x[1] = x[^1] = -0f; // in a register, and after the last one
            (codes, scales) = Encode(format, x);
            Assert.All(Decode(format, codes, scales, x.Length), number => Assert.True(number > 0));
        }
    }

    /// <summary>Squares of gradients of 1e-9 are as exact as those of larger ones.</summary>
    [Theory]
    [MemberData(nameof(Formats))]
    public void Blocks_of_small_numbers_are_as_exact_as_others(string name)
    {
        var format = Enum.Parse<BlockFormat>(name);
        var random = new Random(5);
        float[] x = [.. Enumerable.Range(0, 1000).Select(_ => random.NextSingle() * (format.IsSigned() ? random.Next(2) * 2 - 1 : 1))];
        var (codes, _) = Encode(format, x);
        Assert.Equal(codes, Encode(format, [.. x.Select(v => v * MathF.ScaleB(1, -60))]).Codes); // 1e-18
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_number_that_is_not_finite_makes_its_block_not_a_number_and_no_other(string name)
    {
        var format = Enum.Parse<BlockFormat>(name);
        foreach (float bad in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
        {
            float[] x = [.. Enumerable.Repeat(0.5f, 700)];
            x[300] = bad;
            var (codes, scales) = Encode(format, x);
            float[] decoded = Decode(format, codes, scales, x.Length);
            int size = format.BlockSize();
            for (int i = 0; i < x.Length; i++)
                Assert.Equal(i / size == 300 / size, float.IsNaN(decoded[i]));
        }
    }

    static float[] Sorted(BlockFormat format) => format switch
    {
        BlockFormat.Linear4Signed or BlockFormat.Linear4Unsigned => [.. new ReadOnlySpan<float>(Linear4.Map(format == BlockFormat.Linear4Signed), 16).ToArray().Order()],
        BlockFormat.Float8Signed or BlockFormat.Float8Unsigned => [.. ValuesOf(format, 256).Where(v => !float.IsNaN(v) && (v > 0 || format == BlockFormat.Float8Signed)).Distinct().Order().Select(v => v / 448)],
        _ => [.. ValuesOf(format, 256).Order().Where(v => v != 0 || format == BlockFormat.Dynamic8Signed)],
    };

    /// <summary>What all codes of a format of bytes stand for.</summary>
    static float[] ValuesOf(BlockFormat format, int count) => Decode(format, [.. Enumerable.Range(0, count).Select(code => (byte)code)], [1], count);

    static float[] Numbers(StateDict from, string key) => ((TensorData)from[key]!).ToArray<float>();

    static (byte[] Codes, float[] Scales) Encode(BlockFormat format, float[] x)
    {
        byte[] codes = new byte[format.CodeBytes(x.Length)];
        float[] scales = new float[format.Blocks(x.Length)];
        fixed (float* from = x, scale = scales)
        fixed (byte* to = codes)
            format.Encode(from, x.Length, to, scale, 0);
        return (codes, scales);
    }

    static float[] Decode(BlockFormat format, byte[] codes, float[] scales, int count)
    {
        float[] x = new float[count];
        fixed (byte* from = codes)
        fixed (float* scale = scales, to = x)
            format.Decode(from, scale, 0, to, count);
        return x;
    }
}
