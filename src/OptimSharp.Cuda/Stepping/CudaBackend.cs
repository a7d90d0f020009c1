using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using OptimSharp.Engine;

namespace OptimSharp.Cuda;

/// <summary>Runs rules on a device, as kernels that are written from their recordings.</summary>
[SuppressMessage("Design", "CA1001", Justification = "It lives as long as its device, which is as long as the process.")]
internal sealed unsafe class CudaBackend(CudaDevice device) : Backend
{
    readonly Lock gate = new();
    readonly CudaLaunches gradients = new(device); // what is done to gradients apart from rules

    public override StateTensor CreateState(Parameter like, ReadOnlySpan<long> shape, ElementType type, BlockFormat format) => format == BlockFormat.None
        ? new CudaState(device, shape, type)
        : throw new InvalidOperationException($"State in blocks, as {nameof(StatePrecision.Dynamic8)}'s, is kept in host memory, but parameter {like} is on {device}. Use another {nameof(StatePrecision)} for it.");

    public override void Plan<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target)
    {
        var step = StepOf(plan);
        step.Launches.Add<TRule, T>(rule, Describe(step, target, TRule.Slots));
    }

    public override void PlanMeasured<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target)
    {
        var step = StepOf(plan);
        var item = new CudaStep.Measured<TRule, T>(step, rule, Describe(step, target, TRule.Slots));
        step.Add(item, rows: false);
        plan.Add(item);
    }

    public override void PlanByRow<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target)
    {
        var step = StepOf(plan);
        step.Add(new CudaStep.ByRow<TRule, T>(rule, Describe(step, target, TRule.Slots)), rows: true);
    }

    public override void PlanAverage<T>(StepPlan plan, in AverageRule<T> rule, Parameter model, StateTensor average)
    {
        var type = average.Type.Real();
        if (average is not CudaState state || state.Device != device || type.Compute() != model.ElementType.Compute() || type.Compute() != Storage.Of<T>())
        {
            AverageOnHost<T>.Plan(plan, rule, model, average);
            return;
        }
        var parameter = (CudaParameter)model;
        StepOf(plan).Launches.Add<AverageRule<T>, T>(rule, new() { Count = model.Numbers, Param = state.Address, Grad = parameter.Address }, new(type, model.ElementType.Real(), type));
    }

    public override void GatherGradients(ReadOnlySpan<Parameter> parameters, NormOrder order, in GradientChange change, Span<double> gathered)
    {
        Gathering? gathering = order.P switch { 2 => Gathering.SumOfSquares, 1 => Gathering.SumOfSizes, double.PositiveInfinity => Gathering.Largest, _ => null };
        lock (gate)
        {
            try
            {
                var tensors = new MeasuredTensor?[parameters.Length];
                for (int i = 0; i < parameters.Length; i++)
                {
                    var parameter = (CudaParameter)parameters[i];
                    var type = parameter.ElementType.Real();
                    if (gathering is not { } how || parameter.ElementType.IsComplex() && order.P != 2 || !change.IsNone && ChangedGradient<float>.Parts(change, type).Length > 1)
                        continue;
                    tensors[i] = type == ElementType.Float64
                        ? gradients.AddMeasured<ChangedGradient<double>, double>(new(change), Gradient(parameter), new(type), how, GradientChunk.Size)
                        : gradients.AddMeasured<ChangedGradient<float>, float>(new(change), Gradient(parameter), new(type), how, GradientChunk.Size);
                }
                if (Array.Exists(tensors, tensor => tensor is not null))
                    gradients.Measure();
                for (int i = 0; i < parameters.Length; i++)
                    gathered[i] = tensors[i] is { } tensor ? tensor.Gathered(order) : GatherOnHost((CudaParameter)parameters[i], order, change);
            }
            finally
            {
                gradients.Clear();
            }
        }
    }

    public override void ChangeGradients(ReadOnlySpan<Parameter> parameters, in GradientChange change)
    {
        lock (gate)
        {
            for (int part = 0; ; part++)
            {
                try
                {
                    foreach (var parameter in parameters)
                    {
                        var type = parameter.ElementType.Real();
                        var parts = ChangedGradient<float>.Parts(change, type);
                        if (part >= parts.Length)
                            continue;
                        if (type == ElementType.Float64)
                            gradients.Add<ChangedGradient<double>, double>(new(parts[part]), Gradient((CudaParameter)parameter), new(type));
                        else
                            gradients.Add<ChangedGradient<float>, float>(new(parts[part]), Gradient((CudaParameter)parameter), new(type));
                    }
                    if (gradients.IsEmpty)
                        return;
                    gradients.Run();
                }
                finally
                {
                    gradients.Clear();
                }
            }
        }
    }

    /// <summary>A gradient in a parameter's place.</summary>
    static Places Gradient(CudaParameter parameter) => new() { Count = parameter.Numbers, Param = parameter.Gradient };

    /// <summary>What there is no kernel for: norms of other orders, and half types that are changed in several ways, between which they are rounded.</summary>
    double GatherOnHost(CudaParameter parameter, NormOrder order, in GradientChange change)
    {
        long bytes = parameter.Numbers * parameter.ElementType.Real().Size();
        void* host = NativeMemory.Alloc((nuint)Math.Max(bytes, 1));
        try
        {
            CudaMemory.Copy(device, host, parameter.Gradient, bytes);
            return GradientChunk.GatherAll((byte*)host, parameter.ElementType, (nint)parameter.Numbers, order, change);
        }
        finally
        {
            NativeMemory.Free(host);
        }
    }

    CudaStep StepOf(StepPlan plan) => plan.Collected(this, () => new CudaStep(device));

    static DeviceTarget Describe(CudaStep step, in StepTarget target, int slots)
    {
        var parameter = (CudaParameter)target.Parameter;
        var gradType = (target.Rows?.Type ?? target.GradType).Real();
        var at = new Places { Count = target.Rows?.Numbers ?? parameter.Numbers, Param = parameter.Address, Grad = parameter.Gradient };
        fixed (byte* sparse = &(target.Rows?.Values ?? target.Memory.Gradient).Start) // in host memory: a sparse gradient's rows, or one that was given its zeros
        {
            if (sparse != null)
                at.Grad = step.Upload(sparse, at.Count * gradType.Size());
        }
        var param = parameter.ElementType.Real();
        var types = new KernelTypes(param, gradType, param);
        ReadOnlySpan<StateTensor?> states = [target.States.S0, target.States.S1, target.States.S2, target.States.S3, target.States.S4, target.States.S5];
        for (int slot = 0; slot < slots; slot++)
        {
            var state = (CudaState)states[slot]!;
            at.States[slot] = state.Address;
            types = types.With(slot, state.Type.Real());
        }
        long rows = parameter.Shape.Length == 0 ? 1 : parameter.Shape[0];
        return new(at, types, slots, rows == 0 ? 0 : parameter.Numbers / rows, target.Rows?.Indices);
    }
}
