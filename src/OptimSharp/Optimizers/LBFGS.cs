using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="LBFGS"/>.</summary>
public sealed record LBFGSOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0: the length tried first along a direction. Default 1.</summary>
    public override double LearningRate { get; init; } = 1;

    /// <summary>The iterations of a step, ≥ 1. Default 20.</summary>
    [Option("max_iter", AtLeast = 1)]
    public int MaxIterations { get; init; } = 20;

    /// <summary>The evaluations of the closure after which a step begins no other iteration, ≥ 0. Default null: 1.25 · <see cref="MaxIterations"/>, rounded down.</summary>
    [Option("max_eval", AtLeast = 0)]
    public int? MaxEvaluations { get; init; }

    /// <summary>A step ends where no element of the gradient is larger, ≥ 0. Default 1e-7.</summary>
    [Option("tolerance_grad", AtLeast = 0)]
    public double GradientTolerance { get; init; } = 1e-7;

    /// <summary>A step ends where loss or parameters change by less, ≥ 0. Default 1e-9.</summary>
    [Option("tolerance_change", AtLeast = 0)]
    public double ChangeTolerance { get; init; } = 1e-9;

    /// <summary>How many iterations are remembered, ≥ 1: two vectors of all parameters each. Default 100.</summary>
    [Option("history_size", AtLeast = 1)]
    public int HistorySize { get; init; } = 100;

    /// <summary>How far to go along a direction. Default <see cref="LineSearch.None"/>. PyTorch's <c>line_search_fn</c>.</summary>
    [Option("line_search_fn", Choices = [null, "strong_wolfe"])]
    public LineSearch LineSearch { get; init; }

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }

    /// <inheritdoc/>
    protected override OptimizerOptions ForSaving() => this with { MaxEvaluations = EvaluationLimit };

    internal int EvaluationLimit => MaxEvaluations ?? (int)(MaxIterations * 5L / 4);

    /// <inheritdoc/>
    protected override bool AllowsInfinity => true; // as PyTorch
}

/// <summary>How <see cref="LBFGS"/> finds the length of a step along a direction.</summary>
public enum LineSearch
{
    /// <summary>It takes the learning rate.</summary>
    None,

    /// <summary>It looks for a length that satisfies the strong Wolfe conditions: enough decrease, and a slope much flatter than at the start.</summary>
    StrongWolfe,
}

/// <summary>
/// L-BFGS: a quasi-Newton method for full batches, which learns the curvature from the last gradients. Each step evaluates a closure
/// several times.
/// </summary>
/// <remarks>
/// <para>
/// y = g − g', s = θ − θ' of the last iterations, H = their inverse Hessian (two loops);  d = −Hg;  θ ← θ + t·d, with t = η or found by the line
/// search.
/// </para>
/// <para>
/// Liu and Nocedal, "On the limited memory BFGS method for large scale optimization", 1989. Follows PyTorch 2.14. One group of parameters;
/// the rate is read at each step, so schedulers work. Dot products are summed in double, in one fixed order. Parameters without
/// gradient count as having a gradient of zeros.
/// </para>
/// <para>
/// Where PyTorch fails, defined: a point whose loss or slope is not a finite number counts as infinitely high in the line search, and
/// without one is left again (a warning says so); a step that starts on such a point changes no parameter. When
/// <see cref="LBFGSOptions.MaxEvaluations"/> leaves the line search nothing (it is 0 or 1; by default with one iteration), it may use 25
/// evaluations, as before PyTorch 2.7. A closure that throws leaves parameters, state and counts as before the step.
/// </para>
/// </remarks>
/// <param name="groups">A group of parameters; there can be only one.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">There are several groups, no parameters, one twice, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class LBFGS(IEnumerable<ParameterGroup<LBFGSOptions>> groups, LBFGSOptions? options = null) : ClosureOptimizer<LBFGSOptions>(groups, options)
{
    static readonly StateEntry[] Entries =
    [
        LBFGSState.Evaluations, LBFGSState.Iterations, LBFGSState.Direction, LBFGSState.Length, LBFGSState.Ys, LBFGSState.Ss, LBFGSState.Rhos,
        LBFGSState.Scale, LBFGSState.Gradient, LBFGSState.Loss, StateEntry.Ignored("al"),
    ];

    /// <summary>For parameters, all with the same options.</summary>
    /// <inheritdoc cref="LBFGS(IEnumerable{ParameterGroup{LBFGSOptions}}, LBFGSOptions)"/>
    public LBFGS(IEnumerable<Parameter> parameters, LBFGSOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries() => Entries;

    /// <inheritdoc/>
    protected override int? LongestList(StateEntry list, LBFGSOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options.HistorySize;
    }

    /// <inheritdoc/>
    protected override void Minimize<T>(Objective<T> objective, LBFGSOptions options) => new LBFGSStep<T>(objective, options).Run();

    /// <inheritdoc/>
    protected override (StateEntry Entry, string Problem)? CheckState(StateDict state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (!IsThere(LBFGSState.Direction))
            return null;
        foreach (var entry in (StateEntry[])[LBFGSState.Length, LBFGSState.Ys, LBFGSState.Ss, LBFGSState.Rhos, LBFGSState.Scale, LBFGSState.Gradient, LBFGSState.Loss])
        {
            if (!IsThere(entry))
                return (entry, "is missing");
        }
        int count = state.GetList(LBFGSState.Rhos.Key).Count;
        foreach (var entry in (StateEntry[])[LBFGSState.Ys, LBFGSState.Ss])
        {
            if (state.GetList(entry.Key).Count is var other && other != count)
                return (entry, $"must be a list of {count}, as ro is, but is one of {other}");
        }
        return null;

        bool IsThere(StateEntry entry) => state.TryGetValue(entry.Key, out object? value) && value is not null;
    }
}
