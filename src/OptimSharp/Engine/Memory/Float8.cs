namespace OptimSharp.Engine;

/// <summary>The floating-point types of 8 bits: what their codes mean, and the code of a number, as PyTorch 2.14 rounds.</summary>
internal static class Float8
{
    static readonly float[][] Tables = [.. Enumerable.Range((int)ElementType.Float8E4M3FN, 5).Select(type => Enumerable.Range(0, 256).Select(code => Value((byte)code, (ElementType)type)).ToArray())];

    public static bool Has(ElementType type) => type is >= ElementType.Float8E4M3FN and <= ElementType.Float8E8M0FNU;

    /// <summary>The numbers of all 256 codes.</summary>
    public static ReadOnlySpan<float> Values(ElementType type) => Tables[type - ElementType.Float8E4M3FN];

    /// <summary>The code of the nearest number; of two equally near ones the even.</summary>
    public static byte Code(float number, ElementType type)
    {
        if (type == ElementType.Float8E8M0FNU)
            return PowerCode(number);
        var (fraction, bias, hasInfinity, isUnsignedZero) = Format(type);
        byte sign = float.IsNegative(number) ? (byte)0x80 : (byte)0;
        byte notANumber = isUnsignedZero ? (byte)0x80 : (byte)(sign | 0x7F);
        if (float.IsNaN(number))
            return notANumber;
        // The magnitude in units of its last place: exact in double, which then rounds to even.
        double magnitude = Math.Abs((double)number);
        int exponent = magnitude == 0 ? 1 - bias : Math.Max(double.IsInfinity(magnitude) ? 1024 : Math.ILogB(magnitude), 1 - bias);
        if (exponent > 127)
            return Beyond();
        double units = Math.Round(Math.ScaleB(magnitude, fraction - exponent), MidpointRounding.ToEven);
        int code = (int)units + (exponent + bias - 1 << fraction); // a carry goes on into the exponent
        if (code > Largest(type))
            return Beyond();
        return code == 0 && isUnsignedZero ? (byte)0 : (byte)(sign | code);

        byte Beyond() => type == ElementType.Float8E4M3FN ? (byte)(sign | Largest(type)) : hasInfinity ? (byte)(sign | 0x7C) : notANumber;
    }

    /// <summary>A power of two: half of one and more goes up.</summary>
    static byte PowerCode(float number)
    {
        uint bits = BitConverter.SingleToUInt32Bits(number), exponent = bits >> 23 & 0xFF;
        bool half = (bits & 0x400000) != 0, more = (bits & 0x3FFFFF) != 0;
        return (byte)(exponent < 0xFF && half && (more || exponent > 0) ? exponent + 1 : exponent);
    }

    static float Value(byte code, ElementType type)
    {
        if (type == ElementType.Float8E8M0FNU)
            return code == 0xFF ? float.NaN : (float)Math.ScaleB(1.0, code - 127);
        var (fraction, bias, hasInfinity, isUnsignedZero) = Format(type);
        int magnitude = code & 0x7F, exponent = magnitude >> fraction, rest = magnitude & (1 << fraction) - 1;
        if (isUnsignedZero && code == 0x80 || !isUnsignedZero && magnitude > (hasInfinity ? 0x7C : 0x7E))
            return float.NaN;
        double value = hasInfinity && magnitude == 0x7C ? double.PositiveInfinity
            : exponent == 0 ? Math.ScaleB(rest, 1 - bias - fraction) : Math.ScaleB(rest + (1 << fraction), exponent - bias - fraction);
        return (float)(code >= 0x80 ? -value : value);
    }

    static int Largest(ElementType type) => type switch { ElementType.Float8E4M3FN => 0x7E, ElementType.Float8E5M2 => 0x7B, _ => 0x7F };

    /// <summary>Bits of the fraction, the exponent's bias, whether there is infinity, and whether zero has no sign (its code with a sign is then not a number).</summary>
    static (int Fraction, int Bias, bool HasInfinity, bool IsUnsignedZero) Format(ElementType type) => type switch
    {
        ElementType.Float8E4M3FN => (3, 7, false, false),
        ElementType.Float8E5M2 => (2, 15, true, false),
        ElementType.Float8E4M3FNUZ => (3, 8, false, true),
        _ => (2, 16, false, true),
    };
}
