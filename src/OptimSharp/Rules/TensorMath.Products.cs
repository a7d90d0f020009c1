using System.Numerics;
using OptimSharp.Engine;

namespace OptimSharp.Rules;

// Products and decompositions, of each matrix of a batch.
public sealed unsafe partial class TensorMath
{
    /// <summary>to ← xᵀ.</summary>
    /// <exception cref="ArgumentException">The sizes do not fit.</exception>
    public void Transpose<T>(Matrices<T> x, Matrices<T> to) where T : unmanaged
    {
        NeedsSizes(to, x.Batch, x.Columns, x.Rows, nameof(to));
        NotAt(to, x, nameof(to));
        if (device is not null)
        {
            device.Transpose(x, to);
            return;
        }
        for (nint i = 0; i < x.Batch; i++)
            ops.Transpose(x[i].Start, x.Rows, x.Columns, to[i].Start);
    }

    /// <summary>to ← α·ab + β·c.</summary>
    /// <remarks>
    /// Each number is one sum, from the first term to the last. Where parameters are on another device, products are its library's, and sums are taken in its order.
    /// </remarks>
    /// <param name="alpha">α.</param>
    /// <param name="a">Of m × k.</param>
    /// <param name="b">Of k × n.</param>
    /// <param name="beta">β.</param>
    /// <param name="c">Of m × n; left out (<c>default</c>) for none.</param>
    /// <param name="to">Of m × n; neither a nor b.</param>
    /// <exception cref="ArgumentException">The sizes do not fit.</exception>
    public void Multiply(float alpha, Matrices<float> a, Matrices<float> b, float beta, Matrices<float> c, Matrices<float> to)
    {
        CheckProduct(a, b, c, to, a.Rows, b.Columns, a.Columns == b.Rows);
        if (device is not null)
        {
            device.Multiply(alpha, a, false, b, false, c.IsNone ? 0 : beta, c, to);
            return;
        }
        for (nint i = 0; i < a.Batch; i++)
            ops.Multiply(a.Rows, b.Columns, a.Columns, alpha, a[i].Start, b[i].Start, c.IsNone ? 0 : beta, StartOf(c, i), to[i].Start);
    }

    /// <summary>to ← α·ab.</summary>
    /// <inheritdoc cref="Multiply(float, Matrices{float}, Matrices{float}, float, Matrices{float}, Matrices{float})"/>
    public void Multiply(float alpha, Matrices<float> a, Matrices<float> b, Matrices<float> to) => Multiply(alpha, a, b, 0, default, to);

    /// <inheritdoc cref="Multiply(float, Matrices{float}, Matrices{float}, float, Matrices{float}, Matrices{float})"/>
    public void Multiply(double alpha, Matrices<double> a, Matrices<double> b, double beta, Matrices<double> c, Matrices<double> to)
    {
        CheckProduct(a, b, c, to, a.Rows, b.Columns, a.Columns == b.Rows);
        if (device is not null)
        {
            device.Multiply(alpha, a, false, b, false, c.IsNone ? 0 : beta, c, to);
            return;
        }
        for (nint i = 0; i < a.Batch; i++)
            ops.Multiply(a.Rows, b.Columns, a.Columns, alpha, a[i].Start, b[i].Start, c.IsNone ? 0 : beta, StartOf(c, i), to[i].Start);
    }

    /// <inheritdoc cref="Multiply(float, Matrices{float}, Matrices{float}, Matrices{float})"/>
    public void Multiply(double alpha, Matrices<double> a, Matrices<double> b, Matrices<double> to) => Multiply(alpha, a, b, 0, default, to);

