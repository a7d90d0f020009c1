using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="Adam"/>.</summary>
public record AdamOptions : OptimizerOptions
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
    public virtual double WeightDecay { get; init; }

    /// <summary>Divides by the largest average of squared gradients so far (Reddi et al., "On the convergence of Adam and beyond", 2018). Default false.</summary>
    [Option("amsgrad")]
    public bool AMSGrad { get; init; }

    /// <summary>Which elements of the step are taken. Default: all.</summary>
    [Option("caution", Choices = [false, true, "grams"], OnlyIfSet = true)]
    public StepMask Mask { get; init; }

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }

    /// <summary>Shrinks the weights themselves, as <see cref="AdamW"/>, instead of adding the decay to the gradient. Default false.</summary>
    [Option("decoupled_weight_decay")]
    public virtual bool DecoupledWeightDecay { get; init; }

    /// <inheritdoc/>
    protected override bool AllowsInfinity => true; // as PyTorch
}

/// <summary>Adam: steps by running averages of the gradient and of its square.</summary>
/// <remarks>
/// <para>
/// g ← g + λθ;  m ← β₁m + (1 − β₁)g;  v ← β₂v + (1 − β₂)g²;
/// θ ← θ − η/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε).
/// </para>
/// <para>
/// Kingma and Ba, "Adam: a method for stochastic optimization", 2015. Follows PyTorch 2.14: ε is added after the bias
/// correction, and AMSGrad takes the maximum before it. Unlike PyTorch, AMSGrad can be switched on later.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class Adam(IEnumerable<ParameterGroup<AdamOptions>> groups, AdamOptions? options = null) : Optimizer<AdamOptions>(groups, options)
{
    static readonly StateEntry ExpAvg = StateEntry.Tensor("exp_avg"), ExpAvgSq = StateEntry.Tensor("exp_avg_sq", range: StateRange.NonNegative), MaxExpAvgSq = StateEntry.Tensor("max_exp_avg_sq", optional: true, range: StateRange.NonNegative);
    internal static readonly StateEntry[] Entries = [StateEntry.Step, ExpAvg, ExpAvgSq, MaxExpAvgSq];

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="Adam(IEnumerable{ParameterGroup{AdamOptions}}, AdamOptions)"/>
    public Adam(IEnumerable<Parameter> parameters, AdamOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Entries;

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, AdamOptions options) => Bind(group, options);

    /// <summary>Adam and AdamW differ in their options only.</summary>
    internal static void Bind<T>(GroupStep<T> group, AdamOptions options)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        foreach (var x in group)
        {
            long t = x.NextStep();
            double correction1 = 1 - x.Power(options.Betas.Beta1, t), correction2 = 1 - x.Power(options.Betas.Beta2, t);
            if (options.AMSGrad)
                x.Apply(new AdamRule<T, On>(options, x.Rounding, correction1, correction2), options.Mask, options.Maximize, ExpAvg, ExpAvgSq, MaxExpAvgSq);
            else
                x.Apply(new AdamRule<T, Off>(options, x.Rounding, correction1, correction2), options.Mask, options.Maximize, ExpAvg, ExpAvgSq);
        }
    }
}

readonly struct AdamRule<T, TAMSGrad>(AdamOptions o, Rounding<T> rounding, double correction1, double correction2) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where TAMSGrad : IChoice
{
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T decay = T.CreateChecked(o.WeightDecay);
    readonly T keep = T.CreateChecked(o.DecoupledWeightDecay ? 1 - o.LearningRate * o.WeightDecay : 1);
    readonly Rounding<T> rounding = rounding;
    readonly Lerp<T> average = new(1 - o.Betas.Beta1);
    readonly T beta2 = T.CreateChecked(o.Betas.Beta2);
    readonly T w2 = T.CreateChecked(1 - o.Betas.Beta2);
    readonly T eps = T.CreateChecked(o.Epsilon * Math.Sqrt(correction2));
    readonly T stepSize = T.CreateChecked(o.LearningRate / correction1 * Math.Sqrt(correction2));
    readonly bool decays = o.WeightDecay != 0 && !o.DecoupledWeightDecay;

    public static int Slots => TAMSGrad.IsOn ? 3 : 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = x.Grad * L.Of(sign);
        if (decays)
            g = rounding.Of(g + L.Of(decay) * x.Param);                     // g ← g + λθ
        x.Param = rounding.Of(x.Param * L.Of(keep));                        // θ ← θ(1 − ηλ), when decoupled
        x.S0 = average.Between(x.S0, g);                                    // m ← m + (1 − β₁)(g − m)
        x.S1 = rounding.Of(L.Of(beta2) * x.S1 + L.Of(w2) * g * g);          // v ← β₂v + (1 − β₂)g²
        var v = x.S1;
        if (TAMSGrad.IsOn)
            v = x.S2 = L.Max(x.S2, v);                                      // v̂ ← max(v̂, v)
        // θ ← θ − η/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε), the inner fraction multiplied out: a division is what the step's time hangs on.
        x.Step = L.Of(stepSize) * x.S0 / (L.Sqrt(v) + L.Of(eps));
    }
}
