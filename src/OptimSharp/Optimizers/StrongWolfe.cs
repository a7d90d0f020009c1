using System.Numerics;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>
/// The line search of <see cref="LBFGS"/>: a length t along d with f(t) ≤ f(0) + c₁t·f'(0) and |f'(t)| ≤ c₂|f'(0)|. First lengths grow until
/// such a point is between two of them, then the bracket shrinks by cubic interpolation. Where the loss is not a finite number, it
/// counts as infinitely high.
/// </summary>
/// <remarks>Nocedal and Wright, "Numerical optimization", algorithms 3.5 and 3.6; to the constant as PyTorch 2.14, which has it from minFunc.</remarks>
sealed class StrongWolfe<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    const double C1 = 1e-4, C2 = 0.9;

    /// <summary>A length, with loss, slope and gradient there.</summary>
    struct Point
    {
        public double T, F, Slope;
        public Matrices<T> Gradient;
        public int Buffer; // whose gradient it is; −1: the start's
    }

    readonly LBFGSStep<T> step;
    readonly TensorMath math;
    readonly Matrices<T> d;
    readonly Point start;
    readonly double leastChange;
    readonly int limit;
    readonly Matrices<T>[] buffers; // gradients: of the bracket's ends, the point before, and a new one
    int iterations;

    /// <param name="step">Evaluates.</param>
    /// <param name="math">Computes.</param>
    /// <param name="buffers">Four vectors for gradients.</param>
    /// <param name="d">The direction.</param>
    /// <param name="loss">The loss at the start.</param>
    /// <param name="gradient">The gradient there.</param>
    /// <param name="slope">The slope along d there.</param>
    /// <param name="leastChange">A bracket along which no parameter changes by more is left as it is.</param>
    /// <param name="limit">The most evaluations.</param>
    public StrongWolfe(LBFGSStep<T> step, TensorMath math, Matrices<T>[] buffers, Matrices<T> d, double loss, Matrices<T> gradient, double slope, double leastChange, int limit)
    {
        (this.step, this.math, this.buffers, this.leastChange, this.limit) = (step, math, buffers, leastChange, limit);
        this.d = d;
        start = new() { T = 0, F = loss, Slope = slope, Gradient = gradient, Buffer = -1 };
    }

    /// <summary>Finds the length, and leaves the gradient there where the start's was. The parameters are anywhere afterwards.</summary>
    public (double Loss, double T) Run(double t)
    {
        var found = Search(t);
        if (found.Buffer >= 0)
            math.Copy(found.Gradient, start.Gradient);
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
        double reach = math.Largest(d);
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
        int free = 0;
        while (free == a.Buffer || free == b.Buffer || free == c.Buffer)
            free++;
        double f = step.EvaluateAt(t, buffers[free]), slope = math.Dot(buffers[free], d);
        if (!double.IsFinite(f) || !double.IsFinite(slope))
            (f, slope) = (double.PositiveInfinity, double.NaN);
        return new() { T = t, F = f, Slope = slope, Gradient = buffers[free], Buffer = free };
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
