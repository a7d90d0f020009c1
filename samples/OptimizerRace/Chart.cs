using ScottPlot;

namespace OptimSharp.Samples;

/// <summary>Draws training losses, by gradient or by second: the best in colours, the others grey.</summary>
static class Chart
{
    const int InColour = 10;

    /// <param name="best">The best outcome of each contender, the best of all first.</param>
    /// <param name="bySecond">By second instead of by gradient.</param>
    /// <param name="title">What stands above.</param>
    /// <param name="path">Where it goes.</param>
    public static void Save(IReadOnlyList<Outcome> best, bool bySecond, string title, string path)
    {
        var plot = new Plot();
        foreach (int i in Enumerable.Range(0, best.Count).OrderBy(i => i < InColour)) // grey ones lie below
        {
            var course = best[i].Course.Where(p => p.Loss is > 0 and < double.PositiveInfinity).ToArray();
            var line = plot.Add.Scatter(course.Select(p => bySecond ? p.Seconds : p.Gradients).ToArray(), course.Select(p => Math.Log10(p.Loss)).ToArray());
            line.Color = i < InColour ? new ScottPlot.Palettes.Category10().GetColor(i) : Colors.LightGray;
            line.LineWidth = i < InColour ? 2 : 1;
            line.MarkerSize = 0;
            line.LegendText = i < InColour ? best[i].Contender.Name : "";
        }
        plot.Axes.Left.TickGenerator = new ScottPlot.TickGenerators.NumericAutomatic
        {
            IntegerTicksOnly = true,
            MinorTickGenerator = new ScottPlot.TickGenerators.LogMinorTickGenerator(),
            LabelFormatter = exponent => FormattableString.Invariant($"{Math.Pow(10, exponent):G3}"),
        };
        double[] ends = [.. best.Select(o => o.Course.Last().Loss).Where(loss => loss is > 0 and < 3)];
        if (ends.Length > 0)
            plot.Axes.SetLimitsY(Math.Log10(ends.Min()) - 0.1, 0.6); // what flies away has no place
        plot.Title(title);
        plot.XLabel(bySecond ? "seconds" : "gradients");
        plot.YLabel("training loss");
        plot.ShowLegend(Alignment.LowerLeft);
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        plot.SavePng(path, 1000, 650);
    }
}
