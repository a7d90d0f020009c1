using System.Reflection;
using OptimSharp.Rules;
using static TorchSharp.torch;

namespace OptimSharp.Benchmarks;

/// <summary>An optimizer in the comparison: ours, and TorchSharp's with the same options.</summary>
/// <param name="Optimizer">The class.</param>
/// <param name="Ours">Makes ours.</param>
/// <param name="TorchSharp">Makes TorchSharp's; null when it has none.</param>
/// <param name="Elementwise">Whether a step only passes over memory, so that it has a roof.</param>
public sealed record Row(
    string Optimizer,
    Func<IReadOnlyList<Parameter>, Optimizer> Ours,
    Func<IEnumerable<TorchSharp.Modules.Parameter>, optim.Optimizer>? TorchSharp = null,
    bool Elementwise = true)
{
    /// <summary>Takes a step; null: without a closure.</summary>
    public Action<Optimizer, Workload>? Step { get; init; }

    /// <summary>The shapes that it is not measured on.</summary>
    public string? LeavesOut { get; init; }
}

/// <summary>Every public optimizer has a row, beside the method of <c>torch.optim</c> with its name; one with sparse gradients only is in <see cref="SparseRows"/>.</summary>
public static class Rows
{
    /// <summary>Those that are measured with more than their defaults.</summary>
    static readonly Row[] special =
    [
        new("SGD", p => new SGD(p, new() { Momentum = 0.9 }), p => optim.SGD(p, 1e-3, momentum: 0.9)),
        // ½‖x‖², so slowly that it never arrives: what is measured is the two-loop recursion and the closure's copy.
        new("LBFGS", p => new LBFGS(p, new() { LearningRate = 1e-6, MaxIterations = 1, HistorySize = 10 }), Elementwise: false)
        {
            Step = (optimizer, workload) => optimizer.Step(() =>
            {
                workload.SetGradientsToValues();
                return 1.0;
            }),
        },
        Of(typeof(Muon)) with { LeavesOut = "1x16M" }, // its 15 products of 4096 × 4096 take minutes
        Of(typeof(SOAP)) with { LeavesOut = "1x16M" }, // the eigenvectors of two matrices of 4,096 rows
        Of(typeof(NorMuon)) with { LeavesOut = "1x16M" },
        // Its authors' example; a step without decompositions, which are due every hundredth. Of 1x16M they would be of 32 matrices of 1,024 rows.
        new("Shampoo", p => new Shampoo(p, new() { MaxPreconditionerDimension = 1024, PreconditionFrequency = 100, StartPreconditioningStep = 100, Grafting = ShampooGrafting.Adam }), Elementwise: false) { LeavesOut = "1x16M" },
        new("LARS", p => new LARS(p, new() { Momentum = 0.9, WeightDecay = 1e-4 })), // without decay it is SGD
    ];

    public static IReadOnlyList<Row> All { get; } =
    [
        .. from type in typeof(Optimizer).Assembly.GetExportedTypes()
           where type.IsSubclassOf(typeof(Optimizer)) && !type.IsAbstract && type != typeof(SparseAdam) && type != typeof(CombinedOptimizer)
           orderby type.Name
           select special.FirstOrDefault(row => row.Optimizer == type.Name) ?? Of(type)
    ];

    /// <summary>The optimizer with its defaults, and with the parameters that it takes.</summary>
    static Row Of(Type optimizer)
    {
        var constructor = optimizer.GetConstructors().Single(c => c.GetParameters()[0].ParameterType == typeof(IEnumerable<Parameter>));
        bool onlyMatrices = !Takes(Parameter.Of("vector", new float[1]));
        var rule = optimizer.Assembly.GetType($"{optimizer.FullName}Rule`1");
        return new(optimizer.Name, p => Make(onlyMatrices ? p.Where(x => x.Shape.Length == 2) : p), TorchSharp(optimizer.Name),
            Elementwise: rule?.GetInterface(typeof(ITensorRule<>).Name) is null);

        Optimizer Make(IEnumerable<Parameter> parameters) =>
            (Optimizer)constructor.Invoke(BindingFlags.DoNotWrapExceptions, null, [parameters.ToArray(), null], null);

        bool Takes(Parameter parameter)
        {
            try
            {
                Make([parameter]).Dispose();
                return true;
            }
            catch (ArgumentException)
            {
                return false;
            }
        }
    }

    static Func<IEnumerable<TorchSharp.Modules.Parameter>, optim.Optimizer>? TorchSharp(string optimizer)
    {
        var method = typeof(optim).GetMethods().FirstOrDefault(m => m.Name.Equals(optimizer, StringComparison.OrdinalIgnoreCase)
            && m.GetParameters()[0].ParameterType == typeof(IEnumerable<TorchSharp.Modules.Parameter>));
        return method is null ? null : p => (optim.Optimizer)method.Invoke(null, [p, .. method.GetParameters().Skip(1).Select(x => x.DefaultValue)])!;
    }
}
