using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="StableAdamW"/>.</summary>
public sealed record StableAdamWOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0. Default 1e-3.</summary>
    public override double LearningRate { get; init; } = 1e-3;

    /// <summary>β₁, the decay of the average of the gradient, in [0, 1). Default 0.9.</summary>
    [Option("beta1", AtLeast = 0, Below = 1)]
    public double Beta1 { get; init; } = 0.9;

    /// <summary>β₂, the decay of the average of the squared gradient, in [0, 1). Default 0.99.</summary>
    [Option("beta2", AtLeast = 0, Below = 1)]
    public double Beta2 { get; init; } = 0.99;

    /// <summary>ε, added to the denominator, ≥ 0. Default 1e-6.</summary>
    [Option("eps", AtLeast = 0)]
    public double Epsilon { get; init; } = 1e-6;

    /// <summary>The weight decay λ, ≥ 0. Default 0.01.</summary>
    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; } = 1e-2;

    /// <summary>Decays by λη̃/η₀ instead of λη̃, where η₀ is the rate in the optimizer's own options: then the decay does not depend on how large rates are. Default false.</summary>
    [Option("decouple_lr")]
    public bool DecoupleLearningRate { get; init; }

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }
}

/// <summary>AdamW that steps less where its averages do not know the gradients yet.</summary>
/// <remarks>
/// <para>
/// β̂ = β(1 − βᵗ⁻¹)/(1 − βᵗ), for both;  m ← β̂₁m + (1 − β̂₁)g;  v ← β̂₂v + (1 − β̂₂)g²;  η̃ = η/max(1, √mean(g²/max(v, ε²))) for each tensor;
/// θ ← θ(1 − η̃λ) − η̃·m/(√v + ε).
/// </para>
/// <para>
/// Wortsman et al., "Stable and low-precision training for large-scale vision-language models", 2023, arXiv 2304.13013. Follows the code of warner-benjamin/optimi, in which the averages need no correction: β̂ is 0 at
/// first. Unlike there, steps are counted for each parameter, and gradients stay as they are.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, a complex one, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class StableAdamW(IEnumerable<ParameterGroup<StableAdamWOptions>> groups, StableAdamWOptions? options = null) : Optimizer<StableAdamWOptions>(groups, options)
{
    static readonly StateEntry ExpAvg = StateEntry.Tensor("exp_avg"), ExpAvgSq = StateEntry.Tensor("exp_avg_sq", range: StateRange.NonNegative);
    static readonly StateEntry[] Entries = [StateEntry.Step, ExpAvg, ExpAvgSq, StateEntry.Ignored("eps_sq"), StateEntry.Ignored("kahan_comp"), StateEntry.Ignored("mean_square")];

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="StableAdamW(IEnumerable{ParameterGroup{StableAdamWOptions}}, StableAdamWOptions)"/>
    public StableAdamW(IEnumerable<Parameter> parameters, StableAdamWOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Entries;

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, StableAdamWOptions options)
    {
        double peak = options.DecoupleLearningRate && Defaults.LearningRate > 0 ? Defaults.LearningRate : 1;
        foreach (var x in group)
        {
            long t = x.NextStep();
            double power1 = x.Power(options.Beta1, t), power2 = x.Power(options.Beta2, t);
            double beta1 = (power1 - options.Beta1) / (power1 - 1), beta2 = (power2 - options.Beta2) / (power2 - 1);
            x.ApplyMeasured(new StableAdamWRule<T>(options, x.Rounding, beta1, beta2, options.WeightDecay / peak), ExpAvg, ExpAvgSq);
        }
    }

    /// <inheritdoc/>
    protected override void CheckParameter(Parameter parameter) => RefuseComplex(parameter, "AdamW");
}

struct StableAdamWRule<T>(StableAdamWOptions o, Rounding<T> rounding, double beta1, double beta2, double decay) : IMeasuringRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly double rate = o.LearningRate, decay = decay;
    readonly Rounding<T> rounding = rounding;
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly Lerp<T> average = new(1 - beta1);
    readonly T beta2 = T.CreateChecked(beta2);
    readonly T w2 = T.CreateChecked(1 - beta2);
    readonly T eps = T.CreateChecked(o.Epsilon), square = T.CreateChecked(o.Epsilon * o.Epsilon);
    T keep = T.One;
    T stepSize = T.Zero;

    public static int Slots => 2;

    public static int Sums => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Measure<L>(ref Cell<L> x, ref CellSums<L> sums) where L : struct, ILane<L, T> =>
        sums.Sum0 = x.Grad * x.Grad / L.Max(Square(x), L.Of(square));           // g²/max(v, ε²)

    public void Take(in MeasuredSums sums)
    {
        double size = Math.Sqrt(sums[0] / sums.Count), stable = size > 1 ? rate / size : rate; // also where it is no number
        keep = T.CreateChecked(1 - stable * decay);
        stepSize = T.CreateChecked(stable);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        x.S0 = average.Between(x.S0, x.Grad * L.Of(sign));                      // m ← m + (1 − β̂₁)(g − m)
        x.S1 = Square(x);                                                       // v ← β̂₂v + (1 − β̂₂)g²
        x.Param = rounding.Of(x.Param * L.Of(keep));                            // θ ← θ(1 − η̃λ)
        x.Step = L.Of(stepSize) * x.S0 / (L.Sqrt(x.S1) + L.Of(eps));            // θ ← θ − η̃ · m/(√v + ε)
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    readonly L Square<L>(in Cell<L> x) where L : struct, ILane<L, T> => rounding.Of(rounding.Of(L.Of(beta2) * x.S1) + L.Of(w2) * x.Grad * x.Grad);
}
