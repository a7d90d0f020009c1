using OptimSharp.Engine;
using OptimSharp.Rules;
using TorchSharp;

namespace OptimSharp.Torch;

// Parameters, gradients and states: in place, or copied.
sealed partial class TorchOps
{
    public override DeviceMemory? Place<T>(Parameter parameter, bool ofGradient)
    {
        using var operation = Operation.Begin();
        var tensor = ((TorchParameter)parameter).Tensor;
        if (ofGradient)
            tensor = tensor.grad!;
        tensor = tensor.detach();
        if (tensor.is_sparse || torch.is_complex(tensor) || tensor.dtype != TypeOf<T>() || !tensor.is_contiguous() || tensor.is_neg())
            return null;
        return Keep(tensor.DetachFromDisposeScope(), isOwn: true);
    }

    public override DeviceMemory? Place<T>(StateTensor state)
    {
        if (places.TryGetValue(state, out var known))
            return known;
        var tensor = state is TorchState there ? there.Tensor : null;
        var found = tensor is not null && tensor.dtype == TypeOf<T>() && (tensor.device_type, tensor.device_index) == place ? Keep(tensor, isOwn: false) : null;
        places.Add(state, found);
        return found;
    }

    public override StateTensor CreateState(ReadOnlySpan<long> shape, ElementType type) => new TorchState(device, shape, type);

    public override void Read<T>(Parameter parameter, bool ofGradient, Matrices<T> to)
    {
        using var operation = Operation.Begin();
        var target = Written(to);
        var source = ((TorchParameter)parameter).Source(ofGradient);
        if (source is null)
            target.zero_();
        else
            target.copy_(TorchBackend.Reals(source.is_sparse ? source.to_dense() : source).reshape(to.Count));
        Done(to);
    }

    public override void Write<T>(Matrices<T> from, Parameter parameter)
    {
        using var operation = Operation.Begin();
        var target = TorchBackend.Reals(((TorchParameter)parameter).Target.detach());
        target.copy_(Read(from).view(target.shape));
    }

    public override void Read<T>(StateTensor state, Matrices<T> to)
    {
        using var operation = Operation.Begin();
        if (state is TorchState there)
            Written(to).copy_(there.Reals.view(to.Count));
        else
            Written(to).copy_(FromHost(state));
        Done(to);
    }

    public override void Write<T>(Matrices<T> from, StateTensor state)
    {
        using var operation = Operation.Begin();
        if (state is TorchState there)
            there.Reals.view(from.Count).copy_(Read(from));
        else
            ToHost(Read(from), state);
    }

    torch.Tensor FromHost(StateTensor state)
    {
        HostCopies.Count++;
        var numbers = new double[state.Numbers];
        state.CopyTo(numbers);
        return torch.tensor(numbers, dtype: torch.float64).to_type(Wide).to(device);
    }

    static void ToHost(torch.Tensor numbers, StateTensor state)
    {
        HostCopies.Count++;
        state.CopyFrom(numbers.cpu().to_type(torch.float64).data<double>().ToArray());
    }
}
