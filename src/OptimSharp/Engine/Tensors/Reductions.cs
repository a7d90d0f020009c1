using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace OptimSharp.Engine;

/// <summary>How numbers are gathered into one.</summary>
internal interface IReduction
{
    static abstract Vector256<double> Add(Vector256<double> sum, Vector256<double> x, Vector256<double> y);

    static abstract double Combine(double a, double b);
}

/// <summary>
/// Reductions in one fixed order: element i goes to accumulator i mod 16, and the sixteen are combined in pairs. A machine
/// without vectors of four doubles does the same additions one by one. (The sums of TensorPrimitives depend on the width of the
/// machine's vectors, so they are not used.)
/// </summary>
internal static unsafe class Reductions
{
    /// <summary>How many accumulators there are.</summary>
    public const int Lanes = 16;

    /// <summary>Over one chunk, on one thread.</summary>
    public static double Run<T, TReduction>(T* x, T* y, nint count)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TReduction : struct, IReduction
    {
        Vector256<double> a = default, b = default, c = default, d = default;
        nint i = 0;
        for (; i <= count - Lanes; i += Lanes)
        {
            a = TReduction.Add(a, Load(x + i), Load(y + i));
            b = TReduction.Add(b, Load(x + i + 4), Load(y + i + 4));
            c = TReduction.Add(c, Load(x + i + 8), Load(y + i + 8));
            d = TReduction.Add(d, Load(x + i + 12), Load(y + i + 12));
        }
        if (i < count)
        {
            T* xs = stackalloc T[Lanes], ys = stackalloc T[Lanes];
            for (int k = 0; k < Lanes; k++)
                (xs[k], ys[k]) = i + k < count ? (x[i + k], y[i + k]) : (T.Zero, T.Zero);
            a = TReduction.Add(a, Load(xs), Load(ys));
            b = TReduction.Add(b, Load(xs + 4), Load(ys + 4));
            c = TReduction.Add(c, Load(xs + 8), Load(ys + 8));
            d = TReduction.Add(d, Load(xs + 12), Load(ys + 12));
        }
        return TReduction.Combine(
            TReduction.Combine(Across<TReduction>(a), Across<TReduction>(b)),
            TReduction.Combine(Across<TReduction>(c), Across<TReduction>(d)));
    }

    /// <summary>A sum in the order of <see cref="Run{T, TReduction}"/> of numbers that come a vector at a time, and never were in memory.</summary>
    /// <remarks>The accumulator that comes next is <c>a</c>: after as many vectors as make sixteen numbers, all are in their places again.</remarks>
    public struct Running
    {
        Vector256<double> a, b, c, d;

        /// <summary>Whether this processor's vectors fill whole accumulators.</summary>
        public static bool Takes<T>() => Vector.IsHardwareAccelerated && Vector<T>.Count is 4 or 8 or 16;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add<T>(Vector<T> x) where T : unmanaged
        {
            if (typeof(T) == typeof(double))
            {
                if (Vector<T>.Count == 4)
                    (a, b, c, d) = (b, c, d, a + x.As<T, double>().AsVector256());
                else if (Vector<T>.Count == 8)
                    (a, b, c, d) = (c, d, a + x.As<T, double>().AsVector512().GetLower(), b + x.As<T, double>().AsVector512().GetUpper());
            }
            else if (Vector<T>.Count == 4)
            {
                (a, b, c, d) = (b, c, d, a + Vector256.WidenLower(x.As<T, float>().AsVector128().ToVector256Unsafe()));
            }
            else if (Vector<T>.Count == 8)
            {
                var all = x.As<T, float>().AsVector256();
                (a, b, c, d) = (c, d, a + Vector256.WidenLower(all), b + Vector256.WidenUpper(all));
            }
            else if (Vector<T>.Count == 16)
            {
                Vector256<float> low = x.As<T, float>().AsVector512().GetLower(), high = x.As<T, float>().AsVector512().GetUpper();
                a += Vector256.WidenLower(low);
                b += Vector256.WidenUpper(low);
                c += Vector256.WidenLower(high);
                d += Vector256.WidenUpper(high);
            }
        }

        /// <summary>Adds up to sixteen numbers; those behind <paramref name="count"/>, which are overwritten, count as zeros. All must be in their places.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add<T>(T* sixteen, int count) where T : unmanaged
        {
            for (int i = count; i < Lanes; i++)
                sixteen[i] = default;
            a += Load(sixteen);
            b += Load(sixteen + 4);
            c += Load(sixteen + 8);
            d += Load(sixteen + 12);
        }

        /// <summary>The sum. All must be in their places.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly double Total() => Across<Sum>(a) + Across<Sum>(b) + (Across<Sum>(c) + Across<Sum>(d));
    }

    /// <summary>sums[i] += x[i]².</summary>
    public static void AddSquares<T>(T* x, double* sums, nint count) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        nint i = 0;
        for (; i <= count - 4; i += 4)
        {
            var value = Load(x + i);
            (Vector256.Load(sums + i) + value * value).Store(sums + i);
        }
        for (; i < count; i++)
        {
            double value = double.CreateTruncating(x[i]);
            sums[i] += value * value;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<double> Load<T>(T* x) where T : unmanaged =>
        typeof(T) == typeof(double)
            ? Vector256.Load((double*)x)
            : Vector256.WidenLower(Vector128.Load((float*)x).ToVector256Unsafe());

    static double Across<TReduction>(Vector256<double> x) where TReduction : struct, IReduction =>
        TReduction.Combine(TReduction.Combine(x[0], x[1]), TReduction.Combine(x[2], x[3]));

    public readonly struct Dot : IReduction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<double> Add(Vector256<double> sum, Vector256<double> x, Vector256<double> y) => sum + x * y;

        public static double Combine(double a, double b) => a + b;
    }

    public readonly struct Sum : IReduction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<double> Add(Vector256<double> sum, Vector256<double> x, Vector256<double> y) => sum + x;

        public static double Combine(double a, double b) => a + b;
    }

    public readonly struct SquaredDistance : IReduction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<double> Add(Vector256<double> sum, Vector256<double> x, Vector256<double> y) => sum + (x - y) * (x - y);

        public static double Combine(double a, double b) => a + b;
    }

    public readonly struct SumOfSizes : IReduction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<double> Add(Vector256<double> sum, Vector256<double> x, Vector256<double> y) => sum + Vector256.Abs(x);

        public static double Combine(double a, double b) => a + b;
    }

    public readonly struct Largest : IReduction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<double> Add(Vector256<double> sum, Vector256<double> x, Vector256<double> y) => Vector256.Max(sum, Vector256.Abs(x));

        public static double Combine(double a, double b) => Math.Max(a, b);
    }
}
