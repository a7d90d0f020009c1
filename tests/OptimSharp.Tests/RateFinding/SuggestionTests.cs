using System.Text.Json;
using OptimSharp.Conformance;

namespace OptimSharp.Tests.RateFinding;

public sealed class SuggestionTests
{
    public static TheoryData<string> Curves => [.. Read().Select(curve => curve.Name)];

    /// <summary>tools/rate-finder/make.py made the curves and computed these with NumPy.</summary>
    [Theory]
    [MemberData(nameof(Curves))]
    public void Are_those_of_NumPy(string name)
    {
        var curve = Read().Single(c => c.Name == name);
        var suggested = RateFinder.Suggest(curve.Rates, curve.Smoothed);
        Assert.Equal(curve.Suggested["valley"], suggested.Valley!.Value, 1e-12 * curve.Suggested["valley"]);
        Assert.Equal(curve.Suggested["steep"], suggested.Steep!.Value, 1e-12 * curve.Suggested["steep"]);
        Assert.Equal(curve.Suggested["minimum"], suggested.Minimum!.Value, 1e-12 * curve.Suggested["minimum"]);
        Assert.Equal(curve.Suggested["slide"], suggested.Slide!.Value, 1e-12 * curve.Suggested["slide"]);
    }

    /// <summary>The losses of these curves, fed as the losses of steps: rates and running averages are NumPy's too.</summary>
    [Theory]
    [MemberData(nameof(Curves))]
    public void Rates_and_smoothed_losses_are_those_of_NumPy(string name)
    {
        var curve = Read().Single(c => c.Name == name);
        using var optimizer = new SGD([Parameter.Of("w", new float[1])]);
        int at = 0;
        var found = RateFinder.Run(optimizer, () => curve.Losses[at++], new() { Steps = curve.Rates.Length, Smoothing = curve.Smoothing, Divergence = double.PositiveInfinity });
        Assert.Equal(RateCurveEnd.Complete, found.End);
        Assert.Equal(curve.Losses, found.Losses);
        for (int i = 0; i < at; i++)
        {
            Assert.Equal(curve.Rates[i], found.Rates[i], 1e-12 * curve.Rates[i]);
            Assert.Equal(curve.Smoothed[i], found.SmoothedLosses[i], 1e-12);
        }
    }

    [Fact]
    public void By_hand()
    {
        double[] rates = [0.001, 0.01, 0.1, 1, 10, 100];
        double[] losses = [5, 4.5, 2, 1, 3, 8];
        // valley: 5, 4.5, 2, 1 is the longest fall, 4 long, and ends at point 3: point 3 − 4 + 1 + 0 = 0. steep: from 0.01 to 0.1 it falls by 2.5, more than anywhere. minimum: 1 at the rate 1.
        Assert.Equal(new(0.001, 0.01, 0.1, null), RateFinder.Suggest(rates, losses));
        Assert.Equal(100, RateFinder.Suggest(rates, losses).Spread!.Value, 1e-9);
    }

    [Fact]
    public void Of_losses_that_only_rise_or_stay_there_are_none()
    {
        Assert.Equal(new(null, null, null, null), RateFinder.Suggest([1, 2, 3], [1, 2, 3]));
        Assert.Equal(new(null, null, null, null), RateFinder.Suggest([1, 2, 3], [1, 1, 1]));
        Assert.Equal(new(null, null, null, null), RateFinder.Suggest([1, 2, 3], [1, 1 - 1e-15, 1]));
        Assert.Equal(new(null, null, null, null), RateFinder.Suggest([1, 2, 3], [-1, -1 - 1e-15, 1]));
        Assert.Equal(new(1, 1, 0.2, null), RateFinder.Suggest([1, 2, 3], [1, 1 - 1e-12, 1])); // a fall, if a small one
    }

    [Fact]
    public void The_slide_by_hand()
    {
        // 20 points: a little down, flat, then from point 17 on up by 1 each. np.gradient is ½ at 17, 1 at 18 and 19, −0.001 at 0, −0.0005 at 1, else 0.
        double[] rates = [.. Enumerable.Range(1, 20).Select(i => (double)i)], losses = [0.001, .. Enumerable.Range(1, 19).Select(i => Math.Max(0.0, i - 17))];
        // Windows (4,19), (3,18), (2,17) differ; (1,16) does not: the last left end is point 2.
        Assert.Equal(rates[2], RateFinder.Suggest(rates, losses).Slide);
    }

    [Fact]
    public void What_is_no_curve_is_refused()
    {
        Assert.Contains("there are 1 losses and 2 rates", Assert.Throws<ArgumentException>(() => RateFinder.Suggest([1, 2], [1])).Message, StringComparison.Ordinal);
        Assert.Contains("at least two", Assert.Throws<ArgumentException>(() => RateFinder.Suggest([1], [1])).Message, StringComparison.Ordinal);
        Assert.Contains("Rates must be > 0 and rise, but rate 1 is 1", Assert.Throws<ArgumentException>(() => RateFinder.Suggest([1, 1], [1, 1])).Message, StringComparison.Ordinal);
        Assert.Contains("but rate 0 is 0", Assert.Throws<ArgumentException>(() => RateFinder.Suggest([0, 1], [1, 1])).Message, StringComparison.Ordinal);
        Assert.Contains("Losses must be finite, but loss 1 is NaN", Assert.Throws<ArgumentException>(() => RateFinder.Suggest([1, 2], [1, double.NaN])).Message, StringComparison.Ordinal);
    }

    static Curve[] Read() => JsonSerializer.Deserialize<Curve[]>(File.ReadAllText(Path.Combine(GoldenFiles.RepositoryRoot(), "tests", "fixtures", "rate-finder", "curves.json")), JsonSerializerOptions.Web)!;

    sealed record Curve(string Name, double[] Rates, double[] Losses, double Smoothing, double[] Smoothed, Dictionary<string, double> Suggested);
}
