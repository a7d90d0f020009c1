using System.Globalization;

namespace OptimSharp.Tool;

/// <summary>Sizes in bytes, as people write and read them.</summary>
static class Sizes
{
    static readonly string[] binary = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

    /// <summary>In units of 1,024.</summary>
    public static string Text(long bytes)
    {
        double size = bytes;
        int unit = 0;
        for (; size >= 1024 && unit < binary.Length - 1; unit++)
            size /= 1024;
        return unit == 0 ? string.Create(CultureInfo.InvariantCulture, $"{bytes} B") : string.Create(CultureInfo.InvariantCulture, $"{size:N2} {binary[unit]}");
    }

    /// <summary>A count with commas.</summary>
    public static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>A size that was given: <c>5000000000</c>, <c>5GB</c> (of 1,000, as in PyTorch's and Hugging Face's options), <c>512MiB</c>.</summary>
    /// <exception cref="ToolException">It is none.</exception>
    public static long Parse(string text)
    {
        int letters = text.Length;
        while (letters > 0 && char.IsAsciiLetter(text[letters - 1]))
            letters--;
        double? factor = text[letters..].ToUpperInvariant() switch
        {
            "" or "B" => 1,
            "KB" => 1e3,
            "MB" => 1e6,
            "GB" => 1e9,
            "TB" => 1e12,
            "KIB" => 1L << 10,
            "MIB" => 1L << 20,
            "GIB" => 1L << 30,
            "TIB" => 1L << 40,
            _ => null,
        };
        return factor is { } unit && double.TryParse(text.AsSpan(0, letters).Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number) && number * unit is >= 1 and < long.MaxValue
            ? (long)(number * unit)
            : throw new ToolException($"A size is a number of at least one byte, with a unit or without, as 5GB or 512MiB, but not '{text}'.");
    }
}
