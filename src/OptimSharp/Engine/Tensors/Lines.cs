using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace OptimSharp.Engine;

/// <summary>
/// Sums and additions over one line of numbers, for what is inside of matrix methods. As in <see cref="Reductions"/> every sum has one fixed order, here in
/// the numbers' own type: element i goes to the accumulator i mod (four times a register of 256 bits).
/// </summary>
internal static unsafe class Lines<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    static nint Count => Vector256<T>.Count;

    /// <summary>Σ xᵢyᵢ.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static T Dot(T* x, T* y, nint count)
    {
        Vector256<T> a = default, b = default, c = default, d = default;
        nint v = Vector256<T>.Count, i = 0;
        for (; i <= count - 4 * v; i += 4 * v)
        {
            a += Vector256.Load(x + i) * Vector256.Load(y + i);
            b += Vector256.Load(x + i + v) * Vector256.Load(y + i + v);
            c += Vector256.Load(x + i + 2 * v) * Vector256.Load(y + i + 2 * v);
            d += Vector256.Load(x + i + 3 * v) * Vector256.Load(y + i + 3 * v);
        }
        if (i < count)
        {
            T* xs = stackalloc T[32], ys = stackalloc T[32];
            for (nint k = 0; k < 4 * v; k++)
                (xs[k], ys[k]) = i + k < count ? (x[i + k], y[i + k]) : (T.Zero, T.Zero);
            a += Vector256.Load(xs) * Vector256.Load(ys);
            b += Vector256.Load(xs + v) * Vector256.Load(ys + v);
            c += Vector256.Load(xs + 2 * v) * Vector256.Load(ys + 2 * v);
            d += Vector256.Load(xs + 3 * v) * Vector256.Load(ys + 3 * v);
        }
        T* sums = stackalloc T[8];
        ((a + b) + (c + d)).Store(sums);
        for (nint half = v / 2; half > 0; half /= 2)
        {
            for (nint k = 0; k < half; k++)
                sums[k] += sums[k + half];
        }
        return sums[0];
    }

    /// <summary>to[i] += factor · x[i].</summary>
    public static void Add(T* to, T factor, T* x, nint count)
    {
        var f = Vector256.Create(factor);
        nint i = 0;
        for (; i <= count - Count; i += Count)
            (Vector256.Load(to + i) + f * Vector256.Load(x + i)).Store(to + i);
        for (; i < count; i++)
            to[i] += factor * x[i];
    }

    /// <summary>x[i] *= factor.</summary>
    public static void Scale(T* x, T factor, nint count)
    {
        var f = Vector256.Create(factor);
        nint i = 0;
        for (; i <= count - Count; i += Count)
            (Vector256.Load(x + i) * f).Store(x + i);
        for (; i < count; i++)
            x[i] *= factor;
    }

    /// <summary>to[i] ← x[i] for a line, which may overlap nothing.</summary>
    public static void Copy(T* x, T* to, nint count) => Buffer.MemoryCopy(x, to, count * sizeof(T), count * sizeof(T));

    public static void Fill(T* to, T value, nint count)
    {
        for (nint i = 0; i < count; i++)
            to[i] = value;
    }

}
