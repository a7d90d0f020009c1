using ScottPlot;

namespace OptimSharp.Samples;

/// <summary>What is known after an epoch.</summary>
public sealed record Epoch(int Number, double Loss, double TestAccuracy, double LearningRate);

/// <summary>Draws a run: loss, test accuracy and learning rate by epoch, one below the other.</summary>
public static class Chart
{
    public static void Save(IReadOnlyList<Epoch> history, string path, string title)
    {
        var multiplot = new Multiplot();
        multiplot.AddPlots(3);
        double[] epochs = [.. history.Select(e => (double)e.Number)];
        Draw(multiplot.GetPlot(0), epochs, [.. history.Select(e => e.Loss)], "training loss", Colors.C0, $"{title} on handwritten digits");
        Draw(multiplot.GetPlot(1), epochs, [.. history.Select(e => e.TestAccuracy)], "test accuracy", Colors.C2);
        Draw(multiplot.GetPlot(2), epochs, [.. history.Select(e => e.LearningRate)], "learning rate", Colors.C1);
        multiplot.GetPlot(2).XLabel("epoch");
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder)
            Directory.CreateDirectory(folder);
        multiplot.SavePng(path, 900, 900);
    }

    static void Draw(Plot plot, double[] x, double[] y, string label, Color color, string? title = null)
    {
        var line = plot.Add.Scatter(x, y, color);
        line.LineWidth = 2;
        line.MarkerSize = 4;
        plot.YLabel(label);
        plot.Layout.Fixed(new PixelPadding(left: 90, right: 20, bottom: 50, top: 40)); // so that the three line up
        if (title is not null)
            plot.Title(title);
    }
}
