using System.Numerics;
using OptimSharp.Engine;

namespace OptimSharp.Tests.Engine;

public class PowersTests
{
    [Theory]
    [InlineData(0.9)]
    [InlineData(0.999)]
    [InlineData(0.9999)]
    [InlineData(0.5)]
    public void Are_the_powers_rounded_once(double x)
    {
        var powers = new Powers();
        int exponent = Math.ILogB(x) - 52;
        BigInteger whole = (BigInteger)Math.ScaleB(x, -exponent), power = 1; // x = whole · 2^exponent
        for (int n = 0; n <= 2000; n++, power *= whole)
            Assert.Equal(Rounded(power, n * exponent), powers[x, n]);
    }

    /// <summary>The double nearest to whole · 2^exponent.</summary>
    static double Rounded(BigInteger whole, int exponent)
    {
        int rest = Math.Max(0, (int)whole.GetBitLength() - 53);
        var (high, low) = (whole >> rest, whole & ((BigInteger.One << rest) - 1));
        int side = (low << 1).CompareTo(BigInteger.One << rest); // of the middle between two doubles
        return Math.ScaleB((double)(high + (rest > 0 && (side > 0 || (side == 0 && !high.IsEven)) ? 1 : 0)), exponent + rest);
    }

    [Fact]
    public void Of_zero_and_to_zero_are_right()
    {
        var powers = new Powers();
        Assert.Equal(0, powers[0, 1]);
        Assert.Equal(0, powers[0, 1000]);
        Assert.Equal(1, powers[0.9, 0]);
        Assert.Equal(1, powers[0, 0]);
    }

    [Fact]
    public void Do_not_depend_on_what_was_asked_before()
    {
        var one = new Powers();
        double expected = one[0.999, 777];
        for (int n = 1; n < 20; n++)
            _ = one[0.9, n];
        Assert.Equal(expected, one[0.999, 777]);
        Assert.Equal(expected, one[0.999, 777]);
    }

    // Math.Pow is right to the last bits here; ours has a few more roundings.
    [Fact]
    public void Of_numbers_that_are_not_whole_they_agree_with_Math_Pow()
    {
        foreach (double x in new[] { 0.5, 0.96, 1 - 1e-9, 1, 1.00005, Math.Sqrt(2), 3, 1e10, 1e-300, 1e300, double.Epsilon })
        {
            foreach (double y in new[] { 0.004, 0.75, 1.5, 33.3, -0.8, -1, -2.5 })
            {
                double expected = Math.Pow(x, y), actual = new Powers()[x, y];
                Assert.True(expected == actual || Math.Abs(actual - expected) <= 5e-13 * expected, $"{x}^{y}: {actual}, not {expected}");
            }
        }
        Assert.Equal(1, new Powers()[1, -0.8]);
    }
}
