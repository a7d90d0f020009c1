using OptimSharp.Cuda;
using OptimSharp.Engine;
using TorchSharp;

namespace OptimSharp.Torch;

/// <summary>State in a tensor on the parameter's device.</summary>
internal sealed class TorchState : StateTensor, IDeviceState
{
    readonly torch.Tensor tensor;

    public TorchState(torch.Device device, ReadOnlySpan<long> shape, ElementType type) : base(shape, type)
    {
        using var noGrad = torch.no_grad();
        tensor = torch.zeros(shape, dtype: type.ToScalarType(), device: device).DetachFromDisposeScope();
    }

    /// <summary>Where its numbers begin, row by row, on its device.</summary>
    public nint Address => LibTorchSharp.Address(tensor.Handle);

    public bool IsBeside(Parameter parameter) => parameter is TorchParameter there && (tensor.device_type, tensor.device_index) == there.Place;

    /// <summary>The tensor itself.</summary>
    public torch.Tensor Tensor => tensor;

    /// <summary>The tensor's real numbers, for a rule to work with. Belongs to the current dispose scope when complex.</summary>
    public torch.Tensor Reals => TorchBackend.Reals(tensor);

    /// <summary>Takes a tensor's elements over.</summary>
    public void Set(torch.Tensor source)
    {
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        tensor.copy_(source.detach().reshape(tensor.shape));
    }

    /// <summary>A copy, of the current dispose scope.</summary>
    public torch.Tensor Clone() => tensor.clone();

    /// <summary>Gives a tensor its elements.</summary>
    public void Get(torch.Tensor target)
    {
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        target.detach().copy_(tensor);
    }

    public override void Fill(double value)
    {
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        Scalars.With(value, scalar => Reals.fill_(scalar));
    }

    public override void CopyTo(Span<double> destination)
    {
        if (destination.IsEmpty)
            return; // TorchSharp gives no access to a tensor without elements
        HostCopies.Count++;
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        Reals.to_type(torch.float64).cpu().contiguous().data<double>().CopyTo(destination);
    }

    public override void CopyFrom(ReadOnlySpan<double> source)
    {
        HostCopies.Count++;
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        Reals.copy_(torch.tensor(source.ToArray(), dtype: torch.float64).reshape(Reals.shape));
    }

    public override void Dispose() => tensor.Dispose();
}
