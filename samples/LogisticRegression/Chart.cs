using ScottPlot;

namespace OptimSharp.Samples;

/// <summary>How far above the lowest loss both were, by evaluations.</summary>
static class Chart
{
    public static void Save(string file, List<double> lbfgs, List<double> adam)
    {
        double lowest = Math.Min(lbfgs.Min(), adam.Min());
        var plot = new Plot();
        Add("L-BFGS, strong Wolfe", lbfgs, "#0072B2");
        Add("Adam, rate 0.05", adam, "#D55E00");
        plot.Title("Logistic regression, 455 cases of 30 measures");
        plot.XLabel("evaluations of loss and gradient");
        plot.YLabel("loss above the lowest");
        plot.Axes.Left.TickGenerator = new ScottPlot.TickGenerators.NumericManual([.. Enumerable.Range(-6, 7).Select(i => (double)i)],
            ["10⁻⁶", "10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²", "10⁻¹", "1"]);
        plot.Axes.SetLimits(0, 300, -6, 0);
        plot.ShowLegend(Alignment.UpperRight);
        plot.SavePng(file, 900, 600);

        void Add(string name, List<double> losses, string color)
        {
            double[] heights = [.. losses.Select(l => Math.Log10(Math.Max(l - lowest, 1e-9)))];
            var line = plot.Add.ScatterLine([.. Enumerable.Range(1, heights.Length).Select(i => (double)i)], heights, Color.FromHex(color));
            line.LegendText = name;
            line.LineWidth = 2.5f;
        }
    }
}
