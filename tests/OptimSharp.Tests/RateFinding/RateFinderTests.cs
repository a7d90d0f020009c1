using System.Globalization;

namespace OptimSharp.Tests.RateFinding;

public sealed class RateFinderTests : IDisposable
{
    readonly Parameter<double> w = Parameter.Of("w", new double[] { 1 });
    readonly SGD optimizer;

    public RateFinderTests() => optimizer = new([w], new() { LearningRate = 0.5 });

    public void Dispose() => optimizer.Dispose();

    [Fact]
    public void On_a_parabola_the_loss_diverges_where_it_must()
    {
        // The loss 1 + ½w² by gradient descent: w ← (1 − η)w. It falls for η < 2 and rises above.
        var curve = RateFinder.Run(optimizer, () =>
        {
            double value = w.Values.Span[0];
            w.Gradient = new[] { value };
            optimizer.Step();
            return 1 + value * value / 2;
        }, new() { StartRate = 1e-3, EndRate = 100, Smoothing = 0 });
        Assert.Equal(RateCurveEnd.Diverged, curve.End);
        Assert.True(curve.Losses[^1] > 4 && curve.Losses[^2] <= 4); // lowest: 1, up to rounding
        double expected = 1;
        for (int i = 0; i < curve.Rates.Count; i++)
        {
            Assert.Equal(1e-3 * Math.Pow(1e5, i / 99.0), curve.Rates[i], 1e-12 * curve.Rates[i]);
            Assert.Equal(1 + expected * expected / 2, curve.Losses[i], 1e-12 * curve.Losses[i]);
            expected *= 1 - curve.Rates[i];
        }
        Assert.InRange(curve.Suggestions.Valley!.Value, 1e-3, 2);
        Assert.Equal((1, 0.5), (w.Values.Span[0], optimizer.ParameterGroups[0].LearningRate));
    }

    [Fact]
    public void A_loss_that_is_not_finite_ends_it_and_is_not_in_the_curve()
    {
        int steps = 0;
        var curve = RateFinder.Run(optimizer, () => ++steps == 20 ? double.NaN : 1.0 / steps);
        Assert.Equal((RateCurveEnd.NotFinite, 19), (curve.End, curve.Rates.Count));
        Assert.Contains("The loss of the first step, at the rate 1E-07, is NaN", Assert.Throws<InvalidOperationException>(() => RateFinder.Run(optimizer, () => double.NaN)).Message, StringComparison.Ordinal);
        Assert.Equal(0.5, optimizer.ParameterGroups[0].LearningRate);
    }

    [Fact]
    public void Losses_below_zero_end_it_by_their_distance()
    {
        int steps = 0;
        double[] losses = [-1, -2, 0, 3.9, 4.1];
        var curve = RateFinder.Run(optimizer, () => losses[steps++], new() { Smoothing = 0 });
        Assert.Equal((RateCurveEnd.Diverged, 5), (curve.End, curve.Rates.Count)); // above −2 + 3·2 = 4
    }

    [Fact]
    public void Suggestions_leave_out_the_first_tenth_and_the_last_five()
    {
        int steps = 0;
        double[] losses = [9, 1, .. Enumerable.Range(0, 13).Select(i => 8 - 0.5 * i), 0.1, 0.1, 0.1, 0.1, 0.1]; // 2 + 13 + 5
        var curve = RateFinder.Run(optimizer, () => losses[steps++], new() { Steps = 20, Smoothing = 0, Divergence = double.PositiveInfinity });
        Assert.Equal(RateFinder.Suggest([.. curve.Rates.Skip(2).Take(13)], losses[2..15]), curve.Suggestions);
        Assert.Equal(curve.Rates[14] / 10, curve.Suggestions.Minimum);
    }

    /// <summary>Rounding makes the running average of equal losses fall here and rise there.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(0.3)]
    [InlineData(0.9)]
    [InlineData(0.98)]
    [InlineData(0.9999)]
    public void A_loss_that_never_changes_suggests_nothing(double smoothing)
    {
        foreach (double loss in new[] { 0.1, 1.0 / 3, 2.302585, -0.7, 1e-30, 1e30, 0 })
        {
            foreach (int steps in new[] { 100, 1000 })
                Assert.Equal(new(null, null, null, null), RateFinder.Run(optimizer, () => loss, new() { Smoothing = smoothing, Steps = steps }).Suggestions);
        }
    }

    [Fact]
    public void A_small_fall_is_one()
    {
        int steps = 0;
        var curve = RateFinder.Run(optimizer, () => steps++ < 50 ? 0.1 : 0.1 * (1 - 1e-9));
        Assert.InRange(curve.Suggestions.Valley!.Value, curve.Rates[50], curve.Rates[80]); // a third and a sixth of 45 points after point 50, give or take what rounding adds
    }

