using System.Numerics;

namespace OptimSharp.Engine;

/// <summary>
/// Householder's reflections H = I − τvvᵀ, as LAPACK has them (v begins with 1, τ = 0 where there is nothing to do), and several of them in one:
/// H₀H₁… = I − VTVᵀ with a small upper triangle T (Schreiber and Van Loan, 1989), which makes products of matrices of them.
/// </summary>
internal static unsafe class Reflections<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>How many are taken together.</summary>
    public const nint Block = 32;

    // Squares are summed in double: of float none overflows.
    static readonly double Largest = sizeof(T) == sizeof(float) ? 1e15 : 1e140;

    /// <summary>The reflection that takes x to (β, 0, …, 0). Leaves v in x.</summary>
    public static T Make(T* x, nint count, out T beta)
    {
        beta = x[0];
        double rest = Reductions.Run<T, Reductions.Largest>(x + 1, x + 1, count - 1);
        if (rest == 0)
        {
            x[0] = T.One;
            return T.Zero;
        }
        double alpha = double.CreateTruncating(x[0]), largest = Math.Max(rest, Math.Abs(alpha)), scale = 1;
        if (largest > Largest || largest < 1 / Largest)
        {
            scale = Scales.ToOne<T>(largest);
            Lines<T>.Scale(x, T.CreateTruncating(scale), count);
            alpha *= scale;
        }
        double norm = Math.Sqrt(alpha * alpha + Reductions.Run<T, Reductions.Dot>(x + 1, x + 1, count - 1));
        double opposite = alpha > 0 ? -norm : norm;
        beta = T.CreateTruncating(opposite / scale);
        Lines<T>.Scale(x + 1, T.CreateTruncating(1 / (alpha - opposite)), count - 1);
        x[0] = T.One;
        return T.CreateTruncating((opposite - alpha) / opposite);
    }

    /// <summary>T of <paramref name="count"/> reflections.</summary>
    /// <param name="v">Vᵀ: a row for each reflection.</param>
    /// <param name="stride">From row to row.</param>
    /// <param name="length">Of a row.</param>
    /// <param name="count">At most <see cref="Block"/>.</param>
    /// <param name="tau">Of each.</param>
    /// <param name="t">count × count.</param>
    public static void Join(T* v, nint stride, nint length, nint count, T* tau, T* t)
    {
        T* with = stackalloc T[(int)Block];
        for (nint j = 0; j < count; j++)
        {
            for (nint i = 0; i < j; i++)
                with[i] = Lines<T>.Dot(v + i * stride, v + j * stride, length);
            for (nint i = 0; i < j; i++)
            {
                T sum = T.Zero;
                for (nint k = i; k < j; k++)
                    sum += t[i * count + k] * with[k];
                t[i * count + j] = -tau[j] * sum;
                t[j * count + i] = T.Zero;
            }
            t[j * count + j] = tau[j];
        }
    }

    /// <summary>q ← H₀H₁… for reflections of which number i leaves the first i + <paramref name="skip"/> elements alone.</summary>
    /// <param name="ops">Whose loops and scratch.</param>
    /// <param name="v">Vᵀ: a row of <paramref name="rows"/> for each reflection, with its zeros and its one.</param>
    /// <param name="tau">Of each.</param>
    /// <param name="count">How many.</param>
    /// <param name="skip">See above.</param>
    /// <param name="q">rows × columns: the product's first columns.</param>
    /// <param name="rows">Of q.</param>
    /// <param name="columns">Of q.</param>
    public static void Multiply(TensorOps ops, T* v, T* tau, nint count, nint skip, T* q, nint rows, nint columns)
    {
        Lines<T>.Fill(q, T.Zero, rows * columns);
        for (nint i = 0; i < Math.Min(rows, columns); i++)
            q[i * columns + i] = T.One;
        T* t = ops.Take<T>(Block * Block), w = ops.Take<T>(Block * columns), tw = ops.Take<T>(Block * columns);
        for (nint first = (count - 1) / Block * Block; first >= 0 && count > 0; first -= Block)
        {
            nint block = Math.Min(Block, count - first), from = first + skip, left = rows - from, across = columns - from;
            if (across <= 0)
                continue;
            T* vs = v + first * rows + from, at = q + from * columns + from;
            Join(vs, rows, left, block, tau + first, t);
            ops.Product<T>(new() // W = Vᵀq
            {
                M = block, N = across, K = left, Alpha = T.One,
                A = vs, AStride = rows, B = at, BStride = columns, C = w, CStride = across,
            });
            ops.Product<T>(new() // TW
            {
                M = block, N = across, K = block, Alpha = T.One,
                A = t, AStride = block, B = w, BStride = across, C = tw, CStride = across,
            });
            ops.Product<T>(new() // q − VTW
            {
                M = left, N = across, K = block, Alpha = -T.One, Beta = T.One,
                A = vs, AStride = rows, ATransposed = true, B = tw, BStride = across, C = at, CStride = columns, D = at, DStride = columns,
            });
        }
        ops.GiveBack(3);
    }
}

/// <summary>Powers of two, by which numbers are multiplied without rounding.</summary>
internal static class Scales
{
    /// <summary>The one that brings a number to about 1, as far as the type has it.</summary>
    public static double ToOne<T>(double number) => Power(Math.Clamp(-Math.ILogB(number), -Limit<T>(), Limit<T>()));

    /// <summary>
    /// The one that takes a matrix's largest number from the type's ends, so that sums of products neither overflow nor vanish. For most matrices it is 1: so
    /// nothing that is small beside the largest number is lost.
    /// </summary>
    public static double FromTheEnds<T>(double largest)
    {
        int end = Limit<T>(), exponent = largest == 0 ? 0 : Math.ILogB(largest);
        return exponent > end - 26 ? Power(-32) : exponent < 52 - end ? Power(52) : 1;
    }

    static unsafe int Limit<T>() => typeof(T) == typeof(float) ? 126 : 1022;

    static double Power(int exponent) => BitConverter.Int64BitsToDouble((long)(exponent + 1023) << 52);
}
