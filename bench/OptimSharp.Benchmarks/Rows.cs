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

/// <summary>Every public optimizer has a row, here or in <see cref="SparseRows"/>; a test says which is missing.</summary>
public static class Rows
{
    public static IReadOnlyList<Row> All { get; } =
    [
        new("AdamW", p => new AdamW(p), p => optim.AdamW(p)),
        new("Adam", p => new Adam(p), p => optim.Adam(p)),
        new("SGD", p => new SGD(p, new() { Momentum = 0.9 }), p => optim.SGD(p, 1e-3, momentum: 0.9)),
        new("Adagrad", p => new Adagrad(p), p => optim.Adagrad(p)),
        new("Adadelta", p => new Adadelta(p), p => optim.Adadelta(p)),
        new("Adamax", p => new Adamax(p), p => optim.Adamax(p)),
        new("ASGD", p => new ASGD(p), p => optim.ASGD(p)),
        new("NAdam", p => new NAdam(p), p => optim.NAdam(p)),
        new("RAdam", p => new RAdam(p), p => optim.RAdam(p)),
        new("RMSprop", p => new RMSprop(p), p => optim.RMSProp(p)),
        new("Rprop", p => new Rprop(p), p => optim.Rprop(p)),
        new("Adafactor", p => new Adafactor(p), Elementwise: false),
        // ½‖x‖², so slowly that it never arrives: what is measured is the two-loop recursion and the closure's copy.
        new("LBFGS", p => new LBFGS(p, new() { LearningRate = 1e-6, MaxIterations = 1, HistorySize = 10 }), Elementwise: false)
        {
            Step = (optimizer, workload) => optimizer.Step(() =>
            {
                workload.SetGradientsToValues();
                return 1.0;
            }),
        },
        new("Muon", p => new Muon([.. p.Where(x => x.Shape.Length == 2)]), Elementwise: false)
        {
            LeavesOut = "1x16M", // its 15 products of 4096 × 4096 take minutes
        },
    ];
}
