using ScottPlot;

namespace OptimSharp.Samples;

/// <summary>Draws what a search for a learning rate found.</summary>
public static class RateChart
{
    public static void Save(RateCurve curve, string path)
    {
        var plot = new Plot();
        double[] rates = [.. curve.Rates.Select(Math.Log10)];
        plot.Add.ScatterLine(rates, [.. curve.Losses], Colors.C0.WithAlpha(0.3)).LegendText = "loss";
        plot.Add.ScatterLine(rates, [.. curve.SmoothedLosses], Colors.C0).LegendText = "smoothed";
        plot.XLabel("logarithm of the learning rate");

        var suggestions = curve.Suggestions;
        foreach (var (name, rate, color) in new[] { ("valley", suggestions.Valley, Colors.C1), ("steep", suggestions.Steep, Colors.C2), ("minimum", suggestions.Minimum, Colors.C3), ("slide", suggestions.Slide, Colors.C4) })
        {
            if (rate is not { } value)
                continue;
            var line = plot.Add.VerticalLine(Math.Log10(value), 2, color, LinePattern.Dashed);
            line.LegendText = FormattableString.Invariant($"{name} {value:G3}");
        }
        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericAutomatic { LabelFormatter = x => FormattableString.Invariant($"{Math.Pow(10, x):G3}"), IntegerTicksOnly = true };
        double low = curve.Losses.Min(), first = curve.Losses[0];
        plot.Axes.SetLimitsY(low - 0.1 * (first - low), first + 0.5 * (first - low)); // how far it diverges is not of interest
        plot.XLabel("learning rate"); // its marks are rates, not their logarithms
        plot.YLabel("training loss");
        plot.ShowLegend(Alignment.LowerLeft);
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder)
            Directory.CreateDirectory(folder);
        plot.SavePng(path, 900, 520);
    }
}
