namespace OptimSharp.Tests.Averages;

/// <summary>Swapping averages in gives the parameters back as they were, to the bit, whatever happens.</summary>
public class SwapInTests
{
    static readonly float[] Before = [1, BitConverter.UInt32BitsToSingle(0xFFC01234), -0f];

    readonly Parameter<float> w = Parameter.Of("w", (float[])Before.Clone());

    [Fact]
    public void The_scope_has_the_averages_and_its_end_the_old_bits()
    {
        using var average = Average(5);
        using (average.SwapIn())
        {
            Assert.Equal([5f, 5, 5], w.Values.ToArray());
            w.Values.Span.Fill(77);
        }
        AssertBefore();
        Assert.Equal([5.0, 5, 5], average.Average("w").ToDoubles());
    }

    [Fact]
    public void So_does_an_exception()
    {
        using var average = Average(5);
        Assert.Throws<TimeoutException>(() => Evaluate(average));
        AssertBefore();
    }

    [Fact]
    public void Half_parameters_get_rounded_averages_and_their_bits_back()
    {
        var half = Parameter.Of("h", [BitConverter.UInt16BitsToHalf(0x7E01), (Half)3]); // a NaN
        using var average = new AveragedParameters([half]);
        average.Update([Parameter.Of("h", [1f / 3, 2])]);
        using (average.SwapIn())
            Assert.Equal([(Half)(1f / 3), (Half)2], half.Values.ToArray());
        Assert.Equal(0x7E01, BitConverter.HalfToUInt16Bits(half.Values.Span[0]));
    }

    [Theory]
    [InlineData("123")]
    [InlineData("132")]
    [InlineData("213")]
    [InlineData("231")]
    [InlineData("312")]
    [InlineData("321")]
    public void Nested_scopes_may_end_in_any_order(string order)
    {
        using AveragedParameters swa = Average(5), ema = Average(6);
        IDisposable[] scopes = [swa.SwapIn(), ema.SwapIn(), swa.SwapIn()];
        var open = new List<float> { 5, 6, 5 };
        foreach (char digit in order)
        {
            int i = digit - '1';
            scopes[i].Dispose();
            open[i] = 0;
            if (open.FindLast(x => x != 0) is var last and not 0)
                Assert.All(w.Values.ToArray(), x => Assert.Equal(last, x));
        }
        AssertBefore();
    }

    [Fact]
    public void Ending_twice_is_ending_once()
    {
        using var average = Average(5);
        var scope = average.SwapIn();
        scope.Dispose();
        w.Values.Span[0] = 42;
        scope.Dispose();
        Assert.Equal(42, w.Values.Span[0]);
    }

    [Fact]
    public void Disposing_the_averages_inside_does_not_matter()
    {
        var average = Average(5);
        using (average.SwapIn())
            average.Dispose();
        AssertBefore();
    }

    [Fact]
    public void Averages_swapped_in_are_not_averaged_again()
    {
        using AveragedParameters average = Average(5), other = Average(6);
        using (average.SwapIn())
        {
            foreach (var one in new[] { average, other })
            {
                Assert.Contains("dispose the scope of SwapIn, EvalView or Perturb first", Assert.Throws<InvalidOperationException>(one.Update).Message);
                Assert.Equal(1, one.Count);
            }
            other.Update([Parameter.Of("w", new float[3])]); // another model
        }
        average.Update();
        Assert.Equal((2, 2), (average.Count, other.Count));
    }

    void Evaluate(AveragedParameters average)
    {
        using (average.SwapIn())
            throw new TimeoutException($"{w.Values.Span[0]}");
    }

    AveragedParameters Average(float value)
    {
        var average = new AveragedParameters([w]);
        average.Update([Parameter.Of("w", [value, value, value])]);
        return average;
    }

    void AssertBefore() => Assert.Equal(Before.Select(BitConverter.SingleToUInt32Bits), w.Values.ToArray().Select(BitConverter.SingleToUInt32Bits));
}
