namespace OptimSharp.Tool;

/// <summary>
/// What Python's operators make of two numbers, each a <see cref="long"/> or a <see cref="double"/>. Python's whole numbers have no end. Here they end at 2⁵³, up to which a double has each:
/// beyond, a whole number is refused, so that none is ever rounded without a word.
/// </summary>
static class PythonNumber
{
    const long Most = 1L << 53;

    public static double Fraction(object number) => number is long whole ? whole : (double)number;

    /// <exception cref="ToolException">It is too large.</exception>
    public static long Whole(Int128 number, int at) => number >= -Most && number <= Most ? (long)number
        : throw new ToolException($"At character {at + 1} of the schedule there is a whole number beyond 2**53: write it with a point, as 1e20.");

    /// <summary>A fraction without what is behind its point.</summary>
    /// <exception cref="ToolException">It is too large, infinite or not a number.</exception>
    public static long Whole(double number, int at) => double.IsFinite(number) ? Whole((Int128)number, at)
        : throw new ToolException($"At character {at + 1} of the schedule {(double.IsNaN(number) ? "what is not a number" : "infinity")} is to be a whole number.");

    public static object Signed(Unary sign, object number) => (sign.Sign, number) switch
    {
        ("-", long whole) => -whole,
        ("-", _) => -(double)number,
        _ => number,
    };

    /// <exception cref="ToolException">There is no such number.</exception>
    public static object Of(Binary node, object a, object b)
    {
        if (node.Sign is "/" or "//" or "%" && Fraction(b) == 0)
            throw new ToolException($"The schedule divides by zero at character {node.At + 1}.");
        return node.Sign == "**" ? Power(a, b, node.At)
            : node.Sign != "/" && a is long x && b is long y ? (object)Whole(Of(node.Sign, x, y), node.At)
            : Of(node.Sign, Fraction(a), Fraction(b));
    }

    public static bool Holds(object a, string sign, object b)
    {
        var (x, y) = (Fraction(a), Fraction(b));
        return sign switch
        {
            "<" => x < y,
            ">" => x > y,
            "<=" => x <= y,
            ">=" => x >= y,
            "==" => x == y,
            _ => x != y,
        };
    }

    /// <exception cref="ToolException">It is too large, complex, or infinite.</exception>
    public static object Power(object a, object b, int at)
    {
        var (x, y) = (Fraction(a), Fraction(b));
        double power = Math.Pow(x, y);
        if (a is long whole && b is long and >= 0)
            return Math.Abs(power) > Most ? Whole((Int128)Most + 1, at) : Whole(Raised(whole, (long)b), at);
        if (x == 0 && y < 0)
            throw new ToolException($"The schedule raises zero to a negative power at character {at + 1}.");
        if (double.IsNaN(power) && !double.IsNaN(x) && !double.IsNaN(y))
            throw new ToolException($"The schedule raises a negative number to a fraction at character {at + 1}, which is a complex number.");
        return double.IsInfinity(power) && double.IsFinite(x) && double.IsFinite(y) ? throw TooLarge(at) : power;
    }

    public static ToolException TooLarge(int at) => new($"At character {at + 1} of the schedule there is a number beyond 1.8e308.");

    static Int128 Of(string sign, long a, long b)
    {
        var (quotient, rest) = Math.DivRem(a, sign is "//" or "%" ? b : 1);
        bool isAbove = rest != 0 && rest < 0 != b < 0; // .NET rounds to zero, Python down
        return sign switch
        {
            "+" => (Int128)a + b,
            "-" => (Int128)a - b,
            "*" => (Int128)a * b,
            "//" => isAbove ? quotient - 1 : quotient,
            _ => isAbove ? rest + b : rest,
        };
    }

    static double Of(string sign, double a, double b) => sign switch
    {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => a / b,
        "//" => DividedDown(a, b),
        _ => Rest(a, b),
    };

    /// <summary>What is left has the divisor's sign.</summary>
    static double Rest(double a, double b)
    {
        double rest = a % b;
        return rest == 0 ? Math.CopySign(0, b) : rest < 0 != b < 0 ? rest + b : rest;
    }

    /// <summary>Of what the rest leaves, so that quotient · b + rest is a: ⌊a/b⌋ of the rounded a/b may be one more.</summary>
    static double DividedDown(double a, double b)
    {
        double quotient = (a - a % b) / b;
        if (a % b != 0 && a % b < 0 != b < 0)
            quotient--;
        if (quotient == 0)
            return Math.CopySign(0, a / b);
        double down = Math.Floor(quotient);
        return quotient - down > 0.5 ? down + 1 : down;
    }

    static Int128 Raised(long number, long power)
    {
        if (number is 0 or 1 or -1)
            return power == 0 ? 1 : number == -1 && power % 2 == 0 ? 1 : number;
        long raised = 1;
        for (; power > 0; power--)
            raised *= number;
        return raised;
    }
}
