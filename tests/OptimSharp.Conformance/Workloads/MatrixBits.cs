using System.Numerics;
using System.Runtime.InteropServices;
using OptimSharp.Engine;
using OptimSharp.Testing;

namespace OptimSharp.Conformance.Workloads;

/// <summary>The bits of products and decompositions of made-up matrices, as hashes.</summary>
public static unsafe class MatrixBits
{
    public static IEnumerable<(string Name, ulong Hash)> All()
    {
        foreach (int n in new[] { 5, 67, 150 })
        {
            yield return ($"matrices float32 {n}", Hash<float>(n));
            yield return ($"matrices float64 {n}", Hash<double>(n));
        }
    }

    static ulong Hash<T>(int n) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        T[] b = Array.ConvertAll(Numbers.Tame(n * n, 1), T.CreateSaturating);
        T[] gram = new T[n * n], values = new T[n], vectors = new T[n * n], q = new T[n * n], r = new T[n * n], root = new T[n * n];
        var ops = new TensorOps();
        fixed (T* x = b, a = gram, l = values, v = vectors, y = q, z = r, w = root)
        {
            ops.MultiplyTransposedLeft(n, n, n, T.One, x, x, T.Zero, null, a);
            ops.Eigen(n, a, l, v);
            ops.QR(n, n, x, y, z);
            ops.InverseRoot(n, a, 6, 0.01, w);
        }
        ulong hash = 0;
        foreach (T[] numbers in new[] { gram, values, vectors, q, r, root })
        {
            foreach (byte part in MemoryMarshal.AsBytes<T>(numbers))
                hash = (hash ^ part) * 1099511628211;
        }
        return hash;
    }
}
