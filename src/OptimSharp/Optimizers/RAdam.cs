using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="RAdam"/>.</summary>
public sealed record RAdamOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0. Default 1e-3.</summary>
    public override double LearningRate { get; init; } = 1e-3;

    /// <summary>β₁ and β₂, the decay of the averages of gradient and squared gradient; each in [0, 1). Default (0.9, 0.999).</summary>
    [Option("betas", AtLeast = 0, Below = 1)]
    public (double Beta1, double Beta2) Betas { get; init; } = (0.9, 0.999);

    /// <summary>ε, added to the denominator, ≥ 0. Default 1e-8.</summary>
    [Option("eps", AtLeast = 0)]
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>The weight decay λ, ≥ 0. Default 0.</summary>
    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; }

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

/// <summary>RAdam: Adam that goes without its denominator until enough gradients were seen to trust it.</summary>
/// <remarks>
/// <para>
/// g ← g + λθ;  m ← β₁m + (1 − β₁)g;  v ← β₂v + (1 − β₂)g²;  m̂ = m/(1 − β₁ᵗ);  ρ∞ = 2/(1 − β₂) − 1;  ρₜ = ρ∞ − 2tβ₂ᵗ/(1 − β₂ᵗ);
/// if ρₜ &gt; 5: θ ← θ − η·m̂·r·√(1 − β₂ᵗ)/(√v + ε) with r = √((ρₜ − 4)(ρₜ − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)ρₜ)); else θ ← θ − η·m̂.
/// </para>
/// <para>
/// Liu et al., "On the variance of the adaptive learning rate and beyond", 2020. Follows PyTorch 2.14: the threshold is 5 (the paper has 4), and
/// ε is added before the bias correction. With the default betas the denominator enters at step 6.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class RAdam(IEnumerable<ParameterGroup<RAdamOptions>> groups, RAdamOptions? options = null) : Optimizer<RAdamOptions>(groups, options)
{
    static readonly StateEntry ExpAvg = StateEntry.Tensor("exp_avg"), ExpAvgSq = StateEntry.Tensor("exp_avg_sq", range: StateRange.NonNegative);

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="RAdam(IEnumerable{ParameterGroup{RAdamOptions}}, RAdamOptions)"/>
    public RAdam(IEnumerable<Parameter> parameters, RAdamOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [StateEntry.Step, ExpAvg, ExpAvgSq];

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, RAdamOptions options)
    {
        double beta2 = options.Betas.Beta2, limit = 2 / (1 - beta2) - 1;
        foreach (var x in group)
        {
            long t = x.NextStep();
            double correction1 = 1 - x.Power(options.Betas.Beta1, t), power2 = x.Power(beta2, t), correction2 = 1 - power2;
            double rho = limit - 2 * t * power2 / correction2;
            if (rho > 5)
            {
                double rectification = Math.Sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho));
                x.Apply(new RAdamRule<T, On>(options, x.Rounding, rectification * Math.Sqrt(correction2) / correction1), options.Mask, options.Maximize, ExpAvg, ExpAvgSq);
            }
            else
            {
                x.Apply(new RAdamRule<T, Off>(options, x.Rounding, 1 / correction1), options.Mask, options.Maximize, ExpAvg, ExpAvgSq);
            }
        }
    }
}

readonly struct RAdamRule<T, TRectified>(RAdamOptions o, Rounding<T> rounding, double correction) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where TRectified : IChoice
{
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T decay = T.CreateChecked(o.WeightDecay);
    readonly T keep = T.CreateChecked(o.DecoupledWeightDecay ? 1 - o.LearningRate * o.WeightDecay : 1);
    readonly Rounding<T> rounding = rounding;
    readonly Lerp<T> average = new(1 - o.Betas.Beta1);
    readonly T beta2 = T.CreateChecked(o.Betas.Beta2);
    readonly T w2 = T.CreateChecked(1 - o.Betas.Beta2);
    readonly T eps = T.CreateChecked(o.Epsilon);
    readonly T stepSize = T.CreateChecked(o.LearningRate * correction);
    readonly bool decays = o.WeightDecay != 0 && !o.DecoupledWeightDecay;

    public static int Slots => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = x.Grad * L.Of(sign);
        if (decays)
            g = rounding.Of(g + L.Of(decay) * x.Param);                     // g ← g + λθ
        x.Param = rounding.Of(x.Param * L.Of(keep));                        // θ ← θ(1 − ηλ), when decoupled
        x.S0 = average.Between(x.S0, g);                                    // m ← m + (1 − β₁)(g − m)
        x.S1 = rounding.Of(L.Of(beta2) * x.S1 + L.Of(w2) * g * g);          // v ← β₂v + (1 − β₂)g²
        var step = L.Of(stepSize) * x.S0;                                   // η·m̂, rectified: η·m̂·r·√(1 − β₂ᵗ)/(√v + ε)
        if (TRectified.IsOn)
            step /= L.Sqrt(x.S1) + L.Of(eps);
        x.Step = step;                                                      // θ ← θ − step
    }
}