    [Fact]
    public void A_curve_that_is_too_short_suggests_nothing()
    {
        var curve = RateFinder.Run(optimizer, () => 1, new() { Steps = 6 });
        Assert.Equal(new(null, null, null, null), curve.Suggestions);
        Assert.Null(curve.Suggestions.Spread);
        Assert.Contains("6 rates from 1E-07 to 10, all steps", curve.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void As_text_and_as_CSV()
    {
        int steps = 0;
        var curve = RateFinder.Run(optimizer, () => Math.Pow(steps++ - 15, 2) / 100 + 1, new() { StartRate = 1e-4, EndRate = 1, Steps = 30, Smoothing = 0 });
        string[] lines = curve.ToCsv().TrimEnd('\n').Split('\n');
        Assert.Equal("rate,loss,smoothed", lines[0]);
        Assert.Equal(30, lines.Length - 1);
        for (int i = 0; i < 30; i++)
            Assert.Equal([curve.Rates[i], curve.Losses[i], curve.SmoothedLosses[i]], lines[i + 1].Split(',').Select(n => double.Parse(n, CultureInfo.InvariantCulture)));
        string[] drawing = curve.Draw(width: 40, height: 6).Split('\n');
        Assert.Equal(6 + 2, drawing.TakeWhile(line => !line.Contains('▲', StringComparison.Ordinal)).Count());
        Assert.StartsWith("3.25 ┤", drawing[0], StringComparison.Ordinal); // (0 − 15)²/100 + 1
        Assert.StartsWith("   1 ┤", drawing[5], StringComparison.Ordinal);
        Assert.Contains("└────", drawing[6], StringComparison.Ordinal);
        Assert.Matches(@"^ +0\.0001 +0\.204$", drawing[7]); // the last five are left out
        string minimum = Assert.Single(drawing, line => line.EndsWith($"▲ minimum {curve.Suggestions.Minimum:G3}", StringComparison.Ordinal));
        Assert.InRange(minimum.IndexOf('▲', StringComparison.Ordinal) - 6, 40 * 7 / 25 - 2, 40 * 9 / 25 + 1); // a tenth of point 15's rate is at 15 − 29/4
    }

    [Fact]
    public void A_drawing_shows_the_valley_though_the_loss_has_diverged()
    {
        int steps = 0;
        double[] losses = [2, 2, 2, 2, 2, 2, 2, 1.5, 1, 1, 1, 100, 1e6, 1e6, 1e6, 1e6, 1e6, 1e6];
        var curve = RateFinder.Run(optimizer, () => losses[steps++], new() { Steps = losses.Length, Smoothing = 0, Divergence = double.PositiveInfinity });
        string[] drawing = curve.Draw(30, 5).Split('\n');
        Assert.StartsWith("3 ┤", drawing[0], StringComparison.Ordinal); // 2 + (2 − 1)
        Assert.StartsWith("1 ┤", drawing[4], StringComparison.Ordinal);
    }

    public static TheoryData<string, RateFinderOptions> Refused => new()
    {
        { "StartRate must be > 0, but is 0", new() { StartRate = 0 } },
        { "StartRate must be > 0, but is NaN", new() { StartRate = double.NaN } },
        { "EndRate must be above StartRate (1E-07), but is 1E-08", new() { EndRate = 1e-8 } },
        { "EndRate must be above StartRate (1E-07), but is ∞", new() { EndRate = double.PositiveInfinity } },
        { "Steps must be ≥ 2, but is 1", new() { Steps = 1 } },
        { "Smoothing must be ≥ 0 and < 1, but is 1", new() { Smoothing = 1 } },
        { "Divergence must be > 1, but is 1", new() { Divergence = 1 } },
        { "Growth must be one of Exponential, Linear, but is 9", new() { Growth = (RateGrowth)9 } },
        { "Restored must be a list without null", new() { Restored = [null!] } },
    };

    [Theory]
    [MemberData(nameof(Refused), DisableDiscoveryEnumeration = true)]
    public void Options_out_of_range_are_refused(string message, RateFinderOptions options)
    {
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => RateFinder.Run(optimizer, () => 1, options)).Message.Replace("Infinity", "∞", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public void Where_it_can_not_be_put_back_it_is_refused()
    {
        using var planned = new SGD([Parameter.Meta("w", [3])]);
        Assert.Throws<InvalidOperationException>(() => RateFinder.Run(planned, () => 1));
        using var averages = new AveragedParameters([w], Averaging.Ema(0.5));
        averages.Update();
        using (averages.SwapIn())
            Assert.Contains("SwapIn", Assert.Throws<InvalidOperationException>(() => RateFinder.Run(optimizer, () => 1)).Message, StringComparison.Ordinal);
        optimizer.Stepping += (_, _) => RateFinder.Run(optimizer, () => 1);
        w.Gradient = new double[1];
        Assert.Contains("from within Step", Assert.Throws<InvalidOperationException>(optimizer.Step).Message, StringComparison.Ordinal);
        var gone = new SGD([Parameter.Of("v", new float[1])]);
        gone.Dispose();
        Assert.Throws<ObjectDisposedException>(() => RateFinder.Run(gone, () => 1));
    }

    [Fact]
    public void An_optimizer_that_a_step_disposes_stays_disposed_and_values_come_back()
    {
        var v = Parameter.Of("v", new float[] { 1 });
        var own = new SGD([v], new() { LearningRate = 0.1, Momentum = 0.9 });
        v.Gradient = new float[] { 1 };
        own.Step();
        float before = v.Values.Span[0];
        int steps = 0;
        Assert.Throws<ObjectDisposedException>(() => RateFinder.Run(own, () =>
        {
            v.Gradient = new float[] { 1 };
            own.Step();
            if (++steps == 3)
                own.Dispose();
            return 1;
        }));
        Assert.Equal(before, v.Values.Span[0]);
    }
}
