using System.Numerics;

namespace OptimSharp.Kernels;

/// <summary>Owns storage and runs rules on it: host memory, or (in the adapter) tensors that host pointers can't reach.</summary>
internal abstract class Backend
{
    /// <summary>A tensor of zeros, where the parameter is.</summary>
    public abstract StateTensor CreateState(Parameter like, ReadOnlySpan<long> shape, ElementType type);

    /// <summary>Plans the update of one parameter. Nothing is changed before the plan runs.</summary>
    public abstract void Plan<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>Prepares the thread for a closure that computes gradients. Null when there is nothing to restore.</summary>
    public virtual IDisposable? EnterClosure() => null;
}

/// <summary>A parameter in a step, and the state that its rule works with.</summary>
internal readonly struct StepTarget(Parameter parameter, HostMemory memory, StateTensor? s0, StateTensor? s1, StateTensor? s2)
{
    public readonly Parameter Parameter = parameter;
    public readonly HostMemory Memory = memory;
    public readonly StateTensor? S0 = s0, S1 = s1, S2 = s2;
}

/// <summary>Memory of this process, computed on its processors.</summary>
internal sealed class HostBackend : Backend
{
    public static HostBackend Instance { get; } = new();

    public override StateTensor CreateState(Parameter like, ReadOnlySpan<long> shape, ElementType type) => new HostTensor(shape, type);

    public override void Plan<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target)
    {
        var s0 = (HostTensor?)target.S0;
        plan.Add<TRule, T>(rule, new()
        {
            Param = target.Memory.Values,
            Grad = target.Memory.Gradient,
            S0 = s0?.Address ?? default,
            S1 = ((HostTensor?)target.S1)?.Address ?? default,
            S2 = ((HostTensor?)target.S2)?.Address ?? default,
            ParamType = target.Parameter.ElementType,
            StateType = s0?.Type ?? default,
            Count = (nint)target.Parameter.Count,
        });
    }
}
