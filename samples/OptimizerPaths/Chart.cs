using ScottPlot;

namespace OptimSharp.Samples;

/// <summary>One small panel for each optimizer and function: contour lines, the way, where it began and the lowest point.</summary>
static class Chart
{
    const int Across = 4, Width = 300, Height = 250;

    public static void Save(string file, string[] labels, Valley[] valleys, List<Way> ways)
    {
        int rows = (labels.Length + Across - 1) / Across, columns = Across * valleys.Length;
        using var figure = new SkiaSharp.SKBitmap(columns * Width, rows * Height);
        using var canvas = new SkiaSharp.SKCanvas(figure);
        canvas.Clear(SkiaSharp.SKColors.White);
        foreach (var way in ways)
        {
            // A block of columns for each function, so that the eye compares like with like.
            int i = Array.IndexOf(labels, way.Label), block = Array.IndexOf(valleys, way.Valley) * Across;
            float left = (block + i % Across) * Width, top = i / Across * Height;
            using var panel = SkiaSharp.SKBitmap.Decode(Panel(way).GetImageBytes(Width, Height, ImageFormat.Png));
            canvas.DrawBitmap(panel, left, top);
        }
        using var stream = File.Create(file);
        figure.Encode(stream, SkiaSharp.SKEncodedImageFormat.Png, 100);
    }

    static Plot Panel(Way way)
    {
        var plot = new Plot();
        var valley = way.Valley;
        Contours(plot, valley);
        var line = plot.Add.ScatterLine(way.Points.Select(p => p.X).ToArray(), way.Points.Select(p => p.Y).ToArray(), Color.FromHex("#D55E00"));
        line.LineWidth = 2;
        plot.Add.Marker(valley.Start.X, valley.Start.Y, MarkerShape.FilledCircle, 7, Colors.Black);
        plot.Add.Marker(valley.Lowest.X, valley.Lowest.Y, MarkerShape.FilledDiamond, 10, Color.FromHex("#009E73"));
        plot.Axes.SetLimits(valley.Window.Left, valley.Window.Right, valley.Window.Bottom, valley.Window.Top);
        plot.Title($"{way.Label} · {valley.Name}", size: 13);
        return plot;
    }

    static void Contours(Plot plot, Valley valley)
    {
        const int Grid = 80;
        var (left, right, bottom, top) = valley.Window;
        var heights = new Coordinates3d[Grid, Grid];
        for (int i = 0; i < Grid; i++)
        {
            for (int j = 0; j < Grid; j++)
            {
                double x = left + (right - left) * j / (Grid - 1), y = bottom + (top - bottom) * i / (Grid - 1);
                heights[i, j] = new(x, y, Math.Log10(valley.At(x, y).Value + 1e-2)); // the floor and the walls in one picture
            }
        }
        var contours = plot.Add.ContourLines(heights, 12);
        contours.LabelStyle.IsVisible = false;
        contours.LineStyle.Color = Color.FromHex("#B0C4DE");
        contours.LineStyle.Width = 1;
        contours.Colormap = null;
    }
}
