using System.Numerics;
using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp.Tests.Engine;

/// <summary>Wide lanes do what scalar ones do, and scalar ones do what is promised.</summary>
public class LaneTests
{
    [Fact]
    public void Wide_lanes_give_the_bits_of_scalar_lanes()
    {
        AllOperators<float>(ElementType.Float32, x => (float)x);
        AllOperators<double>(ElementType.Float64, x => x);
    }

    [Fact]
    public void The_larger_and_the_smaller_are_IEEE_754s()
    {
        Assert.True(double.IsNaN(Max(double.NaN, 1)));
        Assert.True(double.IsNaN(Max(1, double.NaN)));
        Assert.True(double.IsNaN(Min(double.NaN, 1)));
        Assert.True(double.IsNaN(Min(1, double.NaN)));
        Assert.Equal(0, BitConverter.DoubleToInt64Bits(Max(-0.0, 0.0)));
        Assert.Equal(0, BitConverter.DoubleToInt64Bits(Max(0.0, -0.0)));
        Assert.True(double.IsNegative(Min(0.0, -0.0)));
        Assert.Equal(3, Max(2, 3));
        Assert.Equal(2, Min(2, 3));

        static double Max(double x, double y) => ScalarLane<double, On>.Max(new(x), new(y)).Value;

        static double Min(double x, double y) => ScalarLane<double, On>.Min(new(x), new(y)).Value;
    }

    [Theory]
    [InlineData(double.Epsilon, 1)]
    [InlineData(double.PositiveInfinity, 1)]
    [InlineData(0.0, 2)]
    [InlineData(-double.Epsilon, 2)]
    [InlineData(-1, 2)]
    [InlineData(double.NaN, 2)]
    public void Only_what_is_above_zero_is_positive(double x, double chosen) =>
        Assert.Equal(chosen, ScalarLane<double, On>.IfPositive(new(x), new(1), new(2)).Value);

    [Theory]
    [InlineData(2, 1, 1)]
    [InlineData(1, 2, 2)]
    [InlineData(1, 1, 2)]
    [InlineData(0.0, -0.0, 2)]
    [InlineData(double.Epsilon, 0, 1)]
    [InlineData(double.PositiveInfinity, double.PositiveInfinity, 2)]
    [InlineData(double.PositiveInfinity, double.MaxValue, 1)]
    [InlineData(double.NaN, 1, 2)]
    [InlineData(1, double.NaN, 2)]
    public void Only_what_is_above_is_greater(double x, double y, double chosen) =>
        Assert.Equal(chosen, ScalarLane<double, On>.IfGreater(new(x), new(y), new(1), new(2)).Value);

    [Theory]
    [InlineData(double.Epsilon, 1)]
    [InlineData(double.PositiveInfinity, 1)]
    [InlineData(-double.Epsilon, -1)]
    [InlineData(double.NegativeInfinity, -1)]
    [InlineData(0.0, 0)]
    [InlineData(double.NaN, 0)]
    public void The_sign_is_PyTorchs(double x, double sign) => Assert.Equal(sign, ScalarLane<double, On>.Sign(new(x)).Value);

    [Fact]
    public void The_sign_of_minus_zero_is_zero() => Assert.Equal(0, BitConverter.DoubleToInt64Bits(ScalarLane<double, On>.Sign(new(-0.0)).Value)); // PyTorch 2.14's too

    [Fact]
    public void A_negated_zero_is_minus_zero() => Assert.True(double.IsNegative((-new ScalarLane<double, On>(0.0)).Value));

    static void AllOperators<T>(ElementType type, Func<double, T> store) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Same<T, Add>(type, store);
        Same<T, Subtract>(type, store);
        Same<T, Multiply>(type, store);
        Same<T, Divide>(type, store);
        Same<T, Root>(type, store);
        Same<T, Magnitude>(type, store);
        Same<T, Larger>(type, store);
        Same<T, Smaller>(type, store);
        Same<T, Choose>(type, store);
        Same<T, ChooseGreater>(type, store);
        Same<T, Negate>(type, store);
        Same<T, SignOf>(type, store);
    }

    static void Same<T, TOperation>(ElementType type, Func<double, T> store)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TOperation : IOperation
    {
        const int Count = 64 * 1024;
        var x = Array.ConvertAll(Numbers.Wild(Count, 1, type), v => store(v));
        var y = Array.ConvertAll(Numbers.Wild(Count, 2, type), v => store(v));
        for (int i = 0; i < Count; i += Vector<T>.Count)
        {
            var wide = TOperation.Of<WideLane<T, On>, T>(new(new(x, i)), new(new(y, i))).Value;
            for (int k = 0; k < Vector<T>.Count; k++)
            {
                var scalar = TOperation.Of<ScalarLane<T, On>, T>(new(x[i + k]), new(y[i + k])).Value;
                bool same = T.IsNaN(scalar) ? T.IsNaN(wide[k]) : scalar == wide[k] && T.IsNegative(scalar) == T.IsNegative(wide[k]);
                Assert.True(same, $"{typeof(TOperation).Name}({x[i + k]}, {y[i + k]}) is {scalar} or {wide[k]}");
            }
        }
    }

    interface IOperation
    {
        static abstract L Of<L, T>(L x, L y) where L : struct, ILane<L, T>;
    }

    readonly struct Add : IOperation
    {
        static L IOperation.Of<L, T>(L x, L y) => x + y;
    }

    readonly struct Subtract : IOperation
    {
        static L IOperation.Of<L, T>(L x, L y) => x - y;
    }

    readonly struct Multiply : IOperation
    {
        static L IOperation.Of<L, T>(L x, L y) => x * y;
    }

    readonly struct Divide : IOperation
    {
        static L IOperation.Of<L, T>(L x, L y) => x / y;
    }

    readonly struct Root : IOperation
    {
        static L IOperation.Of<L, T>(L x, L y) => L.Sqrt(x);
    }

    readonly struct Magnitude : IOperation
    {
        static L IOperation.Of<L, T>(L x, L y) => L.Abs(x);
    }

    readonly struct Larger : IOperation
    {
        static L IOperation.Of<L, T>(L x, L y) => L.Max(x, y);
    }

    readonly struct Smaller : IOperation
    {
        static L IOperation.Of<L, T>(L x, L y) => L.Min(x, y);
    }

    readonly struct Choose : IOperation
    {
        static L IOperation.Of<L, T>(L x, L y) => L.IfPositive(x, y, x + y);
    }

    readonly struct ChooseGreater : IOperation
    {
        static L IOperation.Of<L, T>(L x, L y) => L.IfGreater(x, y, y, x + y);
    }

    readonly struct Negate : IOperation
    {
        static L IOperation.Of<L, T>(L x, L y) => -x;
    }

    readonly struct SignOf : IOperation
    {
        static L IOperation.Of<L, T>(L x, L y) => L.Sign(x);
    }
}
