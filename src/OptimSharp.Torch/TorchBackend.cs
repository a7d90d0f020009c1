using System.Numerics;
using OptimSharp.Kernels;
using TorchSharp;

namespace OptimSharp.Torch;

/// <summary>
/// Tensors that host pointers can't reach: on other devices, or not contiguous. The same rules run on them, by tensor
/// operators.
/// </summary>
internal sealed class TorchBackend : Backend
{
    public static TorchBackend Instance { get; } = new();

    public override StateTensor CreateState(Parameter like, ReadOnlySpan<long> shape, ElementType type) =>
        new TorchState(((TorchParameter)like).Tensor.device, shape, type);

    public override void Plan<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target)
    {
        var work = new Work<TRule, T>(rule, target);
        plan.Add(work.Run);
    }

    public override IDisposable EnterClosure() => torch.enable_grad();

    sealed class Work<TRule, T>(TRule rule, StepTarget target)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        public void Run()
        {
            using var noGrad = torch.no_grad();
            using var scope = torch.NewDisposeScope();
            var param = ((TorchParameter)target.Parameter).Tensor;
            var type = typeof(T) == typeof(double) ? torch.float64 : torch.float32;
            TorchState? s0 = (TorchState?)target.S0, s1 = (TorchState?)target.S1, s2 = (TorchState?)target.S2;

            var x = new Cell<TorchLane<T>>
            {
                Param = Lane(param.detach()),
                Grad = Lane(param.grad!.detach()),
                S0 = s0 is null ? default : Lane(s0.Tensor),
                S1 = s1 is null ? default : Lane(s1.Tensor),
                S2 = s2 is null ? default : Lane(s2.Tensor),
            };
            rule.Update(ref x);
            param.copy_(x.Param.Tensor);
            s0?.Tensor.copy_(x.S0.Tensor);
            s1?.Tensor.copy_(x.S1.Tensor);
            s2?.Tensor.copy_(x.S2.Tensor);

            TorchLane<T> Lane(torch.Tensor tensor) => new(tensor.to_type(type));
        }
    }
}

/// <summary>State in a tensor on the parameter's device.</summary>
internal sealed class TorchState : StateTensor
{
    public TorchState(torch.Device device, ReadOnlySpan<long> shape, ElementType type) : base(shape, type)
    {
        using var noGrad = torch.no_grad();
        Tensor = torch.zeros(shape, dtype: type.ToScalarType(), device: device).DetachFromDisposeScope();
    }

    public torch.Tensor Tensor { get; }

    public override void Fill(double value)
    {
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        Tensor.fill_(value);
    }

    public override void CopyTo(Span<double> destination)
    {
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        Tensor.to_type(torch.float64).cpu().contiguous().data<double>().CopyTo(destination);
    }

    public override void CopyFrom(ReadOnlySpan<double> source)
    {
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        Tensor.copy_(torch.tensor(source.ToArray(), dtype: torch.float64).reshape(Tensor.shape));
    }

    public override void Dispose() => Tensor.Dispose();
}
