using System.Diagnostics;
using System.Numerics;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>Owns storage and runs rules on it: host memory, or (in the adapter) tensors that host pointers can't reach.</summary>
internal abstract class Backend
{
    /// <summary>A tensor of zeros, where the parameter is.</summary>
    public abstract StateTensor CreateState(Parameter like, ReadOnlySpan<long> shape, ElementType type, BlockFormat format = BlockFormat.None);

    /// <summary>Plans the update of one parameter. Nothing is changed before the plan runs.</summary>
    public abstract void Plan<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>The same by a rule that measures first.</summary>
    public abstract void PlanMeasured<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target)
        where TRule : struct, IMeasuringRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>Whether the state of its parameters is in host memory, in any precision.</summary>
    public virtual bool KeepsStateOnHost => false;

    /// <summary>Whether what a training step does around rules can be done with the rule of a parameter that is not in host memory.</summary>
    public virtual bool CanFrame(Parameter parameter) => false;

    /// <summary>What gradients outside of host memory gather to, each as it is after a change. They are open for a step, and dense.</summary>
    public virtual void GatherGradients(ReadOnlySpan<Parameter> parameters, NormOrder order, in GradientChange change, Span<double> gathered) => throw new UnreachableException();

    /// <summary>Takes the memory that <see cref="ChangeGradients"/> needs for these gradients, where it can be known before.</summary>
    public virtual void ReserveChange(ReadOnlySpan<Parameter> parameters, in GradientChange change)
    {
    }

    /// <summary>Changes gradients outside of host memory in place. They are open for a step, and dense; no two are one.</summary>
    public virtual void ChangeGradients(ReadOnlySpan<Parameter> parameters, in GradientChange change) => throw new UnreachableException();

    /// <summary>The same by a rule that measures each row.</summary>
    public abstract void PlanByRow<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target)
        where TRule : struct, IMeasuringRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>Plans the update of an average by one of this backend's parameters.</summary>
    public virtual void PlanAverage<T>(StepPlan plan, in AverageRule<T> rule, Parameter model, StateTensor average)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var values = model.Locate();
        if (average is not HostTensor host || values.IsNull)
        {
            AverageOnHost<T>.Plan(plan, rule, model, average);
            return;
        }
        plan.Add<AverageRule<T>, T>(rule, new()
        {
            Param = host.Address,
            Grad = values,
            ParamType = host.Type.Real(),
            GradType = model.ElementType.Real(),
            Count = (nint)model.Numbers,
        });
    }

    /// <summary>
    /// What whole-tensor updates of a parameter compute with, where it is. Null: they compute in host memory, in place where <see cref="HostMemory"/> says that
    /// values and gradient lie there, else on copies through <see cref="Parameter.Read"/> and <see cref="Parameter.Write"/>.
    /// </summary>
    public virtual DeviceOps? CreateDeviceOps(Parameter parameter) => null;

    /// <summary>Whether such operations, made for another parameter, are for this one, too.</summary>
    public virtual bool IsFor(DeviceOps? device, Parameter parameter) => device is null;

    /// <summary>A matrix of zeros, for a list of a parameter's state: where whole-tensor updates compute.</summary>
    public virtual StateTensor CreateMatrix(Parameter like, ReadOnlySpan<long> shape, ElementType type) => new HostTensor(shape, type);

    /// <summary>Whether the state of a parameter of this backend can be that of another one of it, as it is.</summary>
    public virtual bool AreTogether(Parameter parameter, Parameter other) => true;
}

/// <summary>A parameter in a step, and the state that its rule works with.</summary>
/// <remarks>
/// <see cref="Rows"/> says which rows the rule is for, when the gradient is sparse: the others are neither read nor written.
/// </remarks>
internal readonly struct StepTarget(Parameter parameter, HostMemory memory, ElementType gradType, TouchedRows? rows, StepFrame? frame, RuleStates states)
{
    public readonly Parameter Parameter = parameter;
    public readonly HostMemory Memory = memory;
    public readonly ElementType GradType = gradType; // of the memory's gradient: the parameter's, or the one computed in
    public readonly TouchedRows? Rows = rows;
    public readonly StepFrame? Frame = frame; // what is done around the rule, when its pass can do it
    public readonly RuleStates States = states;
}

/// <summary>The state tensors that a rule works with, by slots.</summary>
internal struct RuleStates
{
    public StateTensor? S0, S1, S2, S3, S4, S5;

    /// <summary>How the parameter itself is kept; null: as it is stored.</summary>
    public ParameterStorage? Kept;

    /// <summary>Another one whenever a parameter's rule is given other tensors than in its last step.</summary>
    public int Version;

    /// <summary>Whether one of them is kept in blocks.</summary>
    public readonly bool HasBlocks => S0 is PackedTensor || S1 is PackedTensor || S2 is PackedTensor || S3 is PackedTensor || S4 is PackedTensor || S5 is PackedTensor;
}

/// <summary>Memory of this process, computed on its processors.</summary>
internal sealed class HostBackend : Backend
{
    public static HostBackend Instance { get; } = new();

    public override bool KeepsStateOnHost => true;

    public override StateTensor CreateState(Parameter like, ReadOnlySpan<long> shape, ElementType type, BlockFormat format) =>
        format == BlockFormat.None ? new HostTensor(shape, type) : new PackedTensor(shape, format);

    public override void Plan<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target) => plan.AddParameter<TRule, T>(rule, target);

    public override void PlanMeasured<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target) => plan.AddMeasured<TRule, T>(rule, target);

    public override void PlanByRow<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target) => plan.AddByRow<TRule, T>(rule, target);
}
