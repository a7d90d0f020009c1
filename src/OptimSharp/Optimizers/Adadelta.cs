using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="Adadelta"/>.</summary>
public sealed record AdadeltaOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0. Default 1.</summary>
    public override double LearningRate { get; init; } = 1;

    /// <summary>ρ, the decay of both running averages, in [0, 1]. Default 0.9.</summary>
    [Option("rho", AtLeast = 0, AtMost = 1)]
    public double Rho { get; init; } = 0.9;

    /// <summary>ε, added inside both roots, ≥ 0. Default 1e-6.</summary>
    [Option("eps", AtLeast = 0)]
    public double Epsilon { get; init; } = 1e-6;

    /// <summary>The weight decay λ (L2 penalty, added to the gradient), ≥ 0. Default 0.</summary>
    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; }

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }

    /// <inheritdoc/>
    protected override bool AllowsInfinity => true; // as PyTorch
}

/// <summary>Adadelta: steps as large as recent steps were, for their gradients. Needs hardly any learning rate.</summary>
/// <remarks>
/// <para>
/// g ← g + λθ;  s ← ρs + (1 − ρ)g²;  Δ = √(a + ε)/√(s + ε) · g;  a ← ρa + (1 − ρ)Δ²;  θ ← θ − ηΔ.
/// </para>
/// <para>
/// Zeiler, "ADADELTA: an adaptive learning rate method", 2012. Follows PyTorch 2.14, which has a learning rate (the paper's is 1).
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class Adadelta(IEnumerable<ParameterGroup<AdadeltaOptions>> groups, AdadeltaOptions? options = null) : Optimizer<AdadeltaOptions>(groups, options)
{
    static readonly StateEntry SquareAvg = StateEntry.Tensor("square_avg", range: StateRange.NonNegative), AccDelta = StateEntry.Tensor("acc_delta", range: StateRange.NonNegative);

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="Adadelta(IEnumerable{ParameterGroup{AdadeltaOptions}}, AdadeltaOptions)"/>
    public Adadelta(IEnumerable<Parameter> parameters, AdadeltaOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [StateEntry.Step, SquareAvg, AccDelta];

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, AdadeltaOptions options)
    {
        foreach (var x in group)
        {
            x.NextStep();
            x.Apply(new AdadeltaRule<T>(options, x.Rounding), SquareAvg, AccDelta);
        }
    }
}

readonly struct AdadeltaRule<T>(AdadeltaOptions o, Rounding<T> rounding) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly Rounding<T> rounding = rounding;
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T decay = T.CreateChecked(o.WeightDecay);
    readonly T rho = T.CreateChecked(o.Rho);
    readonly T w = T.CreateChecked(1 - o.Rho);
    readonly T eps = T.CreateChecked(o.Epsilon);
    readonly T lr = T.CreateChecked(o.LearningRate);
    readonly bool decays = o.WeightDecay != 0;

    public static int Slots => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = x.Grad * L.Of(sign);
        if (decays)
            g = rounding.Of(g + L.Of(decay) * x.Param);                     // g ← g + λθ
        x.S0 = L.Of(rho) * x.S0 + L.Of(w) * g * g;                          // s ← ρs + (1 − ρ)g²
        var std = L.Sqrt(x.S0 + L.Of(eps));
        var delta = L.Sqrt(x.S1 + L.Of(eps)) / std * g;                     // Δ = √(a + ε)/√(s + ε) · g
        x.S1 = L.Of(rho) * x.S1 + L.Of(w) * delta * delta;                  // a ← ρa + (1 − ρ)Δ²
        x.Step = L.Of(lr) * delta;                                          // θ ← θ − ηΔ
    }
}
