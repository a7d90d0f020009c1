using ScottPlot;

namespace OptimSharp.Samples;

/// <summary>Draws a run: the test accuracies of the last weights, of SWA and of EMA, by epoch.</summary>
static class Chart
{
    public static void Save(IReadOnlyList<Epoch> history, string path, string title)
    {
        var plot = new Plot();
        Draw("last weights", history, e => e.Last, Colors.C0);
        Draw("EMA", history, e => e.Ema, Colors.C1);
        Draw("SWA", [.. history.Where(e => e.Swa is not null)], e => e.Swa!.Value, Colors.C2);
        plot.Title(title);
        plot.XLabel("epoch");
        plot.YLabel("test accuracy");
        // The first epochs would make the rest a line.
        double[] shown = [.. history.Skip(history.Count / 5).SelectMany(e => new[] { e.Last, e.Ema, e.Swa ?? e.Ema })];
        plot.Axes.SetLimitsY(shown.Min() - 0.005, shown.Max() + 0.005);
        plot.ShowLegend(Alignment.LowerRight);
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder)
            Directory.CreateDirectory(folder);
        plot.SavePng(path, 900, 500);

        void Draw(string label, IReadOnlyList<Epoch> epochs, Func<Epoch, double> y, Color color)
        {
            var line = plot.Add.Scatter(epochs.Select(e => (double)e.Number).ToArray(), epochs.Select(y).ToArray(), color);
            line.LegendText = label;
            line.LineWidth = 2;
            line.MarkerSize = 4;
        }
    }
}
