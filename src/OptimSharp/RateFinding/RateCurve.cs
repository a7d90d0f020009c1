using System.Globalization;
using System.Text;
using OptimSharp.Schedulers;

namespace OptimSharp;

/// <summary>Why a <see cref="RateFinder"/> took no more steps.</summary>
public enum RateCurveEnd
{
    /// <summary>All were taken.</summary>
    Complete,

    /// <summary>The smoothed loss was too far above its lowest: <see cref="RateFinderOptions.Divergence"/>. That is the last point.</summary>
    Diverged,

    /// <summary>A loss was not finite. It is not in the curve.</summary>
    NotFinite,
}

/// <summary>What a <see cref="RateFinder"/> found: the loss at each rate.</summary>
public sealed class RateCurve
{
    const int LeftOutAtEnd = 5;

    readonly int leftOutAtStart;

    internal RateCurve(IReadOnlyList<double> rates, IReadOnlyList<double> losses, IReadOnlyList<double> smoothed, RateCurveEnd end, RateFinderOptions options)
    {
        (Rates, Losses, SmoothedLosses, End, leftOutAtStart) = (rates, losses, smoothed, end, options.Steps / 10);
        int count = rates.Count - leftOutAtStart - LeftOutAtEnd;
        Suggestions = count < 2 ? RateSuggestions.None
            : RateSuggestions.Of([.. rates.Skip(leftOutAtStart).Take(count)], [.. smoothed.Skip(leftOutAtStart).Take(count)], options.Smoothing);
    }

    /// <summary>The rates of the first group that were tried.</summary>
    public IReadOnlyList<double> Rates { get; }

    /// <summary>The losses at them, before the step of that rate.</summary>
    public IReadOnlyList<double> Losses { get; }

    /// <summary>Their running averages (<see cref="RateFinderOptions.Smoothing"/>).</summary>
    public IReadOnlyList<double> SmoothedLosses { get; }

    /// <summary>Why there are no more.</summary>
    public RateCurveEnd End { get; }

    /// <summary>What the smoothed losses suggest, without the first tenth of the steps and the last five points. Nothing when fewer than two points are left, or where these fall by no more than rounding errors.</summary>
    public RateSuggestions Suggestions { get; }

    /// <summary>
    /// The smoothed losses as a drawing in text, without the last five points; below it, where suggestions are. A loss that rises far above where it began is drawn at the top: as far above that as the lowest is below.
    /// </summary>
    /// <param name="width">Characters across, ≥ 10. Default 72.</param>
    /// <param name="height">Lines, ≥ 2. Default 12.</param>
    public string Draw(int width = 72, int height = 12)
    {
        int count = Math.Max(1, Rates.Count - LeftOutAtEnd);
        double[] shown = [.. SmoothedLosses.Take(count)];
        double lowest = shown.Min(), top = shown[0] > lowest ? 2 * shown[0] - lowest : double.PositiveInfinity;
        var (text, margin) = TextPlot.Draw(Array.ConvertAll(shown, loss => Math.Min(loss, top)), width, height, fromZero: false, Text(Rates[0]), Text(Rates[count - 1]));
        var drawing = new StringBuilder(text);
        foreach (var (name, rate) in new[] { ("valley", Suggestions.Valley), ("steep", Suggestions.Steep), ("minimum", Suggestions.Minimum), ("slide", Suggestions.Slide) })
        {
            if (rate is not { } value)
                continue;
            int nearest = Enumerable.Range(0, count).MinBy(i => Math.Abs(Math.Log(Rates[i] / value)));
            drawing.Append('\n').Append(' ', margin + Math.Min(width - 1, nearest * width / count)).Append("▲ ").Append(name).Append(' ').Append(Text(value));
        }
        return drawing.ToString();
    }

    /// <summary>Writes the curve with a heading, rate, loss and smoothed loss separated by commas: one line a point, with all digits.</summary>
    /// <exception cref="IOException">The file can't be written.</exception>
    public void SaveCsv(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        File.WriteAllText(path, ToCsv());
    }

    /// <summary>What <see cref="SaveCsv"/> writes.</summary>
    public string ToCsv()
    {
        var text = new StringBuilder("rate,loss,smoothed\n");
        for (int i = 0; i < Rates.Count; i++)
            text.Append(CultureInfo.InvariantCulture, $"{Rates[i]:R},{Losses[i]:R},{SmoothedLosses[i]:R}\n");
        return text.ToString();
    }

    /// <summary>What was tried, the drawing, and the suggestions.</summary>
    public override string ToString()
    {
        string how = End switch
        {
            RateCurveEnd.Diverged => "then the loss diverged",
            RateCurveEnd.NotFinite => "then a loss was not finite",
            _ => "all steps",
        };
        return string.Create(CultureInfo.InvariantCulture, $"{Rates.Count} rates from {Rates[0]:G3} to {Rates[^1]:G3}, {how}; lowest loss {SmoothedLosses.Min():G4}\n{Draw()}");
    }

    static string Text(double rate) => rate.ToString("G3", CultureInfo.InvariantCulture);
}
