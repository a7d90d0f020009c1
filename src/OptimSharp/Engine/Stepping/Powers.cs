namespace OptimSharp.Engine;

/// <summary>
/// xʸ with the same bits on every machine, which Math.Pow does not promise: by repeated multiplication for whole y ≥ 0, else
/// from logarithm and exponential of our own. Most parameters are at the same step, so the last few answers are kept.
/// Whole powers are rounded once, at the end: 1 − βᵗ magnifies each error, and RAdam's length of the average does so again.
/// </summary>
internal sealed class Powers
{
    readonly (double X, double Y, double Value)[] recent = new (double, double, double)[4];
    int oldest;

    public double this[double x, double y]
    {
        get
        {
            foreach (ref readonly var known in recent.AsSpan())
            {
                if (known.X == x && known.Y == y && y != 0)
                    return known.Value;
            }
            double value = Compute(x, y);
            recent[oldest] = (x, y, value);
            oldest = (oldest + 1) % recent.Length;
            return value;
        }
    }

    /// <summary>For x &gt; 0, or whole y ≥ 0.</summary>
    internal static double Compute(double x, double y)
    {
        if (y < 0 || y != Math.Floor(y) || y > 1L << 53)
            return Exp(y * Log(x));
        (double High, double Low) value = (1, 0), square = (x, 0);
        for (long n = (long)y; n > 0; n >>= 1, square = Product(square, square))
        {
            if ((n & 1) != 0)
                value = Product(value, square);
        }
        return value.High;
    }

    /// <summary>
    /// The product of two numbers, each the sum of a double and of what it lacks. <see cref="Math.FusedMultiplyAdd"/> has the product's own
    /// rounding error, exactly and on every processor: nothing here is left to the hardware.
    /// </summary>
    static (double High, double Low) Product((double High, double Low) a, (double High, double Low) b)
    {
        double high = a.High * b.High;
        if (!double.IsNormal(high))
            return (high, 0); // 0, infinite, or too small for its error to be a number
        double low = Math.FusedMultiplyAdd(a.High, b.High, -high) + (a.High * b.Low + a.Low * b.High), sum = high + low;
        return (sum, low - (sum - high));
    }

    const double Ln2High = 0.693147180369123816490, Ln2Low = 1.90821492927058770002e-10; // their sum is ln 2; k · Ln2High is exact

    /// <summary>x = m · 2ᵏ with m near 1; ln m = 2 artanh((m − 1)/(m + 1)), a series whose terms fall by 34 at least.</summary>
    internal static double Log(double x)
    {
        if (!(x > 0) || double.IsInfinity(x))
            return x == 0 ? double.NegativeInfinity : x > 0 ? x : double.NaN;
        int k = Math.ILogB(x);
        double m = Math.ScaleB(x, -k);
        if (m > 1.4142135623730951)
            (m, k) = (m / 2, k + 1);
        double s = (m - 1) / (m + 1), square = s * s, sum = 0;
        for (int n = 25; n >= 1; n -= 2)
            sum = sum * square + 1.0 / n;
        return k * Ln2High + (2 * s * sum + k * Ln2Low);
    }

    /// <summary>x = k ln 2 + r with |r| ≤ ½ ln 2; eʳ by its series.</summary>
    static double Exp(double x)
    {
        if (double.IsNaN(x) || x > 710 || x < -746)
            return x > 710 ? double.PositiveInfinity : x < -746 ? 0 : x;
        double k = Math.Round(x / (Ln2High + Ln2Low)), r = x - k * Ln2High - k * Ln2Low, sum = 1;
        for (int n = 16; n >= 1; n--)
            sum = 1 + sum * r / n;
        return Math.ScaleB(sum, (int)k);
    }
}
