using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="AdaBelief"/>.</summary>
public sealed record AdaBeliefOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0. Default 1e-3.</summary>
    public override double LearningRate { get; init; } = 1e-3;

    /// <summary>β₁ and β₂, the decay of the averages of gradient and squared surprise; each in [0, 1). Default (0.9, 0.999).</summary>
    [Option("betas", AtLeast = 0, Below = 1)]
    public (double Beta1, double Beta2) Betas { get; init; } = (0.9, 0.999);

    /// <summary>ε, added to the average of squares at each step, and to the denominator, ≥ 0. Default 1e-16.</summary>
    [Option("eps", AtLeast = 0)]
    public double Epsilon { get; init; } = 1e-16;

    /// <summary>The weight decay λ, ≥ 0. Default 0.</summary>
    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; }

    /// <summary>Divides by the largest average of squares so far. Default false.</summary>
    [Option("amsgrad")]
    public bool AMSGrad { get; init; }

    /// <summary>Shrinks the weights themselves, as <see cref="AdamW"/>, instead of adding the decay to the gradient. Default true.</summary>
    [Option("weight_decouple")]
    public bool DecoupledWeightDecay { get; init; } = true;

    /// <summary>Does not multiply the decoupled decay by the rate: θ ← θ(1 − λ). Default false.</summary>
    [Option("fixed_decay")]
    public bool FixedDecay { get; init; }

    /// <summary>Waits until the average of squares can be relied on, as <see cref="RAdam"/>. Default true.</summary>
    [Option("rectify")]
    public bool Rectify { get; init; } = true;

    /// <summary>Steps by the average gradient while it waits, as <see cref="SGD"/> would; false: it only decays. Default true.</summary>
    [Option("degenerated_to_sgd")]
    public bool DegeneratedToSGD { get; init; } = true;

    /// <summary>Which elements of the step are taken. Default: all.</summary>
    [Option("caution", Choices = [false, true, "grams"], OnlyIfSet = true)]
    public StepMask Mask { get; init; }

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }
}

/// <summary>AdaBelief: Adam that divides by how far gradients are from their average: long steps where they are as believed.</summary>
/// <remarks>
/// <para>
/// m ← β₁m + (1 − β₁)g;  s ← β₂s + (1 − β₂)(g − m)² + ε;  θ ← θ − η/(1 − β₁ᵗ) · m / (√s/√(1 − β₂ᵗ) + ε). Rectified: θ ← θ − ηr · m / (√s + ε) with ρ∞ = 2/(1 − β₂) − 1, ρ = ρ∞ − 2tβ₂ᵗ/(1 − β₂ᵗ) and
/// r = √((1 − β₂ᵗ)(ρ − 4)(ρ − 2)ρ∞/((ρ∞ − 4)(ρ∞ − 2)ρ))/(1 − β₁ᵗ); while ρ &lt; 5: θ ← θ − η/(1 − β₁ᵗ) · m.
/// </para>
/// <para>
/// Zhuang et al., "AdaBelief optimizer: adapting stepsizes by the belief in observed gradients", 2020. Follows the authors' package, adabelief-pytorch 0.2.1: ε stays in s, and is there anew at each step.
/// Unlike there, AMSGrad works with rectification too, and each group rectifies by its own betas.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, a complex one, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class AdaBelief(IEnumerable<ParameterGroup<AdaBeliefOptions>> groups, AdaBeliefOptions? options = null) : Optimizer<AdaBeliefOptions>(groups, options)
{
    static readonly StateEntry ExpAvg = StateEntry.Tensor("exp_avg"), ExpAvgVar = StateEntry.Tensor("exp_avg_var", range: StateRange.NonNegative), MaxExpAvgVar = StateEntry.Tensor("max_exp_avg_var", optional: true, range: StateRange.NonNegative);
    static readonly StateEntry[] Entries = [StateEntry.Step, ExpAvg, ExpAvgVar, MaxExpAvgVar];

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="AdaBelief(IEnumerable{ParameterGroup{AdaBeliefOptions}}, AdaBeliefOptions)"/>
    public AdaBelief(IEnumerable<Parameter> parameters, AdaBeliefOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Entries;

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, AdaBeliefOptions options)
    {
        double beta2 = options.Betas.Beta2, limit = 2 / (1 - beta2) - 1;
        foreach (var x in group)
        {
            long t = x.NextStep();
            double correction1 = 1 - x.Power(options.Betas.Beta1, t), power2 = x.Power(beta2, t), correction2 = 1 - power2;
            double rho = limit - 2 * t * power2 / correction2;
            if (!options.Rectify)
                Apply<T, On>(x, options, Math.Sqrt(correction2) / correction1, Math.Sqrt(correction2));
            else if (rho >= 5)
                Apply<T, On>(x, options, Math.Sqrt(correction2 * (rho - 4) / (limit - 4) * (rho - 2) / rho * limit / (limit - 2)) / correction1, 1);
            else
                Apply<T, Off>(x, options, options.DegeneratedToSGD ? 1 / correction1 : 0, 1);
        }
    }

    static void Apply<T, TAdapts>(ParameterStep<T> x, AdaBeliefOptions options, double correction, double byEpsilon)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TAdapts : IChoice
    {
        if (options.AMSGrad)
            x.Apply(new AdaBeliefRule<T, TAdapts, On>(options, x.Rounding, correction, byEpsilon), options.Mask, options.Maximize, ExpAvg, ExpAvgVar, MaxExpAvgVar);
        else
            x.Apply(new AdaBeliefRule<T, TAdapts, Off>(options, x.Rounding, correction, byEpsilon), options.Mask, options.Maximize, ExpAvg, ExpAvgVar);
    }

    /// <inheritdoc/>
    protected override void CheckParameter(Parameter parameter) => RefuseComplex(parameter, "Adam");
}

