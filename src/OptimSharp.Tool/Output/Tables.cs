using Spectre.Console;

namespace OptimSharp.Tool;

/// <summary>Tables of one look.</summary>
static class Tables
{
    /// <param name="left">Columns of texts.</param>
    /// <param name="right">Columns of numbers after them.</param>
    public static Table New(IEnumerable<string> left, IEnumerable<string> right)
    {
        var table = new Table().Border(TableBorder.Simple).BorderColor(Color.Grey);
        foreach (string title in left)
            table.AddColumn(new TableColumn(Text(title)).NoWrap());
        foreach (string title in right)
            table.AddColumn(new TableColumn(Text(title)).RightAligned().NoWrap());
        return table;
    }

    /// <summary>A cell with what it says, from a file or not.</summary>
    public static Text Text(string text) => new(Printable.Of(text, 200));
}
