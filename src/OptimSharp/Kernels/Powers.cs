namespace OptimSharp.Kernels;

/// <summary>
/// xⁿ by repeated multiplication: the same bits on every machine, which Math.Pow does not promise. Most parameters are at
/// the same step, so the last few answers are kept.
/// </summary>
internal sealed class Powers
{
    readonly (double X, long N, double Value)[] recent = new (double, long, double)[4];
    int oldest;

    public double this[double x, long n]
    {
        get
        {
            foreach (ref readonly var known in recent.AsSpan())
            {
                if (known.X == x && known.N == n && n != 0)
                    return known.Value;
            }
            double value = Compute(x, n);
            recent[oldest] = (x, n, value);
            oldest = (oldest + 1) % recent.Length;
            return value;
        }
    }

    static double Compute(double x, long n)
    {
        double value = 1;
        for (; n > 0; n >>= 1, x *= x)
        {
            if ((n & 1) != 0)
                value *= x;
        }
        return value;
    }
}
