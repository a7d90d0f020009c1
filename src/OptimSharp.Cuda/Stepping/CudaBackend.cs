using System.Buffers;
using OptimSharp.Engine;

namespace OptimSharp.Cuda;

/// <summary>Runs rules on a device, as kernels that are written from their recordings.</summary>
internal sealed class CudaBackend(CudaDevice device) : Backend
{
    public override StateTensor CreateState(Parameter like, ReadOnlySpan<long> shape, ElementType type, BlockFormat format) => format == BlockFormat.None
        ? new CudaState(device, shape, type)
        : throw new InvalidOperationException($"State in blocks, as {nameof(StatePrecision.Dynamic8)}'s, is kept in host memory, but parameter {like} is on {device}. Use another {nameof(StatePrecision)} for it, or keep its state in host memory ({nameof(Offload.WithStateOnHost)}).");

    public override bool CanFrame(Parameter parameter) => true;

    public override void Plan<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target) =>
        CudaStep.Of(plan, device).Plan<TRule, T>(rule, target, PlaceOf(target));

    public override void PlanMeasured<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target) =>
        CudaStep.Of(plan, device).PlanMeasured<TRule, T>(plan, rule, target, PlaceOf(target));

    public override void PlanByRow<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target) =>
        CudaStep.Of(plan, device).PlanByRow<TRule, T>(rule, target, PlaceOf(target));

    public override void PlanAverage<T>(StepPlan plan, in AverageRule<T> rule, Parameter model, StateTensor average)
    {
        if (average is CudaState state && state.IsBeside(model) && average.Type.Compute() == model.ElementType.Compute() && average.Type.Compute() == Storage.Of<T>())
            CudaStep.Of(plan, device).PlanAverage(rule, ((CudaParameter)model).Address, model.ElementType, state.Address, average.Type, model.Numbers);
        else
            AverageOnHost<T>.Plan(plan, rule, model, average);
    }

    public override void GatherGradients(ReadOnlySpan<Parameter> parameters, NormOrder order, in GradientChange change, Span<double> gathered)
    {
        var places = Places(parameters);
        try
        {
            device.Gradients.Gather(places.AsSpan(0, parameters.Length), order, change, gathered);
        }
        finally
        {
            ArrayPool<GradientPlace>.Shared.Return(places);
        }
    }

    public override void ReserveChange(ReadOnlySpan<Parameter> parameters, in GradientChange change) => Change(parameters, change, runs: false);

    public override void ChangeGradients(ReadOnlySpan<Parameter> parameters, in GradientChange change) => Change(parameters, change, runs: true);

    void Change(ReadOnlySpan<Parameter> parameters, in GradientChange change, bool runs)
    {
        var places = Places(parameters);
        try
        {
            if (runs)
                device.Gradients.Change(places.AsSpan(0, parameters.Length), change);
            else
                device.Gradients.Reserve(places.AsSpan(0, parameters.Length), change);
        }
        finally
        {
            ArrayPool<GradientPlace>.Shared.Return(places);
        }
    }

    /// <summary>In an array of the pool's, which may be longer.</summary>
    static GradientPlace[] Places(ReadOnlySpan<Parameter> parameters)
    {
        var places = ArrayPool<GradientPlace>.Shared.Rent(parameters.Length);
        for (int i = 0; i < parameters.Length; i++)
            places[i] = new(((CudaParameter)parameters[i]).Gradient, parameters[i].ElementType, parameters[i].Numbers);
        return places;
    }

    static ParameterPlace PlaceOf(in StepTarget target) => new(((CudaParameter)target.Parameter).Address, ((CudaParameter)target.Parameter).Gradient);
}
