using OptimSharp.PyTorch;

namespace OptimSharp.Tests.Checkpoints;

/// <summary>The 8-bit floating-point types: all codes, and the rounding of numbers, as PyTorch 2.14 has them (the fixture "float8").</summary>
public class Float8Tests
{
    public static TheoryData<ElementType> Types => [ElementType.Float8E4M3FN, ElementType.Float8E5M2, ElementType.Float8E4M3FNUZ, ElementType.Float8E5M2FNUZ, ElementType.Float8E8M0FNU];

    static StateDict Fixture { get; } = Checkpoint.Load(Path.Combine(FixtureTests.Folder, "pytorch-2.14", "float8.pt"));

    [Theory]
    [MemberData(nameof(Types))]
    public void All_codes_mean_what_they_do_in_PyTorch(ElementType type)
    {
        var codes = Fixture.GetDict(type.Name()).GetTensor("codes");
        Assert.Equal(type, codes.ElementType);
        Assert.Equal([.. Enumerable.Range(0, 256).Select(i => (byte)i)], codes.ToArray<byte>());
        float[] expected = Fixture.GetDict(type.Name()).GetTensor("values").ToArray<float>();
        Assert.Equal(expected.Select(BitsOf), codes.To(ElementType.Float32).ToArray<float>().Select(BitsOf));
        Assert.Equal(expected.Select(x => (double)x), codes.ToDoubles());
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Every_code_comes_back_from_its_number(ElementType type)
    {
        var codes = TensorData.OfCodes([.. Enumerable.Range(0, 256).Select(i => (byte)i)], type, 16, 16);
        var back = codes.To(ElementType.Float64).To(type);
        Assert.Equal([16L, 16L], back.Shape.ToArray());
        double[] numbers = codes.ToDoubles();
        foreach (var (code, found) in back.ToArray<byte>().Index())
        {
            if (double.IsNaN(numbers[code])) // several codes are not a number
                Assert.True(double.IsNaN(back.ToDoubles()[code]));
            else
                Assert.Equal(double.IsInfinity(numbers[code]) && type == ElementType.Float8E4M3FN ? 0 : code, found);
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Numbers_are_rounded_as_PyTorch_does(ElementType type)
    {
        var expected = Fixture.GetDict(type.Name());
        Assert.Equal(expected.GetTensor("rounded").ToArray<byte>(), Fixture.GetTensor("numbers").To(type).ToArray<byte>());
        var middles = Fixture.GetDict("middles").GetTensor(type.Name()); // where two codes are equally near, the even one
        Assert.Equal(expected.GetTensor("middles").ToArray<byte>(), middles.To(type).ToArray<byte>());
    }

    [Fact]
    public void Wrong_use_is_told()
    {
        Assert.Throws<ArgumentException>(() => TensorData.OfCodes([1], ElementType.UInt8, 1));
        Assert.Throws<ArgumentException>(() => TensorData.Of([1f], 1).To(ElementType.Int32));
        Assert.Throws<ArgumentException>(() => TensorData.Of([new Complex64(1, 2)], 1).To(ElementType.Float32));
        Assert.Throws<InvalidOperationException>(() => TensorData.OfCodes([1], ElementType.Float8E5M2, 1).ToArray<float>());
        Assert.Throws<StateDictException>(() => new StateDict { { "x", (ElementType)20 } });
    }

    static uint BitsOf(float x) => float.IsNaN(x) ? 0xFFFFFFFF : BitConverter.SingleToUInt32Bits(x);
}
