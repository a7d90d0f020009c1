using System.Numerics;
using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp.Cuda.Tests;

/// <summary>Runs rules on the host, and records each with the coefficients that it had.</summary>
sealed class RecordingBackend(string from, Action<RecordedStep> found) : Backend
{
    public override StateTensor CreateState(Parameter like, ReadOnlySpan<long> shape, ElementType type, BlockFormat format) => HostBackend.Instance.CreateState(like, shape, type, format);

    public override void Plan<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target)
    {
        found(RecordedStep.Of<TRule, T>(from, rule, TypesOf(target)));
        plan.AddParameter<TRule, T>(rule, target);
    }

    public override void PlanMeasured<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target) =>
        plan.AddMeasured<Measured<TRule, T>, T>(new(rule, from, TypesOf(target), found), target);

    public override void PlanByRow<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target) =>
        plan.AddByRow<Measured<TRule, T>, T>(new(rule, from, TypesOf(target), found), target); // takes on several threads

    static KernelTypes TypesOf(in StepTarget target)
    {
        var param = target.Parameter.ElementType.Real();
        return new(param, target.GradType.Real(), target.States.S0?.Type.Real() ?? param);
    }

    /// <summary>A measuring rule that is recorded when it has its sums.</summary>
    struct Measured<TRule, T>(TRule rule, string from, KernelTypes types, Action<RecordedStep> found) : IMeasuringRule<T>
        where TRule : struct, IMeasuringRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        TRule rule = rule;

        public static int Slots => TRule.Slots;

        public static int Sums => TRule.Sums;

        public static int MeasuredSlots => TRule.MeasuredSlots;

        public readonly void Measure<L>(ref Cell<L> x, ref CellSums<L> sums) where L : struct, ILane<L, T> => rule.Measure(ref x, ref sums);

        public void Take(in MeasuredSums sums)
        {
            rule.Take(sums);
            var step = RecordedStep.Of<TRule, T>(from, rule, types);
            lock (found)
                found(step);
        }

        public readonly void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> => rule.Update(ref x);
    }
}

/// <summary>A host parameter whose rules another backend runs.</summary>
sealed class ObservedParameter(Parameter parameter, Backend backend) : Parameter(parameter.Name, parameter.Shape, parameter.ElementType)
{
    public override bool HasGradient => parameter.HasGradient;

    internal override Backend Backend => backend;

    internal override object Identity => parameter.Identity;

    internal override bool BeginStep(GradientUse use, out HostMemory memory) => parameter.BeginStep(use, out memory);

    internal override void EndStep() => parameter.EndStep();

    internal override unsafe void TakeGradient(byte* from) => parameter.TakeGradient(from);

    internal override unsafe void Read<T>(T* to, bool ofGradient) => parameter.Read(to, ofGradient);

    internal override unsafe void Write<T>(T* from) => parameter.Write(from);

    internal override Address Locate() => parameter.Locate();

    internal override void ZeroGrad(bool setToNull) => parameter.ZeroGrad(setToNull);
}
