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

    /// <summary>All of them, with each element type they take.</summary>
    public static TheoryData<string, ElementType> ByType => Cross(_ => true);

    /// <summary>Those whose step treats each element by itself, with each element type they take.</summary>
    public static TheoryData<string, ElementType> ElementwiseByType => Cross(OptimizerSamples.IsElementwise);

    /// <summary>Those that take vectors and matrices in several groups.</summary>
    public static TheoryData<string> Grouping => Where(t => t.Name is not ("LBFGS" or "Muon"));

    /// <summary>Those that can maximize.</summary>
    public static TheoryData<string> Maximizing => Where(t => Has(t, "maximize"));

    /// <summary>Those of <see cref="Grouping"/> that can decay weights.</summary>
    public static TheoryData<string> Decaying => Where(t => Has(t, "weight_decay") && t.Name != "Muon");

    /// <summary>Those that a plain <c>Step()</c> drives and that take complex parameters.</summary>
    public static TheoryData<string> Complex => Where(t => OptimizerSamples.Types(t).Contains(ElementType.Complex64) && OptimizerSamples.StepsAlone(t));

    static bool Has(Type optimizer, string option) => OptimizerDriver.For(optimizer).Options.Any(o => o.Key == option);

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
