using OptimSharp.Schedulers;
using ScottPlot;
using SkiaSharp;

namespace OptimSharp.Tool;

/// <summary>A schedule as a picture: the rate over the steps, and the momentum where the schedule moves it.</summary>
static class SchedulePicture
{
    static readonly Color rateColor = Color.FromHex("#1f5fa8"), momentumColor = Color.FromHex("#d9822b"), gridColor = Color.FromHex("#e4e7ec");

    /// <summary>Writes a PNG.</summary>
    /// <returns>Whether it has text: that needs a font of the system.</returns>
    /// <exception cref="ToolException">There is no SkiaSharp for this system, or the file can't be written.</exception>
    public static bool Save(ScheduleReport report, string title, string path)
    {
        try
        {
            return Draw(report, title, path);
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException)
        {
            throw new ToolException("Pictures can't be drawn on this system, for which the tool has no SkiaSharp. --csv writes the numbers.");
        }
    }

    static bool Draw(ScheduleReport report, string title, string path)
    {
        var fonts = SKFontManager.Default.FontFamilies.ToHashSet();
        Fonts.Default = new[] { "DejaVu Sans", "Liberation Sans", "Noto Sans", "Segoe UI", "Helvetica", "Arial" }.FirstOrDefault(fonts.Contains, Fonts.Default);
        using var plot = new Plot();
        Add(plot, [.. report.Rates], rateColor);
        plot.Grid.MajorLineColor = gridColor;
        plot.Axes.Left.Label.Text = "learning rate";
        plot.Axes.Bottom.Label.Text = "step";
        plot.Axes.AutoScale();
        double highest = report.Rates.Max();
        plot.Axes.SetLimitsY(Math.Min(0, report.Rates.Min()) - 0.03 * highest, highest > 0 ? 1.05 * highest : 1);
        if (report.Momenta.Any(m => m is not null))
        {
            var line = Add(plot, [.. report.Momenta.Select(m => m ?? double.NaN)], momentumColor);
            line.Axes.YAxis = plot.Axes.Right;
            line.LinePattern = LinePattern.Dashed;
            plot.Axes.Right.Label.Text = "momentum";
            plot.Axes.Right.Label.ForeColor = momentumColor;
            plot.Axes.Right.TickLabelStyle.ForeColor = momentumColor;
            plot.Axes.Right.Min = report.Momenta.Min()!.Value - 0.05;
            plot.Axes.Right.Max = Math.Min(1, report.Momenta.Max()!.Value + 0.05);
        }
        plot.Title(title.Length <= 110 ? title : title[..110] + "…", size: 15);
        byte[] picture = plot.GetImageBytes(1000, 560, ImageFormat.Png);
        AtomicOutput.Write(path, picture);
        return SKTypeface.Default.ContainsGlyph('A');
    }

    static ScottPlot.Plottables.Signal Add(Plot plot, double[] values, Color color)
    {
        var line = plot.Add.Signal(values);
        line.Color = color;
        line.LineWidth = 2.5f;
        line.MaximumMarkerSize = 0;
        return line;
    }
}
