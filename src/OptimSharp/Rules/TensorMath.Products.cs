namespace OptimSharp.Rules;

// Products of matrices.
public sealed unsafe partial class TensorMath
{
    /// <summary>to ← xᵀ, of each matrix.</summary>
    /// <exception cref="ArgumentException">The sizes do not fit.</exception>
    public void Transpose(Matrices<float> x, Matrices<float> to)
    {
        NeedsSizes(to, x.Batch, x.Columns, x.Rows, nameof(to));
        for (nint b = 0; b < x.Batch; b++)
            ops.Transpose(x.Start + b * x.Rows * x.Columns, x.Rows, x.Columns, to.Start + b * x.Rows * x.Columns);
    }

    /// <summary>to ← α·ab, of each matrix.</summary>
    /// <inheritdoc cref="Multiply(float, Matrices{float}, Matrices{float}, float, Matrices{float}, Matrices{float})"/>
    public void Multiply(float alpha, Matrices<float> a, Matrices<float> b, Matrices<float> to)
    {
        CheckProduct(a, b, to);
        for (nint i = 0; i < a.Batch; i++)
            ops.Multiply(a.Rows, b.Columns, a.Columns, alpha, a[i].Start, b[i].Start, 0, null, to[i].Start);
    }

    /// <summary>to ← α·ab + β·c, of each matrix. Each number is one sum, from the first to the last; where a parameter is libtorch's, the product may be libtorch's, which promises less.</summary>
    /// <param name="alpha">α.</param>
    /// <param name="a">Of m × k.</param>
    /// <param name="b">Of k × n.</param>
    /// <param name="beta">β.</param>
    /// <param name="c">Of m × n.</param>
    /// <param name="to">Of m × n; none of the others.</param>
    /// <exception cref="ArgumentException">The sizes do not fit.</exception>
    public void Multiply(float alpha, Matrices<float> a, Matrices<float> b, float beta, Matrices<float> c, Matrices<float> to)
    {
        CheckProduct(a, b, to);
        NeedsSizes(c, to.Batch, to.Rows, to.Columns, nameof(c));
        for (nint i = 0; i < a.Batch; i++)
            ops.Multiply(a.Rows, b.Columns, a.Columns, alpha, a[i].Start, b[i].Start, beta, c[i].Start, to[i].Start);
    }

    static void CheckProduct(Matrices<float> a, Matrices<float> b, Matrices<float> to)
    {
        NeedsSizes(b, a.Batch, a.Columns, b.Columns, nameof(b));
        NeedsSizes(to, a.Batch, a.Rows, b.Columns, nameof(to));
        if (to.Start == a.Start || to.Start == b.Start)
            throw new ArgumentException("The product can't take the place of one of its factors: take other matrices for it.", nameof(to));
    }

    static void NeedsSizes<T>(Matrices<T> x, nint batch, nint rows, nint columns, string name) where T : unmanaged
    {
        if ((x.Batch, x.Rows, x.Columns) != (batch, rows, columns))
            throw new ArgumentException($"{batch} matrices of {rows} × {columns} are needed, but there are {x.Batch} of {x.Rows} × {x.Columns}.", name);
    }
}