readonly struct AdaBeliefRule<T, TAdapts, TAMSGrad>(AdaBeliefOptions o, Rounding<T> rounding, double correction, double byEpsilon) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where TAdapts : IChoice
    where TAMSGrad : IChoice
{
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T decay = T.CreateChecked(o.WeightDecay);
    readonly T keep = T.CreateChecked(!o.DecoupledWeightDecay ? 1 : o.FixedDecay ? 1 - o.WeightDecay : 1 - o.LearningRate * o.WeightDecay);
    readonly T beta1 = T.CreateChecked(o.Betas.Beta1);
    readonly T w1 = T.CreateChecked(1 - o.Betas.Beta1);
    readonly T beta2 = T.CreateChecked(o.Betas.Beta2);
    readonly T w2 = T.CreateChecked(1 - o.Betas.Beta2);
    readonly T eps = T.CreateChecked(o.Epsilon);
    readonly T floor = T.CreateChecked(o.Epsilon * byEpsilon);
    readonly T stepSize = T.CreateChecked(o.LearningRate * correction);
    readonly Rounding<T> rounding = rounding;
    readonly bool decays = o.WeightDecay != 0 && !o.DecoupledWeightDecay;

    public static int Slots => TAMSGrad.IsOn ? 3 : 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = x.Grad * L.Of(sign);
        if (decays)
            g += L.Of(decay) * x.Param;                                   // g ← g + λθ
        x.Param = rounding.Of(x.Param * L.Of(keep));                      // θ ← θ(1 − ηλ), when decoupled
        x.S0 = L.Of(beta1) * x.S0 + L.Of(w1) * g;                         // m ← β₁m + (1 − β₁)g
        var d = g - x.S0;
        var s = x.S1 = L.Of(beta2) * x.S1 + L.Of(w2) * d * d + L.Of(eps); // s ← β₂s + (1 − β₂)(g − m)² + ε
        if (TAMSGrad.IsOn)
            s = x.S2 = L.Max(x.S2, s);                                    // ŝ ← max(ŝ, s)
        var step = L.Of(stepSize) * x.S0;
        if (TAdapts.IsOn)
            step /= L.Sqrt(s) + L.Of(floor);                              // η/(1 − β₁ᵗ) · m / (√s/√(1 − β₂ᵗ) + ε), multiplied out
        x.Step = step;                                                    // θ ← θ − step
    }
}
