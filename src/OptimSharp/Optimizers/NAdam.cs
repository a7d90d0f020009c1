using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="NAdam"/>.</summary>
public sealed record NAdamOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0. Default 2e-3.</summary>
    public override double LearningRate { get; init; } = 2e-3;

    /// <summary>β₁ and β₂, the decay of the averages of gradient and squared gradient; each in [0, 1). Default (0.9, 0.999).</summary>
    [Option("betas", AtLeast = 0, Below = 1)]
    public (double Beta1, double Beta2) Betas { get; init; } = (0.9, 0.999);

    /// <summary>ε, added to the denominator, ≥ 0. Default 1e-8.</summary>
    [Option("eps", AtLeast = 0)]
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>The weight decay λ, ≥ 0. Default 0.</summary>
    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; }

    /// <summary>ψ, by which the momentum warms up, ≥ 0: μₜ = β₁(1 − ½ · 0.96^(tψ)). Default 4e-3.</summary>
    [Option("momentum_decay", AtLeast = 0)]
    public double MomentumDecay { get; init; } = 4e-3;

    /// <summary>Shrinks the weights themselves, as <see cref="AdamW"/> does, instead of adding the decay to the gradient. Default false.</summary>
    [Option("decoupled_weight_decay")]
    public bool DecoupledWeightDecay { get; init; }

    /// <summary>Which elements of the step are taken. Default: all.</summary>
    [Option("caution", Choices = [false, true, "grams"], OnlyIfSet = true)]
    public StepMask Mask { get; init; }

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }

    /// <inheritdoc/>
    protected override bool AllowsInfinity => true; // as PyTorch
}

/// <summary>NAdam: Adam with Nesterov's momentum, which warms up.</summary>
/// <remarks>
/// <para>
/// g ← g + λθ;  μₜ = β₁(1 − ½ · 0.96^(tψ));  M ← M·μₜ;  m ← β₁m + (1 − β₁)g;  v ← β₂v + (1 − β₂)g²;
/// θ ← θ − η((1 − μₜ)/(1 − M) · g + μₜ₊₁/(1 − M·μₜ₊₁) · m) / (√(v/(1 − β₂ᵗ)) + ε).
/// </para>
/// <para>Dozat, "Incorporating Nesterov momentum into Adam", 2016. Follows PyTorch 2.14.</para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class NAdam(IEnumerable<ParameterGroup<NAdamOptions>> groups, NAdamOptions? options = null) : Optimizer<NAdamOptions>(groups, options)
{
    static readonly StateEntry MuProduct = StateEntry.Number("mu_product", initial: 1), ExpAvg = StateEntry.Tensor("exp_avg"), ExpAvgSq = StateEntry.Tensor("exp_avg_sq", range: StateRange.NonNegative);

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="NAdam(IEnumerable{ParameterGroup{NAdamOptions}}, NAdamOptions)"/>
    public NAdam(IEnumerable<Parameter> parameters, NAdamOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [StateEntry.Step, MuProduct, ExpAvg, ExpAvgSq];

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, NAdamOptions options)
    {
        double psi = options.MomentumDecay, beta1 = options.Betas.Beta1;
        foreach (var x in group)
        {
            long t = x.NextStep();
            double mu = beta1 * (1 - 0.5 * x.Power(0.96, t * psi)), muNext = beta1 * (1 - 0.5 * x.Power(0.96, (t + 1) * psi));
            double product = x.Number(MuProduct) * mu;
            x.SetNumber(MuProduct, product);
            double byGradient = options.LearningRate * (1 - mu) / (1 - product);
            double byMomentum = options.LearningRate * muNext / (1 - product * muNext);
            double correction2 = 1 - x.Power(options.Betas.Beta2, t);
            x.Apply(new NAdamRule<T>(options, x.Rounding, byGradient, byMomentum, Math.Sqrt(correction2)), options.Mask, options.Maximize, ExpAvg, ExpAvgSq);
        }
    }
}

readonly struct NAdamRule<T>(NAdamOptions o, Rounding<T> rounding, double byGradient, double byMomentum, double sqrtCorrection2) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T decay = T.CreateChecked(o.WeightDecay);
    readonly T keep = T.CreateChecked(o.DecoupledWeightDecay ? 1 - o.LearningRate * o.WeightDecay : 1);
    readonly Rounding<T> rounding = rounding;
    readonly Lerp<T> average = new(1 - o.Betas.Beta1);
    readonly T beta2 = T.CreateChecked(o.Betas.Beta2);
    readonly T w2 = T.CreateChecked(1 - o.Betas.Beta2);
    readonly T eps = T.CreateChecked(o.Epsilon * sqrtCorrection2);
    readonly T a = T.CreateChecked(byGradient * sqrtCorrection2);
    readonly T b = T.CreateChecked(byMomentum * sqrtCorrection2);
    readonly bool decays = o.WeightDecay != 0 && !o.DecoupledWeightDecay;
    readonly bool splits = o.Mask == StepMask.None; // a mask is for the step as one

    public static int Slots => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = x.Grad * L.Of(sign);
        if (decays)
            g = rounding.Of(g + L.Of(decay) * x.Param);                     // g ← g + λθ
        x.S0 = average.Between(x.S0, g);                                    // m ← m + (1 − β₁)(g − m)
        x.S1 = rounding.Of(L.Of(beta2) * x.S1 + L.Of(w2) * g * g);          // v ← β₂v + (1 − β₂)g²
        x.Param = rounding.Of(x.Param * L.Of(keep));                        // θ ← θ(1 − ηλ), when decoupled
        // θ ← θ − η((1 − μₜ)/(1 − M) · g + μₜ₊₁/(1 − Mμₜ₊₁) · m) / (√v/√(1 − β₂ᵗ) + ε), the inner fraction multiplied out
        var denominator = L.Sqrt(x.S1) + L.Of(eps);
        if (splits && rounding.IsDone<L>()) // half parameters are written after each of the two
            (x.Param, x.Step) = (rounding.Of(x.Param - L.Of(a) * g / denominator), L.Of(b) * x.S0 / denominator);
        else
            x.Step = (L.Of(a) * g + L.Of(b) * x.S0) / denominator;
    }
}
