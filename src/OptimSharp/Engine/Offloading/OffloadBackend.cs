using System.Numerics;

namespace OptimSharp.Engine;

/// <summary>
/// Parameters that are not in host memory, with state that is. Their rules run on the host: on copies of whole parameters, or where the memory's own package can do better, of blocks.
/// </summary>
/// <param name="inner">What does with their gradients what is done where they are.</param>
internal class OffloadBackend(Backend inner) : Backend
{
    public override bool KeepsStateOnHost => true;

    public override StateTensor CreateState(Parameter like, ReadOnlySpan<long> shape, ElementType type, BlockFormat format) => HostBackend.Instance.CreateState(like, shape, type, format);

    public override void Plan<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target) => plan.AddParameter<TRule, T>(rule, Copied<T>(plan, target));

    public override void PlanMeasured<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target) => plan.AddMeasured<TRule, T>(rule, Copied<T>(plan, target));

    public override void PlanByRow<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target) => plan.AddByRow<TRule, T>(rule, Copied<T>(plan, target));

    StepTarget Copied<T>(StepPlan plan, in StepTarget target)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        CheckStates(target);
        return plan.Collected(this, static _ => new WholeCopies()).Add<T>(target);
    }

    /// <summary>Throws when a parameter has state that was made elsewhere.</summary>
    protected static void CheckStates(in StepTarget target)
    {
        foreach (var state in (ReadOnlySpan<StateTensor?>)[target.States.S0, target.States.S1, target.States.S2, target.States.S3, target.States.S4, target.States.S5])
        {
            if (state is not (null or HostTensor or PackedTensor))
                throw new InvalidOperationException($"Parameter {target.Parameter} was to have its state in host memory ({nameof(Offload.WithStateOnHost)}) after its optimizer had made state elsewhere. Say so before the first step, or save the optimizer's state, make it anew and load it.");
        }
    }

    public override void PlanAverage<T>(StepPlan plan, in AverageRule<T> rule, Parameter model, StateTensor average) => AverageOnHost<T>.Plan(plan, rule, model, average);

    public override void GatherGradients(ReadOnlySpan<Parameter> parameters, NormOrder order, in GradientChange change, Span<double> gathered) => inner.GatherGradients(parameters, order, change, gathered);

    public override void ReserveChange(ReadOnlySpan<Parameter> parameters, in GradientChange change) => inner.ReserveChange(parameters, change);

    public override void ChangeGradients(ReadOnlySpan<Parameter> parameters, in GradientChange change) => inner.ChangeGradients(parameters, change);
}
