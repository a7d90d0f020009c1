using System.Globalization;
using System.IO.Compression;

namespace OptimSharp.Samples;

/// <summary>Handwritten digits of 8×8 pixels; <c>samples/Data/digits/README.md</c> says where they come from.</summary>
/// <param name="Images">The digits one after another, <see cref="Pixels"/> values each, row by row, from 0 (empty) to 1 (full).</param>
/// <param name="Labels">The class of each digit, 0 to 9.</param>
public sealed record Digits(float[] Images, long[] Labels)
{
    /// <summary>The pixels of one digit.</summary>
    public const int Pixels = 64;

    /// <summary>The number of classes.</summary>
    public const int Classes = 10;

    /// <summary>The number of digits.</summary>
    public int Count => Labels.Length;

    /// <summary>Reads the digits, and keeps every fourth of each class apart for testing.</summary>
    /// <param name="path">The file; by default the one that was built with the program.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">A line is not 64 pixels from 0 to 16 and a class from 0 to 9.</exception>
    public static (Digits Training, Digits HeldOut) Load(string? path = null)
    {
        path ??= Path.Combine(AppContext.BaseDirectory, "Data", "digits", "digits.csv.gz");
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"The digits are missing: {path} (samples/Data/digits/digits.csv.gz in the repository).", path);
        }

        var all = ReadLines(path).Select(Parse).ToArray();
        var heldOut = all.GroupBy(digit => digit.Label).SelectMany(alike => alike.Where((_, i) => i % 4 == 3)).ToHashSet();
        return (Of([.. all.Where(digit => !heldOut.Contains(digit))]), Of([.. all.Where(heldOut.Contains)]));
    }

    static IEnumerable<string> ReadLines(string path)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        while (reader.ReadLine() is { } line) { yield return line; }
    }

    static (float[] Image, long Label) Parse(string line, int index)
    {
        var values = line.Split(',').Select(t => int.TryParse(t, CultureInfo.InvariantCulture, out var value) ? value : -1).ToArray();
        if (values.Length != Pixels + 1 || values[..Pixels].Any(pixel => pixel is < 0 or > 16) || values[Pixels] is < 0 or >= Classes)
        {
            throw new InvalidDataException(
                $"Line {index + 1} of the digits is not {Pixels} pixels from 0 to 16 and a class from 0 to 9: {line}");
        }
        return ([.. values[..Pixels].Select(pixel => pixel / 16f)], values[Pixels]);
    }

    static Digits Of((float[] Image, long Label)[] digits) =>
        new([.. digits.SelectMany(digit => digit.Image)], [.. digits.Select(digit => digit.Label)]);
}
