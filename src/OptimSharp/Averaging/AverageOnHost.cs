using System.Numerics;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>An average and a model's tensor of which one is not in host memory: they are copied there, and the average back.</summary>
static unsafe class AverageOnHost<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public static void Plan(StepPlan plan, AverageRule<T> rule, Parameter model, StateTensor average) => plan.Add(() =>
    {
        using HostTensor old = new([model.Numbers], Storage.Of<T>()), current = new([model.Numbers], Storage.Of<T>());
        average.Read((T*)old.Start);
        model.Read((T*)current.Start, ofGradient: false);
        ElementwiseKernel<AverageRule<T>, T>.Run<Off>(rule, (T*)old.Start, (T*)current.Start, (nint)model.Numbers, Execution.UsesWideLanes);
        average.Write((T*)old.Start);
    });
}
