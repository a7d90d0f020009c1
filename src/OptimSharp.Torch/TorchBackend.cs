using System.Numerics;
using OptimSharp.Engine;
using TorchSharp;

namespace OptimSharp.Torch;

/// <summary>
/// Tensors that host pointers can't reach: on other devices, or not contiguous. The same rules run on them, by the kernels of OptimSharp.Cuda where these reach
/// (<see cref="TorchKernels"/>), else by tensor operators.
/// </summary>
internal sealed class TorchBackend : Backend
{
    public static TorchBackend Instance { get; } = new();

    public override StateTensor CreateState(Parameter like, ReadOnlySpan<long> shape, ElementType type, BlockFormat format) => format == BlockFormat.None
        ? new TorchState(((TorchParameter)like).Tensor.device, shape, type)
        : throw new InvalidOperationException($"State in blocks, as {nameof(StatePrecision.Dynamic8)}'s, is kept in host memory, but parameter {like} is on {((TorchParameter)like).Tensor.device} or not contiguous. Use another {nameof(StatePrecision)} for it.");

    public override StateTensor CreateMatrix(Parameter like, ReadOnlySpan<long> shape, ElementType type) =>
        like is TorchParameter { ComputesThere: true } there ? new TorchState(there.Tensor.device, shape, type) : base.CreateMatrix(like, shape, type);

    public override DeviceOps? CreateDeviceOps(Parameter parameter) =>
        parameter is TorchParameter { ComputesThere: true } there ? new TorchOps(there) : null;

    public override bool IsFor(DeviceOps? device, Parameter parameter) =>
        parameter is TorchParameter { ComputesThere: true } there ? device is TorchOps ops && ops.IsFor(there) : device is null;

    public override bool AreTogether(Parameter parameter, Parameter other) =>
        parameter is TorchParameter x && other is TorchParameter y && (x.ComputesThere, x.Place) == (y.ComputesThere, y.Place);

    public override bool CanFrame(Parameter parameter) => TorchKernels.Reach((TorchParameter)parameter);

    public override void Plan<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target)
    {
        if (TorchKernels.Reach(plan, target) is var (step, place))
        {
            step.Plan<TRule, T>(rule, target, place);
            return;
        }
        var work = new TensorWork<TRule, T>(rule, target);
        plan.Add(work.Run);
    }

    public override void PlanMeasured<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target)
    {
        if (TorchKernels.Reach(plan, target) is var (step, place))
        {
            step.PlanMeasured<TRule, T>(plan, rule, target, place);
            return;
        }
        var work = new MeasuringWork<TRule, T>(rule, target);
        plan.Add(work.Run, work);
    }

    public override void PlanByRow<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target)
    {
        if (TorchKernels.Reach(plan, target) is var (step, place))
        {
            step.PlanByRow<TRule, T>(rule, target, place);
            return;
        }
        var work = new RowWork<TRule, T>(rule, target);
        plan.Add(work.RunByRow);
    }

    public override void PlanAverage<T>(StepPlan plan, in AverageRule<T> rule, Parameter model, StateTensor average)
    {
        var parameter = (TorchParameter)model;
        if (average is TorchState there && TorchKernels.Reach(plan, parameter, there, Storage.Of<T>()) is { } step)
            step.PlanAverage(rule, parameter.PlainAddress, model.ElementType, there.Address, average.Type, model.Numbers);
        else if (average is TorchState state)
            PlanAverage(plan, rule, parameter, state);
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

    public override void GatherGradients(ReadOnlySpan<Parameter> parameters, NormOrder order, in GradientChange change, Span<double> gathered)
    {
        foreach (var (device, places, gradients) in TorchKernels.Gradients(parameters))
        {
            if (device is null)
            {
                foreach (int i in places)
                    gathered[i] = GatherGradient(parameters[i], order, change);
                continue;
            }
            double[] there = new double[places.Count];
            device.Gradients.Gather([.. gradients], order, change, there);
            for (int i = 0; i < there.Length; i++)
                gathered[places[i]] = there[i];
        }
    }

    static unsafe double GatherGradient(Parameter parameter, NormOrder order, in GradientChange change)
    {
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var gradient = ((TorchParameter)parameter).Tensor.grad!.detach();
        if (gradient.device_type == DeviceType.CPU)
        {
            var plain = gradient.resolve_conj().resolve_neg().contiguous();
            return GradientChunk.GatherAll((byte*)LibTorchSharp.Data(plain.Handle), parameter.ElementType, (nint)parameter.Numbers, order, change);
        }
        if (!change.IsNone)
            Change(gradient = gradient.clone(), change);
        var sizes = gradient.abs().to_type(gradient.device_type == DeviceType.MPS ? torch.float32 : torch.float64); // Apple's has no doubles
        var gathered = order.P switch
        {
            2 => sizes.mul(sizes).sum(),
            0 => sizes.ne(Scalars.Zero).sum(),
            double.PositiveInfinity => sizes.max(),
            double.NegativeInfinity => sizes.min(),
            double p => Scalars.With(p, power => sizes.pow(power)).sum(),
        };
        return gathered.cpu().to_type(torch.float64).item<double>();
    }

    public override void ReserveChange(ReadOnlySpan<Parameter> parameters, in GradientChange change)
    {
        foreach (var (device, _, gradients) in TorchKernels.Gradients(parameters))
            device?.Gradients.Reserve([.. gradients], change);
    }

    public override void ChangeGradients(ReadOnlySpan<Parameter> parameters, in GradientChange change)
    {
        using var noGrad = torch.no_grad();
        foreach (var (device, places, gradients) in TorchKernels.Gradients(parameters))
        {
            device?.Gradients.Change([.. gradients], change);
            foreach (int i in device is null ? places : [])
            {
                using var scope = torch.NewDisposeScope();
                Change(((TorchParameter)parameters[i]).Tensor.grad!.detach(), change);
            }
        }
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
                gradient.copy_(Scalars.With(factor, scalar => gradient.to_type(torch.float32).mul_(scalar))); // libtorch may round the factor, too
            else
                Scalars.With(factor, scalar => gradient.mul_(scalar));
        }
        if (!double.IsPositiveInfinity(change.Limit))
            Limit(gradient, change.Limit);
    }

    static void Limit(torch.Tensor gradient, double limit)
    {
        using Scalar least = (-limit).ToScalar(), most = limit.ToScalar();
        gradient.clamp_(least, most);
    }

    /// <summary>A tensor's real numbers: complex elements have a last dimension of two.</summary>
    public static torch.Tensor Reals(torch.Tensor tensor) =>
        torch.is_complex(tensor) ? tensor.resolve_conj().resolve_neg().view_as_real() : tensor;
}
