using OptimSharp.Engine;

namespace OptimSharp.Cuda;

/// <summary>A parameter whose numbers may be in a device's memory, row by row.</summary>
internal interface ICudaPlaced
{
    /// <summary>Where it is during a step, and its gradient; null: they lie otherwise.</summary>
    ParameterPlace? Place { get; }
}

/// <summary>Parameters on a device with state in host memory: elementwise rules take them in blocks.</summary>
/// <param name="device">The device.</param>
/// <param name="inner">What works on their gradients there.</param>
internal sealed class CudaOffload(CudaDevice device, Backend inner) : OffloadBackend(inner)
{
    readonly Streaming streaming = new(device);

    /// <summary>The plan's key for what goes in blocks.</summary>
    sealed record Streaming(CudaDevice Device);

    public override void Plan<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target)
    {
        if (target.Rows is not null || !target.Memory.Gradient.IsNull || ((ICudaPlaced)target.Parameter).Place is not { } place)
        {
            base.Plan<TRule, T>(plan, rule, target);
            return;
        }
        CheckStates(target);
        plan.Collected(streaming, static key => new StreamedStep(key.Device)).Plan<TRule, T>(rule, target, place);
    }
}
