using System.Globalization;
using System.Text;

namespace OptimSharp;

/// <summary>Memory as text.</summary>
internal static class MemoryText
{
    public static string Of(MemoryReport report)
    {
        var text = new StringBuilder();
        if (report.IsPlan)
            text.Append(report.IsUpperBound ? "planned, at most\n\n" : "planned\n\n");
        TextTable.Align(text, [["group", "of", "memory", "name", "precision", "tensors", "elements", "size"], .. report.Entries.Select(Line)], right: [5, 6, 7]);
        text.Append('\n');
        TextTable.Align(text, [.. Sums(report).Where(sum => sum.Bytes > 0).Select(sum => (string[])[sum.Name, Size(sum.Bytes)]), ["all", Size(report.TotalBytes)]], right: [1]);
        return text.ToString().TrimEnd('\n');
    }

    /// <summary>A size in the largest unit that it has one of.</summary>
    public static string Size(long bytes)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB"];
        int unit = 0;
        double size = bytes;
        for (; size >= 1024 && unit < units.Length - 1; unit++)
            size /= 1024;
        return string.Create(CultureInfo.InvariantCulture, $"{(unit == 0 ? $"{bytes}" : size.ToString("N2", CultureInfo.InvariantCulture))} {units[unit]}");
    }

    static (string Name, long Bytes)[] Sums(MemoryReport report) =>
        [("parameters", report.ParameterBytes), ("gradients", report.GradientBytes), ("state", report.StateBytes), ("copies", report.CopyBytes)];

    static string[] Line(MemoryEntry entry) =>
    [
        entry.Group?.ToString(CultureInfo.InvariantCulture) ?? "", entry.Owner, entry.Use.ToString().ToLowerInvariant(), entry.Name, entry.Precision,
        Grouped(entry.Tensors), Grouped(entry.Count), Size(entry.Bytes),
    ];

    static string Grouped(long count) => count.ToString("N0", CultureInfo.InvariantCulture);
}
