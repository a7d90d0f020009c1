namespace OptimSharp.Testing;

/// <summary>Made-up numbers, the same for a seed on every machine.</summary>
internal static class Numbers
{
    /// <summary>Numbers of ordinary size with either sign.</summary>
    public static double[] Tame(int count, ulong seed) => Make(count, seed, (bits, unit) => unit);

    /// <summary>
    /// Ordinary numbers, and among them zeros of both signs, numbers near the smallest and the largest that the type has,
    /// and some between.
    /// </summary>
    public static double[] Finite(int count, ulong seed, ElementType type)
    {
        var (smallest, largest) = type switch
        {
            ElementType.Float64 or ElementType.Complex128 => (double.Epsilon, double.MaxValue),
            ElementType.Float32 or ElementType.Complex64 => (float.Epsilon, float.MaxValue),
            ElementType.Float16 => ((double)Half.Epsilon, (double)Half.MaxValue),
            _ => (Math.ScaleB(1, -133), Math.ScaleB(255.0 / 256 * 2, 127)),
        };
        return Make(count, seed, (bits, unit) => (bits % 16) switch
        {
            0 => unit < 0 ? -0.0 : 0.0,
            1 => unit * smallest * 5,
            2 => unit * Math.Sqrt(smallest),
            3 => unit / 1000,
            4 => unit * 1000,
            5 => unit * largest / 4,
            _ => unit,
        });
    }

    /// <summary>As <see cref="Finite"/>, with one in a hundred infinite or not a number.</summary>
    public static double[] Wild(int count, ulong seed, ElementType type)
    {
        var numbers = Finite(count, seed, type);
        var places = Make(count, seed ^ 0xABCDEF, (bits, unit) => bits % 100 == 0 ? unit : 2);
        for (int i = 0; i < count; i++)
        {
            if (places[i] < 2)
                numbers[i] = places[i] < -1.0 / 3 ? double.NaN : places[i] < 1.0 / 3 ? double.PositiveInfinity : double.NegativeInfinity;
        }
        return numbers;
    }

    static double[] Make(int count, ulong seed, Func<ulong, double, double> number)
    {
        var numbers = new double[count];
        for (int i = 0; i < count; i++)
        {
            ulong bits = Mix(seed * 0x9E3779B97F4A7C15 + (ulong)i);
            numbers[i] = number(bits >> 5 & 0xFFFFF, (Mix(bits) >> 11) * Math.ScaleB(1, -52) - 1);
        }
        return numbers;
    }

    /// <summary>Splitmix's last step: each number's bits look unlike the next one's.</summary>
    static ulong Mix(ulong x)
    {
        x += 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }
}
