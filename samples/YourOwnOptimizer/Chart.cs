using ScottPlot;

namespace YourOwnOptimizer;

/// <summary>Draws the runs: training loss above, test accuracy below, by epoch.</summary>
static class Chart
{
    public static void Save(string path, params IReadOnlyList<Run> runs)
    {
        var multiplot = new Multiplot();
        multiplot.AddPlots(2);
        Draw(multiplot.GetPlot(0), "training loss", Alignment.UpperRight, e => e.Loss);
        Draw(multiplot.GetPlot(1), "test accuracy", Alignment.LowerRight, e => e.Accuracy);
        multiplot.GetPlot(0).Title("Handwritten digits");
        multiplot.GetPlot(1).XLabel("epoch");
        multiplot.SavePng(path, 900, 800);

        void Draw(Plot plot, string label, Alignment legend, Func<Epoch, double> y)
        {
            foreach (var run in runs)
            {
                var line = plot.Add.Scatter(run.History.Select(e => (double)e.Number).ToArray(), run.History.Select(y).ToArray());
                line.LegendText = run.Name;
                line.LineWidth = 2;
                line.MarkerSize = 4;
            }
            plot.YLabel(label);
            plot.ShowLegend(legend);
            plot.Layout.Fixed(new PixelPadding(left: 90, right: 20, bottom: 50, top: 40)); // so that the two line up
        }
    }
}