    /// <summary>to ← α·aᵀb + β·c, for a of k × m and b of k × n.</summary>
    /// <inheritdoc cref="Multiply(float, Matrices{float}, Matrices{float}, float, Matrices{float}, Matrices{float})"/>
    public void MultiplyTransposedLeft<T>(T alpha, Matrices<T> a, Matrices<T> b, T beta, Matrices<T> c, Matrices<T> to) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        CheckProduct(a, b, c, to, a.Columns, b.Columns, a.Rows == b.Rows);
        if (device is not null)
        {
            device.Multiply(alpha, a, true, b, false, c.IsNone ? T.Zero : beta, c, to);
            return;
        }
        for (nint i = 0; i < a.Batch; i++)
            ops.MultiplyTransposedLeft(a.Columns, b.Columns, a.Rows, alpha, a[i].Start, b[i].Start, c.IsNone ? T.Zero : beta, StartOf(c, i), to[i].Start);
    }

    /// <summary>to ← α·abᵀ + β·c, for a of m × k and b of n × k.</summary>
    /// <inheritdoc cref="Multiply(float, Matrices{float}, Matrices{float}, float, Matrices{float}, Matrices{float})"/>
    public void MultiplyTransposedRight<T>(T alpha, Matrices<T> a, Matrices<T> b, T beta, Matrices<T> c, Matrices<T> to) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        CheckProduct(a, b, c, to, a.Rows, b.Rows, a.Columns == b.Columns);
        if (device is not null)
        {
            device.Multiply(alpha, a, false, b, true, c.IsNone ? T.Zero : beta, c, to);
            return;
        }
        for (nint i = 0; i < a.Batch; i++)
            ops.MultiplyTransposedRight(a.Rows, b.Rows, a.Columns, alpha, a[i].Start, b[i].Start, c.IsNone ? T.Zero : beta, StartOf(c, i), to[i].Start);
    }

    /// <summary>Eigenvalues and eigenvectors of a symmetric matrix: a = vectors · diag(values) · vectorsᵀ. NaN throughout when a number of a is not finite.</summary>
    /// <param name="a">Of n × n. Only its lower triangle is read.</param>
    /// <param name="values">Of 1 × n: the eigenvalues, ascending.</param>
    /// <param name="vectors">Of n × n: columns of length 1, at right angles. The sign of each is any. May be a.</param>
    /// <exception cref="ArgumentException">The sizes do not fit.</exception>
    public void Eigen<T>(Matrices<T> a, Matrices<T> values, Matrices<T> vectors) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        NeedsSizes(a, a.Batch, a.Rows, a.Rows, nameof(a));
        NeedsSizes(values, a.Batch, 1, a.Rows, nameof(values));
        NeedsSizes(vectors, a.Batch, a.Rows, a.Rows, nameof(vectors));
        if (device is not null)
        {
            device.Eigen(a, values, vectors);
            return;
        }
        for (nint i = 0; i < a.Batch; i++)
            ops.Eigen(a.Rows, a[i].Start, values[i].Start, vectors[i].Start);
    }

    /// <summary>
    /// a = qr with columns of q at right angles and of length 1, and an upper triangle r; k is the smaller of rows and columns. Signs are LAPACK's, and so
    /// PyTorch's. NaN throughout when a number of a is not finite.
    /// </summary>
    /// <param name="a">Of m × n.</param>
    /// <param name="q">Of m × k. Not a.</param>
    /// <param name="r">Of k × n, zeros below the diagonal; left out (<c>default</c>) for none. Not a.</param>
    /// <exception cref="ArgumentException">The sizes do not fit.</exception>
    public void QR<T>(Matrices<T> a, Matrices<T> q, Matrices<T> r = default) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        nint k = Math.Min(a.Rows, a.Columns);
        NeedsSizes(q, a.Batch, a.Rows, k, nameof(q));
        if (!r.IsNone)
            NeedsSizes(r, a.Batch, k, a.Columns, nameof(r));
        NotAt(q, a, nameof(q));
        NotAt(r, a, nameof(r));
        if (!r.IsNone)
            NotAt(r, q, nameof(r));
        if (device is not null)
        {
            device.QR(a, q, r);
            return;
        }
        for (nint i = 0; i < a.Batch; i++)
            ops.QR(a.Rows, a.Columns, a[i].Start, q[i].Start, StartOf(r, i));
    }

    /// <summary>
    /// (a + εI)^(−1/p) for a symmetric a whose eigenvalues are ≥ 0. When rounding has made the lowest one negative, all are raised by as much, so that it
    /// is 0. NaN throughout when a number of a is not finite.
    /// </summary>
    /// <param name="a">Of n × n. Only its lower triangle is read.</param>
    /// <param name="p">Which root, from 1 to 256.</param>
    /// <param name="epsilon">ε, ≥ 0. With 0 and an eigenvalue of 0 the root is not finite.</param>
    /// <param name="root">Of n × n, symmetric to the bit. May be a.</param>
    /// <exception cref="ArgumentException">The sizes do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">p or ε is out of range.</exception>
    public void InverseRoot<T>(Matrices<T> a, int p, double epsilon, Matrices<T> root) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        NeedsSizes(a, a.Batch, a.Rows, a.Rows, nameof(a));
        NeedsSizes(root, a.Batch, a.Rows, a.Rows, nameof(root));
        if (device is not null)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(p, 1);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(p, InverseRoots.Most);
            if (!(epsilon >= 0))
                throw new ArgumentOutOfRangeException(nameof(epsilon), epsilon, "Not a number ≥ 0.");
            device.InverseRoot(a, p, epsilon, root);
            return;
        }
        for (nint i = 0; i < a.Batch; i++)
            ops.InverseRoot(a.Rows, a[i].Start, p, epsilon, root[i].Start);
    }

    static T* StartOf<T>(Matrices<T> x, nint i) where T : unmanaged => x.IsNone ? null : x[i].Start;

    static void CheckProduct<T>(Matrices<T> a, Matrices<T> b, Matrices<T> c, Matrices<T> to, nint rows, nint columns, bool fit) where T : unmanaged
    {
        if (!fit || b.Batch != a.Batch)
            throw new ArgumentException($"{a.Batch} matrices of {a.Rows} × {a.Columns} can't be multiplied like this with {b.Batch} of {b.Rows} × {b.Columns}.", nameof(b));
        if (!c.IsNone)
            NeedsSizes(c, a.Batch, rows, columns, nameof(c));
        NeedsSizes(to, a.Batch, rows, columns, nameof(to));
        NotAt(to, a, nameof(to));
        NotAt(to, b, nameof(to));
    }

    static void NotAt<T>(Matrices<T> x, Matrices<T> y, string name) where T : unmanaged
    {
        if (!x.IsNone && x.IsAt(y) && x.Count > 0)
            throw new ArgumentException("The result can't take the place of what it is made of: take other matrices for it.", name);
    }

    static void NeedsSizes<T>(Matrices<T> x, nint batch, nint rows, nint columns, string name) where T : unmanaged
    {
        if ((x.Batch, x.Rows, x.Columns) != (batch, rows, columns))
            throw new ArgumentException($"{batch} matrices of {rows} × {columns} are needed, but there are {x.Batch} of {x.Rows} × {x.Columns}.", name);
    }
}
