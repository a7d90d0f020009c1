using System.Numerics;

namespace OptimSharp.Engine;

// Products and decompositions of matrices: each one's rows lie one behind the other. docs/design/matrices.md says how they are made, and why here.
internal unsafe partial class TensorOps
{
    /// <summary>c ← α·ab + β·d, for a of m × k and b of k × n. c is none of the others. d may be null, for β = 0.</summary>
    public void Multiply(nint m, nint n, nint k, float alpha, float* a, float* b, float beta, float* d, float* c) =>
        Product<float>(new() { M = m, N = n, K = k, Alpha = alpha, A = a, AStride = k, B = b, BStride = n, Beta = beta, D = d, DStride = n, C = c, CStride = n });

    /// <inheritdoc cref="Multiply(nint, nint, nint, float, float*, float*, float, float*, float*)"/>
    public void Multiply(nint m, nint n, nint k, double alpha, double* a, double* b, double beta, double* d, double* c) =>
        Product<double>(new() { M = m, N = n, K = k, Alpha = alpha, A = a, AStride = k, B = b, BStride = n, Beta = beta, D = d, DStride = n, C = c, CStride = n });

    /// <summary>c ← α·aᵀb + β·d, for a of k × m and b of k × n. c is none of the others. d may be null, for β = 0.</summary>
    public void MultiplyTransposedLeft<T>(nint m, nint n, nint k, T alpha, T* a, T* b, T beta, T* d, T* c) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        Product<T>(new() { M = m, N = n, K = k, Alpha = alpha, A = a, AStride = m, ATransposed = true, B = b, BStride = n, Beta = beta, D = d, DStride = n, C = c, CStride = n });

    /// <summary>c ← α·abᵀ + β·d, for a of m × k and b of n × k. c is none of the others. d may be null, for β = 0.</summary>
    public void MultiplyTransposedRight<T>(nint m, nint n, nint k, T alpha, T* a, T* b, T beta, T* d, T* c) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        Product<T>(new() { M = m, N = n, K = k, Alpha = alpha, A = a, AStride = k, B = b, BStride = k, BTransposed = true, Beta = beta, D = d, DStride = n, C = c, CStride = n });

    /// <summary>
    /// Eigenvalues and eigenvectors of a symmetric matrix: a = vectors · diag(values) · vectorsᵀ. NaN throughout when a number of a is not finite.
    /// </summary>
    /// <param name="n">a is n × n.</param>
    /// <param name="a">The matrix. Only its lower triangle is read.</param>
    /// <param name="values">n eigenvalues, ascending.</param>
    /// <param name="vectors">n × n: the columns, of length 1, at right angles. The sign of each is any. May be a.</param>
    public void Eigen<T>(nint n, T* a, T* values, T* vectors) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        SymmetricEigen<T>.Run(this, n, a, values, vectors);

    /// <summary>
    /// a = qr with columns of q at right angles and of length 1, and an upper triangle r; k is the smaller of rows and columns. Signs are LAPACK's, and so
    /// PyTorch's: r's diagonal has any. NaN throughout when a number of a is not finite.
    /// </summary>
    /// <param name="rows">Of a.</param>
    /// <param name="columns">Of a.</param>
    /// <param name="a">The matrix.</param>
    /// <param name="q">rows × k. Not a.</param>
    /// <param name="r">k × columns, zeros below the diagonal. May be null. Not a.</param>
    public void QR<T>(nint rows, nint columns, T* a, T* q, T* r = null) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        HouseholderQR<T>.Run(this, rows, columns, a, q, r);

    /// <summary>
    /// (a + εI)^(−1/p) for a symmetric a whose eigenvalues are ≥ 0. When rounding has made the lowest one negative, all are raised by as much, so that it
    /// is 0. NaN throughout when a number of a is not finite.
    /// </summary>
    /// <param name="n">a is n × n.</param>
    /// <param name="a">The matrix. Only its lower triangle is read.</param>
    /// <param name="p">Which root, from 1 to 256.</param>
    /// <param name="epsilon">ε, ≥ 0. With 0 and an eigenvalue of 0 the root is not finite.</param>
    /// <param name="root">n × n, symmetric to the bit. May be a.</param>
    /// <exception cref="ArgumentOutOfRangeException">p or ε is out of range.</exception>
    public void InverseRoot<T>(nint n, T* a, int p, double epsilon, T* root) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(p, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(p, InverseRoots.Most);
        if (!(epsilon >= 0))
            throw new ArgumentOutOfRangeException(nameof(epsilon), epsilon, "Not a number ≥ 0.");
        InverseRoots<T>.Run(this, n, a, p, epsilon, root);
    }

    /// <summary>A product of parts of matrices.</summary>
    internal void Product<T>(in MatrixProduct<T> product) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        For(product, product.Tiles, nint.Min(product.M, MatrixProduct<T>.TileRows) * nint.Min(product.N, MatrixProduct<T>.TileColumns) * product.K);
}
