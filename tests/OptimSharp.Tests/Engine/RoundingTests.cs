using System.Numerics;
using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp.Tests.Engine;

public class RoundingTests
{
    [Theory]
    [InlineData(ElementType.BFloat16)]
    [InlineData(ElementType.Float16)]
    public void Rounds_to_the_nearest_number_of_the_storage_type(ElementType type)
    {
        Rounds(type, 1000);
        Rounds(type, 1e-4f); // where Float16 has no more than 2⁻²⁴ to tell apart
    }

    static void Rounds(ElementType type, float scale)
    {
        var rounding = new Rounding<float>(type);
        foreach (double number in Numbers.Tame(100_000, 3))
        {
            float x = (float)number * scale;
            float rounded = rounding.Of(new ScalarLane<float, On>(x)).Value, stored = type == ElementType.BFloat16 ? (BFloat16)x : (float)(Half)x;
            Assert.Equal(Math.Abs(x - stored), Math.Abs(x - rounded)); // a tie may go the other way
            Assert.Equal(rounded, rounding.Of(new WideLane<float, On>(new Vector<float>(x))).Value[0]);
        }
    }

    [Theory]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    [InlineData(float.NaN)]
    [InlineData(3e38f)]
    public void Leaves_alone_what_it_would_overflow(float x) =>
        Assert.Equal(x, new Rounding<float>(ElementType.BFloat16).Of(new ScalarLane<float, On>(x)).Value);

    [Fact]
    public void Leaves_full_precision_alone()
    {
        Assert.Equal(0.1f, new Rounding<float>(ElementType.Float32).Of(new ScalarLane<float, On>(0.1f)).Value);
        Assert.Equal(0.1, new Rounding<double>(ElementType.Float64).Of(new ScalarLane<double, On>(0.1)).Value);
    }
}
