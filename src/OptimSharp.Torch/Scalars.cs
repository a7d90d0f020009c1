using TorchSharp;

namespace OptimSharp.Torch;

/// <summary>
/// Numbers as arguments of tensor operators. TorchSharp gives libtorch the address of a scalar and does not hold the scalar itself: one that nobody else holds may be collected, and
/// freed, while libtorch reads it. So scalars are held here, until the operator is done.
/// </summary>
static class Scalars
{
    public static Scalar Zero { get; } = 0.ToScalar();

    public static Scalar One { get; } = 1.ToScalar();

    public static Scalar NaN { get; } = double.NaN.ToScalar();

    public static torch.Tensor With(double value, Func<Scalar, torch.Tensor> operation)
    {
        using var scalar = value.ToScalar();
        return operation(scalar);
    }
}
