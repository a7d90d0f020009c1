using System.Globalization;
using System.Text;

namespace OptimSharp;

/// <summary>What a file is that is no checkpoint: what downloads and clones leave in a checkpoint's place.</summary>
internal static class UnknownFile
{
    /// <summary>How many bytes of its beginning tell.</summary>
    public const int Telling = 512;

    /// <summary>Whether the file is text, in which is a JSON object. The header's length that a safetensors file begins with is no text.</summary>
    public static bool IsJson(ReadOnlySpan<byte> start) => !start[..Math.Min(start.Length, 8)].Contains((byte)0) && Text(start).StartsWith('{');

    /// <summary>What the file is, as the rest of a sentence; null when nothing of it is known.</summary>
    public static string? Describe(ReadOnlySpan<byte> start)
    {
        if (start.IsEmpty)
            return "is empty";
        string text = Text(start);
        if (text.StartsWith("version https://git-lfs.github.com/spec/", StringComparison.Ordinal) || text.StartsWith("version https://hawser.github.com/spec/", StringComparison.Ordinal))
            return $"is a Git LFS pointer{SizeIn(text)}, not the file itself. Fetch that with 'git lfs pull'";
        if (text.StartsWith("<!doctype html", StringComparison.OrdinalIgnoreCase) || text.StartsWith("<html", StringComparison.OrdinalIgnoreCase))
            return "is an HTML page: what was downloaded is what a browser shows, perhaps a login or an error, not the file";
        if (text.StartsWith("<?xml", StringComparison.OrdinalIgnoreCase))
            return "is XML: what was downloaded is perhaps a server's error message, not the file";
        if (IsJson(start))
            return "is JSON. An index of parts is loaded by its path; else this is perhaps a server's error message, not the file";
        return start switch
        {
            [0x1F, 0x8B, ..] => "is compressed by gzip. Unpack it first",
            _ => null,
        };
    }

    static string Text(ReadOnlySpan<byte> start) => Encoding.Latin1.GetString(start.StartsWith("\uFEFF"u8) ? start[3..] : start).TrimStart(' ', '\t', '\r', '\n');

    /// <summary>The size that a pointer tells, in words.</summary>
    static string SizeIn(string pointer) =>
        pointer.Split('\n').FirstOrDefault(line => line.StartsWith("size ", StringComparison.Ordinal)) is { } line && long.TryParse(line.AsSpan(5).TrimEnd(), NumberStyles.None, CultureInfo.InvariantCulture, out long bytes)
            ? string.Create(CultureInfo.InvariantCulture, $" to a file of {bytes} bytes") : "";
}
