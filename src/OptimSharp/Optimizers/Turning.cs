using System.Numerics;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>
/// A parameter's numbers between its own axes and others, one orthogonal matrix Q for each dimension. A dimension whose matrix has no numbers stays as it is.
/// </summary>
/// <remarks>
/// Dimension after dimension: with the first one as rows, XᵀQ has it last, so after as many products as there are dimensions all are where they were.
/// </remarks>
readonly ref struct Turning<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly TensorMath math;
    readonly ReadOnlySpan<nint> dimensions;
    readonly MatrixList<T> q;
    readonly int first; // of the matrices: the one for the first dimension
    readonly Matrices<T> one, other; // room for the products

    /// <param name="math">What is computed with.</param>
    /// <param name="dimensions">The parameter's dimensions.</param>
    /// <param name="q">A matrix for each of them.</param>
    /// <param name="one">Room of the parameter's size.</param>
    /// <param name="other">The same again.</param>
    /// <param name="first">Which of the matrices is for the first dimension.</param>
    public Turning(TensorMath math, ReadOnlySpan<nint> dimensions, MatrixList<T> q, Matrices<T> one, Matrices<T> other, int first = 0)
    {
        this.math = math;
        this.dimensions = dimensions;
        this.q = q;
        (this.one, this.other, this.first) = (one, other, first);
        for (int k = 0; k < dimensions.Length; k++)
            IsAny |= q[first + k].Count > 0;
    }

    /// <summary>Whether any dimension is turned.</summary>
    public bool IsAny { get; }

    /// <summary>to ← the numbers along Q's columns: QᵀX for the first dimension, XQ for the last.</summary>
    public void There(Matrices<T> x, Matrices<T> to) => Turn(x, to, back: false);

    /// <summary>to ← the numbers along the parameter's own axes again.</summary>
    public void Back(Matrices<T> x, Matrices<T> to) => Turn(x, to, back: true);

    void Turn(Matrices<T> x, Matrices<T> to, bool back)
    {
        var from = x;
        int count = IsAny ? dimensions.Length : 0;
        for (int k = 0; k < count; k++)
        {
            nint size = dimensions[k], rest = x.Count / size;
            var turned = from.As(size, rest);
            var next = (k % 2 == 0 ? one : other).As(rest, size);
            if (q[first + k].Count == 0)
                math.Transpose(turned, next);
            else
                math.MultiplyTransposedLeft(T.One, turned, back ? Transposed(q[first + k]) : q[first + k], T.Zero, default, next);
            from = next;
        }
        math.Copy(from, to);
    }

    Matrices<T> Transposed(Matrices<T> matrix)
    {
        var to = math.TakeLike(matrix);
        math.Transpose(matrix, to);
        return to;
    }

    /// <summary>Takes GGᵀ, for each dimension summed over all others, into what is kept of it.</summary>
    /// <param name="kept">A matrix for each dimension, in the order of Q.</param>
    /// <param name="g">The gradient G.</param>
    /// <param name="rule">How: <see cref="Cell{L}.Param"/> is what is kept, <see cref="Cell{L}.Grad"/> is GGᵀ.</param>
    /// <param name="room">Room for the largest of the matrices.</param>
    public void TakeOuter<TRule>(MatrixList<T> kept, Matrices<T> g, in TRule rule, Matrices<T> room) where TRule : struct, IUpdateRule<T>
    {
        nint before = 1; // the product of the dimensions that came before
        for (int k = 0; k < dimensions.Length; k++)
        {
            nint size = dimensions[k], rest = g.Count / size;
            if (kept[first + k].Count > 0)
            {
                var outer = room.As(size, size);
                Outer(g, before, size, rest, outer);
                math.Apply(rule, kept[first + k], outer);
            }
            before *= size;
        }
    }

    void Outer(Matrices<T> g, nint before, nint size, nint rest, Matrices<T> outer)
    {
        if (before == rest && rest > 1) // the last dimension: its numbers are side by side
        {
            math.MultiplyTransposedLeft(T.One, g.As(rest, size), g.As(rest, size), T.Zero, default, outer);
            return;
        }
        var rows = g.As(size, rest);
        if (before > 1)
        {
            math.Transpose(g.As(before, g.Count / before), one.As(g.Count / before, before));
            rows = one.As(size, rest);
        }
        math.MultiplyTransposedRight(T.One, rows, rows, T.Zero, default, outer);
    }
}
