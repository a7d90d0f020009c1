using System.Globalization;
using System.Numerics;
using System.Text;

namespace OptimSharp.PyTorch;

/// <summary>Reads a pickle's texts and bytes, and what protocol 0 writes in letters.</summary>
internal sealed class PickleText(PickleInput input, Func<string, CheckpointException> error)
{
    const int LongestName = 400, MostDigits = 4300; // Python's own limit; in binary there is none

    static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    public ReadOnlySpan<byte> Take(long count, string what) => count < 0 ? throw error($"has {what} of {count} bytes")
        : input.Has(count) ? input.Take((int)count) : throw error($"has {what} of {count} bytes, but is cut off");

    /// <summary>A text; its bytes where it has halves of surrogate pairs, which Python puts where a file's name is no UTF-8.</summary>
    public object Utf8(long length)
    {
        var bytes = Take(length, "a text");
        try
        {
            return StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            return IsUtf8ButForSurrogates(bytes) ? (ReadOnlyMemory<byte>)bytes.ToArray() : throw error("has a text that is no UTF-8");
        }
    }

    static bool IsUtf8ButForSurrogates(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (bytes is [0xED, >= 0xA0 and <= 0xBF, >= 0x80 and <= 0xBF, ..])
                bytes = bytes[3..];
            else if (Rune.DecodeFromUtf8(bytes, out _, out int length) == System.Buffers.OperationStatus.Done)
                bytes = bytes[length..];
            else
                return false;
        }
        return true;
    }

    public object Bytes(long length) => (ReadOnlyMemory<byte>)Take(length, "bytes").ToArray();

    /// <summary>A text of Python 2, which does not say what it is encoded in: UTF-8, as torch.load takes it, or else bytes.</summary>
    public object Old(long length) => Decoded(Take(length, "a text"));

    /// <summary>The name of a module or class.</summary>
    public string Name()
    {
        var line = Line(LongestName, "a name");
        try
        {
            return StrictUtf8.GetString(line);
        }
        catch (DecoderFallbackException)
        {
            throw error("has a name that is no UTF-8");
        }
    }

    /// <summary>A number of an object.</summary>
    public long Place() => long.TryParse(Line(20, "a number"), NumberStyles.None, CultureInfo.InvariantCulture, out long place) ? place : throw error("has a number of an object that is none");

    public object Whole(bool mayBeBool)
    {
        var digits = Line(MostDigits, "a whole number");
        if (mayBeBool && digits is [(byte)'0', (byte)'0' or (byte)'1'])
            return digits[1] == '1';
        if (!mayBeBool && digits is [.., (byte)'L'])
            digits = digits[..^1];
        if (long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number))
            return number;
        return BigInteger.TryParse(Encoding.ASCII.GetString(digits), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var large) ? large : throw error("has a whole number that is none");
    }

    public double Number()
    {
        string letters = Encoding.ASCII.GetString(Line(100, "a number"));
        return letters switch
        {
            "nan" => double.NaN,
            "inf" => double.PositiveInfinity,
            "-inf" => double.NegativeInfinity,
            _ => double.TryParse(letters, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number : throw error("has a number that is none"),
        };
    }

    /// <summary>A text in Latin-1, other letters as <c>\u</c> and their number.</summary>
    public string RawUnicode()
    {
        string line = Encoding.Latin1.GetString(Line(int.MaxValue, "a text"));
        var text = new StringBuilder(line.Length);
        for (int i = 0; i < line.Length; i++)
        {
            int digits = line[i] != '\\' || i + 1 == line.Length ? 0 : line[i + 1] switch { 'u' => 4, 'U' => 8, _ => 0 };
            if (digits == 0)
            {
                text.Append(line[i]);
                continue;
            }
            text.Append(Letter(line.AsSpan(i + 2), digits));
            i += 1 + digits;
        }
        string whole = text.ToString();
        for (int i = 0; i < whole.Length; i++)
        {
            if (char.IsSurrogate(whole[i]) && !(i + 1 < whole.Length && char.IsSurrogatePair(whole[i], whole[++i])))
                throw error("has a text with half of a surrogate pair");
        }
        return whole;
    }

    /// <summary>A text of Python 2 as it writes it in a program: in quotes, with escapes.</summary>
    public object Quoted()
    {
        var line = Line(int.MaxValue, "a text");
        if (line is not [(byte)'\'' or (byte)'"', .., _] || line[0] != line[^1])
            throw error("has a text without quotes");
        var bytes = new List<byte>(line.Length);
        for (int i = 1; i < line.Length - 1; i++)
        {
            if (line[i] != '\\')
            {
                bytes.Add(line[i]);
                continue;
            }
            i++;
            if (line[i] == 'x')
            {
                bytes.Add((byte)Letter(Encoding.Latin1.GetString(line[(i + 1)..Math.Min(i + 3, line.Length)]), 2)[0]);
                i += 2;
            }
            else
            {
                bytes.Add(line[i] switch { (byte)'n' => (byte)'\n', (byte)'r' => (byte)'\r', (byte)'t' => (byte)'\t', (byte)'\\' or (byte)'\'' or (byte)'"' => line[i], _ => throw error("has a text with an unknown escape") });
            }
        }
        return Decoded([.. bytes]);
    }

    string Letter(ReadOnlySpan<char> from, int digits) =>
        from.Length >= digits && int.TryParse(from[..digits], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int letter) && letter is >= 0 and <= 0x10FFFF
            ? letter < 0x10000 ? ((char)letter).ToString() : char.ConvertFromUtf32(letter) : throw error("has a text with an escape that is none");

    static object Decoded(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            return (ReadOnlyMemory<byte>)bytes.ToArray();
        }
    }

    ReadOnlySpan<byte> Line(int most, string what)
    {
        int length = input.Find((byte)'\n', most);
        if (length < 0)
            throw error($"is cut off, or has {what} of more than {most} letters");
        var line = input.Take(length + 1)[..length];
        return line is [.., (byte)'\r'] ? line[..^1] : line;
    }
}
