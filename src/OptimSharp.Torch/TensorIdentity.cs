using TorchSharp;

namespace OptimSharp.Torch;

/// <summary>
/// What makes two TorchSharp tensors the same one: the native tensor. TorchSharp hands out several objects for it, each with a handle of its own, where a
/// layer's weight is read or tied to another's.
/// </summary>
/// <remarks>
/// A native tensor that is gone may leave its place to another one. So a tensor that was disposed is the same as itself only; the hash stays.
/// </remarks>
internal sealed class TensorIdentity : IEquatable<TensorIdentity>
{
    readonly torch.Tensor tensor;
    readonly nint native;    // the implementation, or where its elements are…
    readonly string? layout; // …and how they lie there

    /// <param name="tensor">The tensor.</param>
    /// <param name="byImplementation">False goes by storage, offset, shape and strides, for tests of what is done where implementations can't be had.</param>
    public TensorIdentity(torch.Tensor tensor, bool byImplementation = true)
    {
        this.tensor = tensor;
        if (byImplementation && LibTorchSharp.Implementation(tensor.Handle) is { } implementation)
            native = implementation;
        else
            (native, layout) = (LibTorchSharp.Address(tensor.Handle), $"{tensor.dtype} {tensor.device} [{string.Join(", ", tensor.shape)}] [{string.Join(", ", tensor.stride())}]");
    }

    public bool Equals(TensorIdentity? other) => other is not null && (ReferenceEquals(tensor, other.tensor)
        || native != 0 && native == other.native && layout == other.layout && !tensor.IsInvalid && !other.tensor.IsInvalid);

    public override bool Equals(object? obj) => Equals(obj as TensorIdentity);

    public override int GetHashCode() => native.GetHashCode();
}
