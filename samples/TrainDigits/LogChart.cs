using ScottPlot;
using ScottPlot.MultiplotLayouts;

namespace OptimSharp.Samples;

/// <summary>Draws a run from the files that TensorBoard reads: a picture for each scalar.</summary>
public static class LogChart
{
    const int Columns = 3;

    public static void Save(string folder, string path)
    {
        var scalars = EventLog.Scalars(folder).Where(s => s.Value.Any(point => point.Value != s.Value[0].Value)).ToArray(); // what never changes is no picture
        int rows = (scalars.Length + Columns - 1) / Columns;
        var multiplot = new Multiplot { Layout = new Grid(rows, Columns) };
        multiplot.AddPlots(rows * Columns);
        foreach (var (i, (tag, points)) in scalars.Index())
        {
            var plot = multiplot.GetPlot(i);
            double[] steps = [.. points.Select(p => (double)p.Step)], values = [.. points.Select(p => p.Value)];
            if (values.Length > 100) // pale, with its running average above, as TensorBoard draws it
                plot.Add.ScatterLine(steps, values, Colors.C0.WithAlpha(0.25));
            var line = plot.Add.ScatterLine(steps, values.Length > 100 ? Smoothed(values, 0.95) : values, Colors.C0);
            line.LineWidth = 2;
            plot.Title(tag, size: 15);
            plot.Layout.Fixed(new PixelPadding(left: 70, right: 20, bottom: 34, top: 40));
        }
        for (int i = scalars.Length; i < rows * Columns; i++)
            multiplot.GetPlot(i).HideAxesAndGrid();
        multiplot.SavePng(path, 420 * Columns, 280 * rows);
    }

    static double[] Smoothed(double[] values, double kept)
    {
        double average = 0, weight = 1;
        return Array.ConvertAll(values, value =>
        {
            average = kept * average + (1 - kept) * value;
            weight *= kept;
            return average / (1 - weight);
        });
    }
}
