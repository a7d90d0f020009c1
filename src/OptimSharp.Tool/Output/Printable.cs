using System.Globalization;
using System.Text;

namespace OptimSharp.Tool;

/// <summary>Texts from files, as they may be shown: a name in a file must not move the cursor, change colours, or turn the direction of writing.</summary>
static class Printable
{
    public static string Of(string text)
    {
        if (text.All(IsPlain))
            return text;
        var shown = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            if (Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
                or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned)
            {
                shown.Append(rune.Value switch
                {
                    '\n' => "\\n",
                    '\r' => "\\r",
                    '\t' => "\\t",
                    < 0x100 => $"\\x{rune.Value:x2}",
                    < 0x10000 => $"\\u{rune.Value:x4}",
                    _ => $"\\U{rune.Value:x8}",
                });
            }
            else
            {
                shown.Append(rune.ToString());
            }
        }
        return shown.ToString();
    }

    /// <summary>Cut off after so many letters.</summary>
    public static string Of(string text, int most) => Of(text.Length <= most ? text : text[..most] + "…");

    static bool IsPlain(char c) => c is >= ' ' and <= '~';
}
