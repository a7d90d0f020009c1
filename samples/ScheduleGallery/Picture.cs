using ScottPlot;
using ScottPlot.MultiplotLayouts;
using SkiaSharp;

namespace OptimSharp.Samples;

/// <summary>Draws all schedules into one picture.</summary>
public static class Picture
{
    const int Columns = 4;

    static readonly Color rateColor = Color.FromHex("#1f5fa8"), momentumColor = Color.FromHex("#d9822b"), gridColor = Color.FromHex("#e4e7ec");

    /// <summary>Writes a PNG.</summary>
    /// <returns>Whether it has text: that needs a font of the system (on Debian: <c>fonts-dejavu-core</c>).</returns>
    public static bool Save(IReadOnlyList<(Schedule Schedule, double[] Rates, double[] Momenta)> runs, string path)
    {
        var fonts = SKFontManager.Default.FontFamilies.ToHashSet();
        Fonts.Default = new[] { "DejaVu Sans", "Liberation Sans", "Noto Sans", "Segoe UI", "Helvetica", "Arial" }.FirstOrDefault(fonts.Contains, Fonts.Default);
        int rows = (runs.Count + Columns - 1) / Columns;
        var multiplot = new Multiplot { Layout = new Grid(rows, Columns) };
        multiplot.AddPlots(rows * Columns);
        for (int i = 0; i < runs.Count; i++)
            Draw(multiplot.GetPlot(i), runs[i].Schedule.Name, runs[i].Rates, runs[i].Momenta);
        for (int i = runs.Count; i < rows * Columns; i++)
            DrawLegend(multiplot.GetPlot(i));
        multiplot.SavePng(path, 420 * Columns, 300 * rows);
        return SKTypeface.Default.ContainsGlyph('A');
    }

    static void Draw(Plot plot, string name, double[] rates, double[] momenta)
    {
                AddLine(plot, rates, rateColor);
        plot.Axes.SetLimits(0, rates.Length - 1, -0.006, 0.112);
        plot.Grid.MajorLineColor = gridColor;
        plot.Axes.Left.TickGenerator = new ScottPlot.TickGenerators.NumericFixedInterval(0.05);
        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericFixedInterval(25);
        plot.Layout.Fixed(new PixelPadding(left: 48, right: 48, bottom: 34, top: 46));
        plot.Title(name, size: 17);
        if (momenta.All(m => m == momenta[0]))
            return;
        var line = AddLine(plot, momenta, momentumColor);
        line.Axes.YAxis = plot.Axes.Right;
        line.LinePattern = LinePattern.Dashed;
        plot.Axes.Right.Min = 0.75 - 0.006 / 0.1 * 0.25;
        plot.Axes.Right.Max = 1 + 0.012 / 0.1 * 0.25;
        plot.Axes.Right.TickGenerator = new ScottPlot.TickGenerators.NumericFixedInterval(0.1);
        plot.Axes.Right.TickLabelStyle.ForeColor = momentumColor;
        plot.Axes.Right.FrameLineStyle.Color = momentumColor;
    }

    static ScottPlot.Plottables.Signal AddLine(Plot plot, double[] values, Color color)
    {
        var line = plot.Add.Signal(values);
        line.Color = color;
        line.LineWidth = 2.5f;
        line.MaximumMarkerSize = 0;
        return line;
    }

    static void DrawLegend(Plot plot)
    {
        plot.HideAxesAndGrid();
        foreach (var (text, color, pattern) in new[] { ("learning rate (left axis)", rateColor, LinePattern.Solid), ("momentum (right axis)", momentumColor, LinePattern.Dashed) })
            plot.Legend.ManualItems.Add(new() { LabelText = text, LineColor = color, LineWidth = 2.5f, LinePattern = pattern, LabelFontSize = 17 });
        plot.ShowLegend(Alignment.MiddleCenter);
        plot.Legend.OutlineWidth = 0;
        plot.Legend.ShadowColor = Colors.Transparent;
    }
}
