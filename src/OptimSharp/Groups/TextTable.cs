using System.Globalization;
using System.Text;

namespace OptimSharp;

/// <summary>Tables in plain text.</summary>
internal static class TextTable
{
    const int WidestColumn = 80; // what is longer goes on in its line

    /// <summary>Adds lines of as many cells each, one below the other.</summary>
    /// <param name="text">Where to.</param>
    /// <param name="lines">The lines.</param>
    /// <param name="right">The columns that end at the right.</param>
    public static void Align(StringBuilder text, List<string[]> lines, int[] right)
    {
        int[] widths = [.. Enumerable.Range(0, lines[0].Length).Select(i => Math.Min(WidestColumn, lines.Max(line => Width(line[i]))))];
        foreach (string[] line in lines)
            text.Append(string.Join("  ", line.Select((cell, i) => right.Contains(i) ? $"{Blanks(cell, widths[i])}{cell}" : $"{cell}{Blanks(cell, widths[i])}")).TrimEnd()).Append('\n');

        static string Blanks(string cell, int width) => new(' ', Math.Max(0, width - Width(cell)));
    }

    /// <summary>How many columns a terminal takes for a text: two for a character of East Asian scripts or a picture, none for a mark on the one before.</summary>
    static int Width(string text) => text.EnumerateRunes().Sum(rune => Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format ? 0
        : rune.Value is >= 0x1100 and <= 0x115F or >= 0x2E80 and <= 0xA4CF or >= 0xAC00 and <= 0xD7A3 or >= 0xF900 and <= 0xFAFF or >= 0xFE30 and <= 0xFE6F or >= 0xFF00 and <= 0xFF60 or >= 0xFFE0 and <= 0xFFE6 or >= 0x1F300 and <= 0x1FAFF or >= 0x20000 and <= 0x3FFFD ? 2 : 1);
}
