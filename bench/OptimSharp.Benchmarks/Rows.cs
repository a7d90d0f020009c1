using OptimSharp.Torch;
using static TorchSharp.torch;

namespace OptimSharp.Benchmarks;

/// <summary>An optimizer in the comparison: ours, and TorchSharp's with the same options.</summary>
/// <param name="Optimizer">The class.</param>
/// <param name="Ours">Makes ours.</param>
/// <param name="TorchSharp">Makes TorchSharp's; null when it has none.</param>
/// <param name="Elementwise">Whether a step only passes over memory, so that it has a roof.</param>
public sealed record Row(
    string Optimizer,
    Func<IReadOnlyList<TorchParameter>, Optimizer> Ours,
    Func<IEnumerable<TorchSharp.Modules.Parameter>, optim.Optimizer>? TorchSharp = null,
    bool Elementwise = true);

/// <summary>Every public optimizer that takes dense gradients and no closure has a row; a test says which is missing.</summary>
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
        new("Muon", p => new Muon([.. p.Where(x => x.Shape.Length == 2)]), Elementwise: false),
    ];
}
