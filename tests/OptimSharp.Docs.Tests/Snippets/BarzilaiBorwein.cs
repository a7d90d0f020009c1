using System.Runtime.CompilerServices;
using OptimSharp;
using OptimSharp.Rules;

namespace Snippets; // as in a program of one's own, not below OptimSharp

/// <summary>Options of <see cref="BarzilaiBorwein"/>.</summary>
public sealed record BarzilaiBorweinOptions : OptimizerOptions
{
    public override double LearningRate { get; init; } = 1e-2;

    [Option("max_eval", AtLeast = 2)]
    public int MaxEvaluations { get; init; } = 20;
}

/// <summary>
/// Gradient descent whose step is as long as the last two gradients say (Barzilai and Borwein, "Two-point step size gradient methods", 1988), halved until the loss falls enough (Armijo,
/// 1966). The rate is the length of the first step.
/// </summary>
[method: OverloadResolutionPriority(1)]
public sealed class BarzilaiBorwein(IEnumerable<ParameterGroup<BarzilaiBorweinOptions>> groups, BarzilaiBorweinOptions? options = null)
    : ClosureOptimizer<BarzilaiBorweinOptions>(groups, options)
{
    static readonly StateEntry Gradient = StateEntry.Tensor("grad"), Length = StateEntry.Number("length");
    static readonly StateEntry[] Entries = [Gradient, Length];

    public BarzilaiBorwein(IEnumerable<OptimSharp.Parameter> parameters, BarzilaiBorweinOptions? options = null) : this(Group(parameters), options)
    {
    }

    protected override IReadOnlyList<StateEntry> StateEntries() => Entries;

    protected override void Minimize<T>(Objective<T> objective, BarzilaiBorweinOptions options)
    {
        var math = objective.Math;
        Matrices<T> x = objective.Take(), g = objective.Take(), next = objective.Take(), unused = objective.Take();
        objective.ReadParameters(x);
        double loss = objective.Evaluate(g), square = math.SumOfSquares(g), length = options.LearningRate;
        if (objective.Has(Gradient))
        {
            var before = objective.Take(); // with s = −tg' and y = g − g', the length is s·s / s·y
            objective.Read(Gradient, before);
            double own = math.SumOfSquares(before), both = math.Dot(before, g);
            if (own > both)
                length = objective.Number(Length) * own / (own - both);
        }
        while (true)
        {
            math.Copy(x, next);
            math.Apply(new AddScaledRule<T>(-length), next, g);
            objective.WriteParameters(next);
            if (objective.Evaluations >= options.MaxEvaluations || objective.Evaluate(unused) <= loss - 1e-4 * length * square)
                break;
            length /= 2;
        }
        objective.Keep(Gradient, g);
        objective.SetNumber(Length, length);
    }
}
