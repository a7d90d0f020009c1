using ScottPlot;
using ScottPlot.TickGenerators;
using SkiaSharp;

namespace OptimSharp.ResultCharts;

/// <summary>Draws ratios as bars that begin at 1, where both are as fast, over a logarithmic axis.</summary>
static class RatioPicture
{
    const int Width = 900, BarHeight = 22;

    static readonly Color[] colors = [Color.FromHex("#1f5fa8"), Color.FromHex("#8a63d2"), Color.FromHex("#d9822b")];

    /// <summary>Writes an SVG, whose text is text.</summary>
    /// <param name="chart">What is drawn.</param>
    /// <param name="machine">Where it was measured.</param>
    /// <param name="path">Where it goes.</param>
    /// <exception cref="IOException">There is no font to measure text by.</exception>
    public static void Save(RatioChart chart, string machine, string path)
    {
        const string Font = "DejaVu Sans"; // one font everywhere, so that the same numbers make the same file
        if (!SKFontManager.Default.FontFamilies.Contains(Font))
            throw new IOException($"The font {Font} is not there (on Debian: apt install fonts-dejavu-core).");
        Fonts.Default = Font;
        var plot = new Plot();
        int bars = chart.Peers.Length, slots = bars + 1; // a free place between rows
        for (int peer = 0; peer < bars; peer++)
            AddBars(plot, chart, peer, bars, slots);
        plot.Add.VerticalLine(0, 1.5f, Colors.Black);
        plot.Axes.Left.SetTicks([.. chart.Rows.Select((_, row) => -(double)row)], [.. chart.Rows.Select(row => row.Name)]);
        plot.Axes.Left.MajorTickStyle.Length = 0;
        plot.Axes.Left.TickLabelStyle.FontSize = 15;
        double[] steps = [0.5, 1, 2, 5, 10, 20, 50, 100];
        plot.Axes.Bottom.TickGenerator = new NumericManual([.. steps.Select(Math.Log10)], [.. steps.Select(step => $"{step}×")]);
        plot.Axes.Bottom.TickLabelStyle.FontSize = 14;
        double most = chart.Rows.SelectMany(row => row.Ratios).Max() ?? 1;
        plot.Axes.SetLimits(Math.Log10(0.8), Math.Log10(most * 1.5), -chart.Rows.Count + 0.45, 0.55);
        plot.Grid.YAxisStyle.IsVisible = false;
        plot.Title($"{chart.Title}\nhow many times as long as OptimSharp's it takes (shorter is faster)", size: 16);
        plot.XLabel(InTwoLines(machine), size: 12);
        plot.Axes.Bottom.Label.Bold = false;
        plot.Axes.Bottom.Label.ForeColor = Color.FromHex("#555555");
        var legend = plot.ShowLegend(Edge.Bottom);
        legend.Legend.Orientation = Orientation.Horizontal;
        legend.Legend.FontSize = 14;
        legend.Legend.OutlineWidth = 0;
        legend.Legend.ShadowColor = Colors.Transparent;
        plot.Axes.Right.FrameLineStyle.IsVisible = plot.Axes.Top.FrameLineStyle.IsVisible = false;
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        File.WriteAllText(path, plot.GetSvgXml(Width, 165 + chart.Rows.Count * slots * BarHeight).ReplaceLineEndings("\n").TrimEnd('\n') + "\n");
    }

    static string InTwoLines(string text)
    {
        int comma = text.IndexOf(", ", text.Length / 2, StringComparison.Ordinal);
        return comma < 0 ? text : $"{text[..(comma + 1)]}\n{text[(comma + 2)..]}";
    }

    static void AddBars(Plot plot, RatioChart chart, int peer, int bars, int slots)
    {
        var drawn = new List<Bar>();
        for (int row = 0; row < chart.Rows.Count; row++)
        {
            if (chart.Rows[row].Ratios[peer] is not { } ratio)
                continue;
            int there = chart.Rows[row].Ratios.Count(other => other != null), before = chart.Rows[row].Ratios.Take(peer).Count(other => other != null);
            double place = -row + ((there - 1) / 2.0 - before) / slots;
            drawn.Add(new() { Position = place, Value = Math.Log10(ratio), Size = 0.85 / slots, FillColor = colors[peer + colors.Length - bars], LineWidth = 0 });
            var text = plot.Add.Text(SpeedCharts.Text(ratio), Math.Max(0, Math.Log10(ratio)), place);
            text.LabelFontSize = 13;
            text.LabelAlignment = Alignment.MiddleLeft;
            text.OffsetX = 5;
        }
        var added = plot.Add.Bars(drawn);
        added.Horizontal = true;
        added.LegendText = chart.Peers[peer];
    }
}
