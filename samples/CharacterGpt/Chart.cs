using ScottPlot;

namespace OptimSharp.Samples;

/// <summary>Draws a run: losses, the norm of the gradients and the rate by step, one below the other.</summary>
static class Chart
{
    public static void Save(Training run, string path)
    {
        double[] steps = [.. Enumerable.Range(0, run.Points.Count)];
        var multiplot = new Multiplot();
        multiplot.AddPlots(3);
        var losses = multiplot.GetPlot(0);
        Draw(losses, steps, run.Points.Select(p => p.Loss), Colors.C0, "training");
        Draw(losses, [.. run.HeldOut.Select(h => (double)h.Step)], run.HeldOut.Select(h => h.Loss), Colors.C3, "held out, averaged weights");
        losses.ShowLegend(Alignment.UpperRight);
        Finish(losses, "nats a character", "A small GPT on the characters of the documentation");
        var norms = multiplot.GetPlot(1);
        Draw(norms, steps, run.Points.Select(p => p.Norm), Colors.C2);
        Finish(norms, "gradient norm");
        var rates = multiplot.GetPlot(2);
        Draw(rates, steps, run.Points.Select(p => p.Rate), Colors.C1);
        Finish(rates, "Muon's learning rate");
        rates.XLabel("step");
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        multiplot.SavePng(path, 900, 900);
    }

    static void Draw(Plot plot, double[] x, IEnumerable<double> y, Color color, string legend = "")
    {
        var line = plot.Add.Scatter(x, y.ToArray(), color);
        line.LineWidth = 2;
        line.MarkerSize = 0;
        line.LegendText = legend;
    }

    static void Finish(Plot plot, string label, string? title = null)
    {
        plot.YLabel(label);
        plot.Layout.Fixed(new PixelPadding(left: 90, right: 20, bottom: 50, top: 40)); // so that the three line up
        if (title is not null)
            plot.Title(title);
    }
}
