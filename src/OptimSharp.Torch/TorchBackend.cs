using System.Numerics;
using OptimSharp.Engine;
using OptimSharp.Rules;
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

    public override void PlanAverage<T>(StepPlan plan, in AverageRule<T> rule, Parameter model, StateTensor average)
    {
        if (average is TorchState state)
            PlanAverage(plan, rule, (TorchParameter)model, state);
        else
            base.PlanAverage(plan, rule, model, average);
    }

    static void PlanAverage<T>(StepPlan plan, AverageRule<T> rule, TorchParameter model, TorchState average)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => plan.Add(() =>
    {
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var (old, current) = (average.Reals, Reals(model.Tensor.detach()));
        var type = typeof(T) == typeof(double) ? torch.float64 : torch.float32;
        old.copy_(rule.Next(new TorchLane<T>(old.to_type(type)), new TorchLane<T>(current.to(old.device).to_type(type))).Tensor);
    });

    public override unsafe double GatherGradient(Parameter parameter, NormOrder order, in GradientChange change)
    {
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var gradient = ((TorchParameter)parameter).Tensor.grad!.detach();
        if (gradient.device_type == DeviceType.CPU)
        {
            var plain = gradient.resolve_conj().resolve_neg().contiguous();
            return GradientPass.Gather((byte*)LibTorchSharp.Data(plain.Handle), parameter.ElementType, (nint)parameter.Numbers, order, change);
        }
        if (!change.IsNone)
            Change(gradient = gradient.clone(), change);
        var sizes = gradient.abs().to_type(gradient.device_type == DeviceType.MPS ? torch.float32 : torch.float64); // Apple's has no doubles
        var gathered = order.P switch
        {
            2 => sizes.mul(sizes).sum(),
            0 => sizes.ne(0).sum(),
            double.PositiveInfinity => sizes.max(),
            double.NegativeInfinity => sizes.min(),
            double p => sizes.pow(p).sum(),
        };
        return gathered.cpu().to_type(torch.float64).item<double>();
    }

    public override void ChangeGradient(Parameter parameter, in GradientChange change)
    {
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        Change(((TorchParameter)parameter).Tensor.grad!.detach(), change);
    }

    static void Change(torch.Tensor gradient, in GradientChange change)
    {
        // As reals: a product of complex numbers would make NaN of an infinite one. What is lazily conjugated is so before and after.
        if (torch.is_complex(gradient))
            gradient = (gradient.is_conj() ? gradient.conj() : gradient).view_as_real();
        foreach (double factor in (ReadOnlySpan<double>)[change.Unscale, change.Mean, change.Clip])
        {
            if (factor == 1)
                continue;
            if (gradient.dtype is torch.ScalarType.Float16 or torch.ScalarType.BFloat16)
                gradient.copy_(gradient.to_type(torch.float32).mul_(factor)); // libtorch may round the factor, too
            else
                gradient.mul_(factor);
        }
        if (!double.IsPositiveInfinity(change.Limit))
            gradient.clamp_(-change.Limit, change.Limit);
    }

    /// <summary>A tensor's real numbers: complex elements have a last dimension of two.</summary>
    public static torch.Tensor Reals(torch.Tensor tensor) =>
        torch.is_complex(tensor) ? tensor.resolve_conj().resolve_neg().view_as_real() : tensor;

    sealed class Work<TRule, T>(TRule rule, StepTarget target)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        static readonly torch.ScalarType Type = typeof(T) == typeof(double) ? torch.float64 : torch.float32;

        public void Run()
        {
            using var noGrad = torch.no_grad();
            using var scope = torch.NewDisposeScope();
            var param = ((TorchParameter)target.Parameter).Tensor;
            var all = Reals(param.detach());
            torch.Tensor? s0 = Stored(target.S0), s1 = Stored(target.S1), s2 = Stored(target.S2);
            var (gradient, rows) = target.Rows is { } touched ? Rows(touched, all) : (Gradient(param), null);

            var x = new Cell<TorchLane<T>>
            {
                Param = Lane(all),
                Grad = new(gradient),
                S0 = s0 is null ? default : Lane(s0),
                S1 = s1 is null ? default : Lane(s1),
                S2 = s2 is null ? default : Lane(s2),
            };
            rule.Update(ref x);
            Write(all, x.Param);
            if (s0 is not null) Write(s0, x.S0);
            if (s1 is not null) Write(s1, x.S1);
            if (s2 is not null) Write(s2, x.S2);

            TorchLane<T> Lane(torch.Tensor tensor) => new((rows is null ? tensor : tensor.index_select(0, rows)).to_type(Type));

            void Write(torch.Tensor tensor, TorchLane<T> value)
            {
                if (rows is null)
                    tensor.copy_(value.Tensor);
                else
                    tensor.index_copy_(0, rows, value.Tensor.to_type(tensor.dtype));
            }
        }

        static torch.Tensor? Stored(StateTensor? state) => ((TorchState?)state)?.Reals;

        static torch.Tensor Gradient(torch.Tensor param)
        {
            var gradient = param.grad!.detach();
            return Reals(gradient.is_sparse ? gradient.to_dense() : gradient).to_type(Type);
        }

        /// <summary>A sparse gradient's rows, each once, and which they are, where the parameter is.</summary>
        static unsafe (torch.Tensor Gradient, torch.Tensor Rows) Rows(TouchedRows touched, torch.Tensor param)
        {
            var values = new double[touched.Numbers];
            fixed (double* to = values)
            fixed (byte* from = &touched.Values.Start)
                Storage.Load(from, touched.Type.Real(), to, values.Length);
            long[] shape = [touched.Count, .. param.shape[1..]];
            return (torch.tensor(values, dtype: Type).reshape(shape).to(param.device),
                torch.tensor(touched.Indices[..touched.Count], device: param.device));
        }
    }
}

/// <summary>State in a tensor on the parameter's device.</summary>
internal sealed class TorchState : StateTensor
{
    readonly torch.Tensor tensor;

    public TorchState(torch.Device device, ReadOnlySpan<long> shape, ElementType type) : base(shape, type)
    {
        using var noGrad = torch.no_grad();
        tensor = torch.zeros(shape, dtype: type.ToScalarType(), device: device).DetachFromDisposeScope();
    }

    /// <summary>The tensor's real numbers, for a rule to work with. Belongs to the current dispose scope when complex.</summary>
    public torch.Tensor Reals => TorchBackend.Reals(tensor);

    /// <summary>Takes a tensor's elements over.</summary>
    public void Set(torch.Tensor source)
    {
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        tensor.copy_(source.detach());
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
        Reals.fill_(value);
    }

    public override void CopyTo(Span<double> destination)
    {
        if (destination.IsEmpty)
            return; // TorchSharp gives no access to a tensor without elements
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        Reals.to_type(torch.float64).cpu().contiguous().data<double>().CopyTo(destination);
    }

    public override void CopyFrom(ReadOnlySpan<double> source)
    {
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        Reals.copy_(torch.tensor(source.ToArray(), dtype: torch.float64).reshape(Reals.shape));
    }

    public override void Dispose() => tensor.Dispose();
}
