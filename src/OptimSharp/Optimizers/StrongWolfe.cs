using System.Numerics;
using OptimSharp.Engine;

namespace OptimSharp;

/// <summary>
/// The line search of <see cref="LBFGS"/>: a length t along d with f(t) ≤ f(0) + c₁t·f'(0) and |f'(t)| ≤ c₂|f'(0)|. First lengths grow until
/// such a point is between two of them, then the bracket shrinks by cubic interpolation. Where the loss is not a finite number, it
/// counts as infinitely high.
/// </summary>
/// <remarks>Nocedal and Wright, "Numerical optimization", algorithms 3.5 and 3.6; to the constant as PyTorch 2.14, which has it from minFunc.</remarks>
sealed unsafe class StrongWolfe<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    const double C1 = 1e-4, C2 = 0.9;

    /// <summary>A length, with loss, slope and gradient there.</summary>
    struct Point
    {
        public double T, F, Slope;
        public T* Gradient;
    }

    readonly LBFGSStep<T> step;
    readonly TensorOps ops;
    readonly nint n;
    readonly T* d, gradient;
    readonly Point start;
    readonly double leastChange;
    readonly int limit;
    readonly T*[] buffers = new T*[4]; // gradients: of the bracket's ends, the point before, and a new one
    int iterations;

    public StrongWolfe(LBFGSStep<T> step, TensorOps ops, nint n, T* d, double loss, T* gradient, double slope, double leastChange, int limit)
    {
        (this.step, this.ops, this.n, this.leastChange, this.limit) = (step, ops, n, leastChange, limit);
        this.d = d;
        this.gradient = gradient;
        start = new() { T = 0, F = loss, Slope = slope, Gradient = gradient };
    }

    /// <summary>Finds the length, and leaves the gradient there where the start's was. The parameters are anywhere afterwards.</summary>
    public (double Loss, double T) Run(double t)
    {
        for (int i = 0; i < buffers.Length; i++)
            buffers[i] = ops.Take<T>(n);
        var found = Search(t);
        if (found.Gradient != gradient)
            Buffer.MemoryCopy(found.Gradient, gradient, n * sizeof(T), n * sizeof(T));
        for (int i = 0; i < buffers.Length; i++)
            ops.GiveBack();
        return (found.F, found.T);
    }

    Point Search(double t)
    {
        Point before = start, now = Evaluate(t, start, start, start);
        Point a = start, b = now; // the bracket, when lengths can't grow any more
        while (iterations < limit)
        {
            if (IsTooHigh(now) || (iterations > 1 && now.F >= before.F))
            {
                (a, b) = (before, now);
                break;
            }
            if (IsFlat(now))
                return now;
            if (now.Slope >= 0)
            {
                (a, b) = (before, now);
                break;
            }
            t = Cubic(before, now, now.T + 0.01 * (now.T - before.T), now.T * 10);
            before = now;
            now = Evaluate(t, before, start, start);
            iterations++;
            (a, b) = (start, now);
        }
        return Shrink(a, b);
    }

    Point Shrink(Point a, Point b)
    {
        bool stalled = false; // the last interpolation was close to an end
        double reach = ops.Largest(d, n);
        while (iterations < limit && !(Math.Abs(b.T - a.T) * reach < leastChange))
        {
            double min = Math.Min(a.T, b.T), max = Math.Max(a.T, b.T), margin = 0.1 * (max - min);
            double t = Cubic(a, b, min, max);
            bool close = Math.Min(max - t, t - min) < margin;
            if (close && (stalled || t >= max || t <= min))
            {
                t = Math.Abs(t - max) < Math.Abs(t - min) ? max - margin : min + margin;
                close = false;
            }
            stalled = close;

            var now = Evaluate(t, a, b, start);
            iterations++;
            ref Point low = ref a.F <= b.F ? ref a : ref b, high = ref a.F <= b.F ? ref b : ref a;
            if (IsTooHigh(now) || now.F >= low.F)
            {
                high = now;
                continue;
            }
            if (IsFlat(now))
                return now;
            if (now.Slope * (high.T - low.T) >= 0)
                high = low;
            low = now;
        }
        return a.F <= b.F ? a : b;
    }

    bool IsTooHigh(in Point p) => p.F > start.F + C1 * p.T * start.Slope;

    bool IsFlat(in Point p) => Math.Abs(p.Slope) <= -C2 * start.Slope;

    Point Evaluate(double t, in Point a, in Point b, in Point c)
    {
        T* free = buffers[0];
        foreach (T* buffer in buffers)
        {
            if (buffer != a.Gradient && buffer != b.Gradient && buffer != c.Gradient)
                free = buffer;
        }
        double f = step.EvaluateAt(t, free), slope = ops.Dot(free, d, n);
        if (!double.IsFinite(f) || !double.IsFinite(slope))
            (f, slope) = (double.PositiveInfinity, double.NaN);
        return new() { T = t, F = f, Slope = slope, Gradient = free };
    }

    /// <summary>Where the cubic through two points with these slopes is lowest, kept between bounds; their middle when there is no such place.</summary>
    static double Cubic(in Point p, in Point q, double min, double max)
    {
        double d1 = p.Slope + q.Slope - 3 * (p.F - q.F) / (p.T - q.T), square = d1 * d1 - p.Slope * q.Slope;
        if (!(square >= 0) || double.IsInfinity(square))
            return (min + max) / 2;
        double d2 = Math.Sqrt(square);
        double t = p.T <= q.T
            ? q.T - (q.T - p.T) * ((q.Slope + d2 - d1) / (q.Slope - p.Slope + 2 * d2))
            : p.T - (p.T - q.T) * ((p.Slope + d2 - d1) / (p.Slope - q.Slope + 2 * d2));
        return double.IsNaN(t) ? (min + max) / 2 : Math.Min(Math.Max(t, min), max);
    }
}
