using System.Numerics;
using System.Runtime.InteropServices;
using OptimSharp.Engine;
using OptimSharp.Rules;
using TorchSharp;

namespace OptimSharp.Torch;

// Products and decompositions. What libtorch does not decompose, the library does in host memory.
sealed unsafe partial class TorchOps
{
    readonly TensorOps host = new();

    public override void Transpose<T>(Matrices<T> x, Matrices<T> to)
    {
        using var operation = Operation.Begin();
        View(to).copy_(View(x).transpose(1, 2));
        Done(to);
    }

    public override void Multiply<T>(T alpha, Matrices<T> a, bool aTransposed, Matrices<T> b, bool bTransposed, T beta, Matrices<T> c, Matrices<T> to)
    {
        using var operation = Operation.Begin();
        torch.Tensor x = View(a), y = View(b), target = View(to);
        if (aTransposed)
            x = x.transpose(1, 2);
        if (bTransposed)
            y = y.transpose(1, 2);
        double times = double.CreateChecked(alpha), keep = double.CreateChecked(beta);
        if (a.Batch == 1 && times == (float)times && keep == (float)keep) // TorchSharp has them as floats
        {
            if (keep != 0 && !c.IsAt(to))
                target.copy_(View(c));
            target.squeeze(0).addmm_(x.squeeze(0), y.squeeze(0), (float)keep, (float)times); // with a keep of 0, what was there does not count, NaN neither
        }
        else
        {
            var product = x.bmm(y);
            if (times != 1)
                Scalars.With(times, product.mul_);
            if (keep != 0)
                product.add_(Scalars.With(keep, View(c).mul), Scalars.One);
            target.copy_(product);
        }
        Done(to);
    }

    public override void AddToDiagonal<T>(Matrices<T> x, T number)
    {
        using var operation = Operation.Begin();
        var diagonal = View(x).diagonal(0, 1, 2);
        Scalars.With(double.CreateChecked(number), scalar => diagonal.add_(scalar, Scalars.One));
        Done(x);
    }

    public override void Eigen<T>(Matrices<T> a, Matrices<T> values, Matrices<T> vectors)
    {
        using var operation = Operation.Begin();
        for (nint i = 0; i < a.Batch; i++)
        {
            using var each = torch.NewDisposeScope();
            var (found, axes) = Eigen<T>(View(a[i]).squeeze(0));
            View(values[i]).copy_(found);
            View(vectors[i]).copy_(axes);
        }
        Done(values);
        Done(vectors);
    }

    public override void QR<T>(Matrices<T> a, Matrices<T> q, Matrices<T> r)
    {
        using var operation = Operation.Begin();
        for (nint i = 0; i < a.Batch; i++)
        {
            using var each = torch.NewDisposeScope();
            var matrix = View(a[i]).squeeze(0);
            var (orthogonal, triangle) = Decomposes ? Checked(matrix, torch.linalg.qr(matrix)) : QROnHost<T>(matrix);
            View(q[i]).copy_(orthogonal);
            if (!r.IsNone)
                View(r[i]).copy_(triangle);
        }
        Done(q);
        if (!r.IsNone)
            Done(r);
    }

    public override void InverseRoot<T>(Matrices<T> a, int p, double epsilon, Matrices<T> root)
    {
        using var operation = Operation.Begin();
        for (nint i = 0; i < a.Batch && a.Rows > 0; i++)
        {
            using var each = torch.NewDisposeScope();
            var (values, vectors) = Eigen<T>(View(a[i]).squeeze(0));
            var raised = values.sub(values[0].minimum(torch.zeros_like(values[0]))); // ascending: the first is the lowest
            var shifted = Scalars.With(epsilon, scalar => raised.add(scalar, Scalars.One));
            var half = vectors.mul(Scalars.With(-0.5 / p, shifted.pow)); // half the exponent: the root is a square
            var square = half.mm(half.t());
            View(root[i]).copy_(square.tril().add(square.tril(-1).t(), Scalars.One));
        }
        Done(root);
    }

    /// <summary>Whether libtorch decomposes matrices there.</summary>
    bool Decomposes => Type != DeviceType.MPS;

    (torch.Tensor Values, torch.Tensor Vectors) Eigen<T>(torch.Tensor matrix) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (!Decomposes || matrix.shape[0] == 0)
            return EigenOnHost<T>(matrix);
        if (!matrix.tril().isfinite().all().cpu().item<bool>())
            return (torch.full_like(matrix[0], Scalars.NaN), torch.full_like(matrix, Scalars.NaN));
        try
        {
            return torch.linalg.eigh(matrix.to_type(Wide)); // eigenvectors of eigenvalues that are near each other need the digits; the host's rotations are doubles, too
        }
        catch (ExternalException) // it did not converge
        {
            return EigenOnHost<T>(matrix);
        }
    }

    /// <summary>NaN throughout, where a number of the matrix is not finite.</summary>
    static (torch.Tensor, torch.Tensor) Checked(torch.Tensor matrix, (torch.Tensor Q, torch.Tensor R) found)
    {
        var finite = matrix.isfinite().all();
        return (torch.where(finite, found.Q, torch.full_like(found.Q, Scalars.NaN)), torch.where(finite, found.R, torch.full_like(found.R, Scalars.NaN)));
    }

    (torch.Tensor Values, torch.Tensor Vectors) EigenOnHost<T>(torch.Tensor matrix) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        HostCopies.Count++;
        var a = matrix.cpu().contiguous();
        torch.Tensor values = torch.empty(a.shape[0], dtype: a.dtype), vectors = torch.empty(a.shape, dtype: a.dtype);
        host.Eigen((nint)a.shape[0], Data<T>(a), Data<T>(values), Data<T>(vectors));
        return (values, vectors);
    }

    (torch.Tensor Q, torch.Tensor R) QROnHost<T>(torch.Tensor matrix) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        HostCopies.Count++;
        var a = matrix.cpu().contiguous();
        long rows = a.shape[0], columns = a.shape[1], k = Math.Min(rows, columns);
        torch.Tensor q = torch.empty(rows, k, dtype: a.dtype), r = torch.empty(k, columns, dtype: a.dtype);
        host.QR((nint)rows, (nint)columns, Data<T>(a), Data<T>(q), Data<T>(r));
        return (q, r);
    }

    static T* Data<T>(torch.Tensor tensor) where T : unmanaged => (T*)LibTorchSharp.Data(tensor.Handle);
}
