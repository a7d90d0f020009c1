using OptimSharp.Kernels;

namespace OptimSharp.Tests.Kernels;

public class PowersTests
{
    [Theory]
    [InlineData(0.9)]
    [InlineData(0.999)]
    [InlineData(0.5)]
    public void Are_the_powers(double x)
    {
        var powers = new Powers();
        for (int n = 0; n <= 2000; n++)
            Assert.Equal(Math.Pow(x, n), powers[x, n], Math.Pow(x, n) * 1e-12);
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
}
