using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="SparseAdam"/>.</summary>
public sealed record SparseAdamOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0. Default 1e-3.</summary>
    public override double LearningRate { get; init; } = 1e-3;

    /// <summary>β₁ and β₂, the decay of the averages of gradient and squared gradient; each in [0, 1). Default (0.9, 0.999).</summary>
    [Option("betas", AtLeast = 0, Below = 1)]
    public (double Beta1, double Beta2) Betas { get; init; } = (0.9, 0.999);

    /// <summary>ε, added to the denominator, &gt; 0. Default 1e-8.</summary>
    [Option("eps", Above = 0)]
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }

    /// <inheritdoc/>
    protected override bool AllowsInfinity => true; // as PyTorch
}

/// <summary>Adam for sparse gradients: only the rows with a gradient move, and only their averages decay.</summary>
/// <remarks>
/// <para>
/// On rows with a gradient: m ← m + (1 − β₁)(g − m);  v ← v + (1 − β₂)(g² − v);  θ ← θ − η√(1 − β₂ᵗ)/(1 − β₁ᵗ) · m/(√v + ε).
/// </para>
/// <para>
/// Follows PyTorch 2.14: ε is not bias-corrected, unlike <see cref="Adam"/>'s, and t counts the parameter's steps, not the row's. A
/// gradient without rows counts as a step. A learning rate of 0, where many schedules end, is allowed here.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, a complex one, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class SparseAdam(IEnumerable<ParameterGroup<SparseAdamOptions>> groups, SparseAdamOptions? options = null) : Optimizer<SparseAdamOptions>(groups, options)
{
    static readonly StateEntry ExpAvg = StateEntry.Tensor("exp_avg"), ExpAvgSq = StateEntry.Tensor("exp_avg_sq", range: StateRange.NonNegative);

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="SparseAdam(IEnumerable{ParameterGroup{SparseAdamOptions}}, SparseAdamOptions)"/>
    public SparseAdam(IEnumerable<Parameter> parameters, SparseAdamOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [StateEntry.Step, ExpAvg, ExpAvgSq];

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, SparseAdamOptions options)
    {
        foreach (var x in group)
        {
            long t = x.NextStep();
            double correction1 = 1 - x.Power(options.Betas.Beta1, t), correction2 = 1 - x.Power(options.Betas.Beta2, t);
            x.Apply(new SparseAdamRule<T>(options, Math.Sqrt(correction2) / correction1), ExpAvg, ExpAvgSq);
        }
    }

    /// <inheritdoc/>
    protected override string? Refuses(bool sparse, SparseAdamOptions options) =>
        sparse ? null : "SparseAdam takes sparse gradients only. Adam takes dense ones.";

    /// <inheritdoc/>
    protected override void CheckParameter(Parameter parameter) => RefuseComplex(parameter, "Adam");
}

readonly struct SparseAdamRule<T>(SparseAdamOptions o, double correction) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T w1 = T.CreateChecked(1 - o.Betas.Beta1);
    readonly T w2 = T.CreateChecked(1 - o.Betas.Beta2);
    readonly T eps = T.CreateChecked(o.Epsilon);
    readonly T stepSize = T.CreateChecked(o.LearningRate * correction);

    public static int Slots => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = x.Grad * L.Of(sign);
        x.S0 += L.Of(w1) * (g - x.S0);                                      // m ← m + (1 − β₁)(g − m)
        x.S1 += L.Of(w2) * (g * g - x.S1);                                  // v ← v + (1 − β₂)(g² − v)
        x.Step = L.Of(stepSize) * (x.S0 / (L.Sqrt(x.S1) + L.Of(eps)));      // θ ← θ − η√(1 − β₂ᵗ)/(1 − β₁ᵗ) · m/(√v + ε)
    }
}
