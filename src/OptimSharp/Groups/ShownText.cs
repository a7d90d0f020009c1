using System.Globalization;
using System.Text;

namespace OptimSharp;

/// <summary>Texts of users as messages and tables show them.</summary>
internal static class ShownText
{
    const int Most = 200;

    /// <summary>A text, cut off where it is very long.</summary>
    public static string Cut(string text) => text.Length <= Most ? text : string.Create(CultureInfo.InvariantCulture, $"{text.AsSpan(0, char.IsHighSurrogate(text[Most - 1]) ? Most - 1 : Most)}… ({text.Length} characters)");

    /// <summary>A text in one line: control characters and separators of lines are escaped.</summary>
    public static string InLine(string text)
    {
        if (!text.Any(IsEscaped))
            return text;
        var shown = new StringBuilder();
        foreach (char c in text)
        {
            if (!IsEscaped(c))
                shown.Append(c);
            else
                shown.Append(c switch { '\n' => "\\n", '\r' => "\\r", '\t' => "\\t", _ => string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:X4}") });
        }
        return shown.ToString();
    }

    static bool IsEscaped(char c) => char.IsControl(c) || c is '\u2028' or '\u2029';
}
