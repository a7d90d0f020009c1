using OptimSharp.Engine;
using TorchSharp;

namespace OptimSharp.Torch;

/// <summary>Between TorchSharp's tensors and those of state dicts. Copies, both ways.</summary>
public static unsafe class TensorDataExtensions
{
    /// <summary>A copy of a tensor's elements, for a state dict.</summary>
    /// <exception cref="ArgumentException">The tensor is sparse, or of a type that a state dict can't hold (a quantised one).</exception>
    public static TensorData ToTensorData(this torch.Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (tensor.is_sparse)
            throw new ArgumentException("A state dict can't hold a sparse tensor: give tensor.to_dense().", nameof(tensor));
        var type = tensor.dtype.ToElementType() ?? throw new ArgumentException($"A state dict can't hold a tensor of type {tensor.dtype}.", nameof(tensor));
        var host = new TensorStorage(checked(tensor.numel() * type.Size()));
        Tensors.Read(tensor, host.Start, type);
        return new(host, type, tensor.shape);
    }

    /// <summary>A new tensor with a copy of the elements.</summary>
    /// <param name="data">A tensor of a state dict.</param>
    /// <param name="device">Where it shall be; null: the CPU.</param>
    /// <exception cref="NotSupportedException">TorchSharp has no tensors of this type: <see cref="ElementType.UInt16"/>, <see cref="ElementType.UInt32"/>, <see cref="ElementType.UInt64"/>.</exception>
    public static torch.Tensor ToTensor(this TensorData data, torch.Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var tensor = torch.empty(data.Shape, dtype: data.ElementType.ToScalarType());
        if (data.Count > 0)
            data.CopyTo((byte*)LibTorchSharp.Data(tensor.Handle), 0, data.Count);
        return (device is null ? tensor : tensor.to(device)).MoveToOuterDisposeScope();
    }
}
