using System.Diagnostics;
using System.Runtime.CompilerServices;
using OptimSharp.Engine;
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

    internal override OptimizerOptions ForSaving() => this with { MaxEvaluations = EvaluationLimit };

    internal int EvaluationLimit => MaxEvaluations ?? (int)(MaxIterations * 5L / 4);
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
public sealed class LBFGS(IEnumerable<ParameterGroup<LBFGSOptions>> groups, LBFGSOptions? options = null) : Optimizer<LBFGSOptions>(groups, options)
{
    static readonly StateEntry[] Entries =
    [
        StateEntry.Of("func_evals", StateKind.Whole), StateEntry.Of("n_iter", StateKind.Whole), StateEntry.Tensor("d", optional: true), StateEntry.Number("t", optional: true),
        StateEntry.Of("old_dirs", StateKind.Tensors, true), StateEntry.Of("old_stps", StateKind.Tensors, true), StateEntry.Of("ro", StateKind.Numbers, true),
        StateEntry.Number("H_diag", optional: true), StateEntry.Tensor("prev_flat_grad", optional: true), StateEntry.Number("prev_loss", optional: true),
        StateEntry.Of("al", StateKind.Ignored, true),
    ];

    LBFGSStep? step; // scratch memory, kept between steps

    /// <summary>For parameters, all with the same options.</summary>
    /// <inheritdoc cref="LBFGS(IEnumerable{ParameterGroup{LBFGSOptions}}, LBFGSOptions)"/>
    public LBFGS(IEnumerable<Parameter> parameters, LBFGSOptions? options = null) : this(Group(parameters), options)
    {
    }

    internal override bool NeedsClosure => true;

    internal override bool SharesState => true;

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) =>
        parameter.Identity.Equals(ParameterGroups[0].ParameterArray[0].Identity) ? Entries : [];

    internal override StateTensor CreateState(Parameter parameter, StateEntry entry, StatePrecision precision) =>
        new HostTensor([ParameterGroups[0].ParameterArray.Sum(p => p.Numbers)], IsWide ? ElementType.Float64 : ElementType.Float32);

    internal override void CheckState(ParameterState state, StateDict from)
    {
        if (state.Find("d") is null)
            return;
        foreach (string key in (string[])["t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss"])
            _ = from[key] ?? throw from.Wrong(key, null, "there, as d is");
        int count = state.FindList("ro")!.Count;
        foreach (string key in (string[])["old_dirs", "old_stps"])
        {
            if (state.FindList(key)!.Count != count)
                throw from.Wrong(key, $"one of {state.FindList(key)!.Count}", $"a list of {count}, as ro is");
        }
    }

    bool IsWide => Array.Exists(ParameterGroups[0].ParameterArray, p => p.ElementType.Compute() == ElementType.Float64);

    /// <inheritdoc/>
    protected override void CheckGroup(ParameterGroup<LBFGSOptions> group)
    {
        if (ParameterGroups.Count > 0)
            throw new ArgumentException("LBFGS has one parameter group: its steps are of all parameters together. Put them all into one.", nameof(group));
    }

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, LBFGSOptions options) =>
        throw new UnreachableException();

    private protected override void Update() => throw new InvalidOperationException(
        "LBFGS evaluates the loss several times a step: call Step(closure), with a closure that zeroes the gradients, computes them and returns the loss.");

    private protected override TLoss UpdateWith<TLoss>(Func<TLoss> closure)
    {
        Turn.GoTo(Stage.Evaluating);
        var parameters = ParameterGroups[0].ParameterArray;
        bool has = States.TryGetValue(parameters[0].Identity, out var state);
        state ??= new ParameterState();
        TLoss first = default!;
        bool evaluated = false;
        double Evaluate()
        {
            var loss = Evaluate<TLoss>(closure);
            double value = LossValue.Read(loss);
            if (!evaluated)
                (first, evaluated) = (loss, true);
            else if (loss is IDisposable later && !ReferenceEquals(later, first))
                later.Dispose(); // nobody else will see this loss
            return value;
        }

        bool wide = IsWide;
        if (wide && step is not LBFGSStep<double>)
            step = new LBFGSStep<double>(this);
        else if (!wide && step is not LBFGSStep<float>)
            step = new LBFGSStep<float>(this);
        step!.Run(parameters, ParameterGroups[0].Options, state, Evaluate);
        if (!has)
            States.Add(parameters[0].Identity, state);
        return first;
    }
}
