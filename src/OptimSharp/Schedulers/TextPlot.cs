using System.Globalization;
using System.Text;

namespace OptimSharp.Schedulers;

/// <summary>A curve drawn with characters: each holds two dots across and four down (Braille).</summary>
internal static class TextPlot
{
    /// <summary>The bits of a Braille character's dots, [column][row from above].</summary>
    static readonly int[][] dots = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

    /// <summary>Values from step 0 on.</summary>
    public static string Draw(IReadOnlyList<double> values, int width, int height) =>
        Draw(values, width, height, fromZero: true, "0", (values.Count - 1).ToString(CultureInfo.InvariantCulture)).Text;

    /// <param name="values">The values.</param>
    /// <param name="width">Characters across.</param>
    /// <param name="height">Lines.</param>
    /// <param name="fromZero">Whether 0 is shown.</param>
    /// <param name="first">What stands below the first value.</param>
    /// <param name="last">What stands below the last.</param>
    /// <returns>The drawing, and how many characters are left of it.</returns>
    public static (string Text, int Margin) Draw(IReadOnlyList<double> values, int width, int height, bool fromZero, string first, string last)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 10);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 2);
        double low = fromZero ? Math.Min(0, values.Min()) : values.Min(), high = values.Max();
        if (high == low)
            high = low + 1;
        var cells = new int[height, width];
        int columns = 2 * width, rows = 4 * height, previous = -1;
        for (int column = 0; column < columns; column++)
        {
            int index = (int)Math.Min(values.Count - 1, (long)column * values.Count / columns);
            int row = (int)Math.Round((high - values[index]) / (high - low) * (rows - 1));
            int from = previous < 0 ? row : row > previous ? previous + 1 : row < previous ? previous - 1 : row;
            for (int y = Math.Min(from, row); y <= Math.Max(from, row); y++) // also what lies between two columns
                cells[y / 4, column / 2] |= dots[column % 2][y % 4];
            previous = row;
        }

        string[] labels = [.. Enumerable.Range(0, height).Select(y => y == 0 ? Label(high) : y == height - 1 ? Label(low) : "")];
        int margin = labels.Max(l => l.Length);
        var text = new StringBuilder();
        for (int y = 0; y < height; y++)
        {
            text.Append(labels[y].PadLeft(margin)).Append(labels[y].Length > 0 ? " ┤" : " │");
            for (int x = 0; x < width; x++)
                text.Append((char)(0x2800 + cells[y, x]));
            text.Append('\n');
        }
        text.Append(' ', margin + 1).Append('└').Append('─', width).Append('\n')
            .Append(' ', margin + 2).Append(first).Append(' ', Math.Max(1, width - first.Length - last.Length)).Append(last);
        return (text.ToString(), margin + 2);
    }

    static string Label(double value) => value.ToString("G3", CultureInfo.InvariantCulture);
}
