using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;

namespace OptimSharp.Tests.Support;

/// <summary>Rows of theories that run over everything there is.</summary>
public static class Rows
{
    /// <summary>All public optimizers, by class name.</summary>
    public static TheoryData<string> Optimizers => Where(_ => true);

    /// <summary>Those that a plain <c>Step()</c> with dense gradients drives.</summary>
    public static TheoryData<string> Steppable => Where(t => OptimizerSamples.StepsAlone(t) && OptimizerSamples.TakesDenseGradients(t));

    /// <summary>Those of them that have this option.</summary>
    public static TheoryData<string> SteppableWith(string option) =>
        Where(t => OptimizerSamples.StepsAlone(t) && OptimizerSamples.TakesDenseGradients(t) && OptimizerDriver.For(t).Options.Any(o => o.Key == option));

    /// <summary>All of them, with each element type they take.</summary>
    public static TheoryData<string, ElementType> ByType => Cross(_ => true);

    /// <summary>Those whose step treats each element by itself, with each element type they take.</summary>
    public static TheoryData<string, ElementType> ElementwiseByType => Cross(OptimizerSamples.IsElementwise);

    static TheoryData<string> Where(Func<Type, bool> which) => [.. OptimizerDriver.PublicOptimizers.Where(which).Select(t => t.Name)];

    static TheoryData<string, ElementType> Cross(Func<Type, bool> which)
    {
        var rows = new TheoryData<string, ElementType>();
        foreach (var optimizer in OptimizerDriver.PublicOptimizers.Where(which))
        {
            foreach (var type in OptimizerSamples.Types(optimizer))
                rows.Add(optimizer.Name, type);
        }
        return rows;
    }
}
