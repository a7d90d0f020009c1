using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="Adan"/>.</summary>
public sealed record AdanOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0: five to ten times Adam's. Default 1e-3.</summary>
    public override double LearningRate { get; init; } = 1e-3;

    /// <summary>β₁, β₂ and β₃, the decay of the averages of the gradient, of its changes, and of the squares; each in [0, 1). Default (0.98, 0.92, 0.99).</summary>
    [Option("betas", AtLeast = 0, Below = 1)]
    public (double Beta1, double Beta2, double Beta3) Betas { get; init; } = (0.98, 0.92, 0.99);

    /// <summary>ε, added to the denominator, ≥ 0. Default 1e-8.</summary>
    [Option("eps", AtLeast = 0)]
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>The weight decay λ, ≥ 0. Default 0.</summary>
    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; }

    /// <summary>Shrinks the weights before the step, as <see cref="AdamW"/>, instead of dividing them by 1 + ηλ after it. Default false.</summary>
    [Option("no_prox")]
    public bool NoProximal { get; init; }

    /// <summary>The largest norm of all gradients together, ≥ 0: larger ones are made shorter by one factor, min(1, max/(norm + ε)). Default 0: any norm.</summary>
    [Option("max_grad_norm", AtLeast = 0)]
    public double MaxGradientNorm { get; init; }

    /// <summary>Which elements of the step are taken. Default: all.</summary>
    [Option("caution", Choices = [false, true, "grams"], OnlyIfSet = true)]
    public StepMask Mask { get; init; }

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }
}

/// <summary>Adan: Adam with Nesterov's momentum, by a running average of how the gradient changes.</summary>
/// <remarks>
/// <para>
/// d = g − g₋ (0 at first);  m ← β₁m + (1 − β₁)g;  e ← β₂e + (1 − β₂)d;  n ← β₃n + (1 − β₃)(g + β₂d)²;
/// θ ← (θ − η(m/(1 − β₁ᵗ) + β₂e/(1 − β₂ᵗ))/(√n/√(1 − β₃ᵗ) + ε)) / (1 + ηλ).
/// </para>
/// <para>
/// Xie et al., "Adan: adaptive Nesterov momentum algorithm for faster optimizing deep models", 2022. Follows the authors' code (sail-sg/Adan), whose β is 1 − β in the paper. Unlike there, steps are
/// counted for each parameter, not for its group: a parameter whose first gradient comes late starts as any other. Clipping is not an option here: see <see cref="TrainingStep"/> and <see cref="Gradients"/>.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, a complex one, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class Adan(IEnumerable<ParameterGroup<AdanOptions>> groups, AdanOptions? options = null) : Optimizer<AdanOptions>(groups, options)
{
    static readonly StateEntry ExpAvg = StateEntry.Tensor("exp_avg"), ExpAvgSq = StateEntry.Tensor("exp_avg_sq", range: StateRange.NonNegative);
    static readonly StateEntry ExpAvgDiff = StateEntry.Tensor("exp_avg_diff"), NegPreGrad = StateEntry.Tensor("neg_pre_grad");
    static readonly StateEntry[] Entries = [StateEntry.Step, ExpAvg, ExpAvgSq, ExpAvgDiff, NegPreGrad];

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="Adan(IEnumerable{ParameterGroup{AdanOptions}}, AdanOptions)"/>
    public Adan(IEnumerable<Parameter> parameters, AdanOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Entries;

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, AdanOptions options)
    {
        var (beta1, beta2, beta3) = options.Betas;
        double clip = options.MaxGradientNorm == 0 ? 1 : Math.Min(1, options.MaxGradientNorm / (group.GradientNorm() + options.Epsilon));
        foreach (var x in group)
        {
            long t = x.NextStep();
            double correction1 = 1 - x.Power(beta1, t), correction2 = 1 - x.Power(beta2, t), correction3 = 1 - x.Power(beta3, t);
            x.Apply(new AdanRule<T>(options, x.Rounding, clip, correction1, correction2, Math.Sqrt(correction3), first: t == 1), options.Mask, options.Maximize, ExpAvg, ExpAvgSq, ExpAvgDiff, NegPreGrad);
        }
    }

    /// <inheritdoc/>
    protected override void CheckParameter(Parameter parameter) => RefuseComplex(parameter, "NAdam");
}

readonly struct AdanRule<T>(AdanOptions o, Rounding<T> rounding, double clip, double correction1, double correction2, double sqrtCorrection3, bool first) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T sign = T.CreateChecked(o.Maximize ? -clip : clip);
    readonly T keep = T.CreateChecked(Keep(o, o.NoProximal)), shrink = T.CreateChecked(Keep(o, !o.NoProximal));
    readonly Rounding<T> rounding = rounding;
    readonly T beta1 = T.CreateChecked(o.Betas.Beta1);
    readonly T w1 = T.CreateChecked(1 - o.Betas.Beta1);
    readonly T beta2 = T.CreateChecked(o.Betas.Beta2);
    readonly T w2 = T.CreateChecked(1 - o.Betas.Beta2);
    readonly T beta3 = T.CreateChecked(o.Betas.Beta3);
    readonly T w3 = T.CreateChecked(1 - o.Betas.Beta3);
    readonly T eps = T.CreateChecked(o.Epsilon * sqrtCorrection3);
    readonly T byMean = T.CreateChecked(o.LearningRate / correction1 * sqrtCorrection3);
    readonly T byChange = T.CreateChecked(o.LearningRate * o.Betas.Beta2 / correction2 * sqrtCorrection3);
    readonly bool first = first;
    readonly bool splits = o.Mask == StepMask.None; // a mask is for the step as one

    public static int Slots => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = x.Grad * L.Of(sign);
        var d = first ? L.Of(T.Zero) : x.S3 + g;              // d = g − g₋
        x.S0 = L.Of(beta1) * x.S0 + L.Of(w1) * g;             // m ← β₁m + (1 − β₁)g
        x.S2 = L.Of(beta2) * x.S2 + L.Of(w2) * d;             // e ← β₂e + (1 − β₂)d
        var ahead = L.Of(beta2) * d + g;
        x.S1 = L.Of(beta3) * x.S1 + L.Of(w3) * ahead * ahead; // n ← β₃n + (1 − β₃)(g + β₂d)²
        x.S3 = -g;                                            // g₋ ← g
        var denominator = L.Sqrt(x.S1) + L.Of(eps);
        // θ ← (θ − η(m/(1 − β₁ᵗ) + β₂e/(1 − β₂ᵗ)) / (√n/√(1 − β₃ᵗ) + ε)) / (1 + ηλ), the inner fractions multiplied out
        x.Param = rounding.Of(x.Param * L.Of(keep));
        if (splits && rounding.IsDone<L>()) // half parameters are written after each of the two
        {
            x.Param = rounding.Of(x.Param - L.Of(byMean) * x.S0 / denominator) * L.Of(shrink);
            x.Step = L.Of(byChange) * x.S2 / denominator * L.Of(shrink);
        }
        else
        {
            x.Param *= L.Of(shrink);
            x.Step = L.Of(shrink) * (L.Of(byMean) * x.S0 + L.Of(byChange) * x.S2) / denominator;
        }
    }

    /// <summary>What is left of a weight after decay: 1 − ηλ of it before the step, or 1/(1 + ηλ) after it.</summary>
    static double Keep(AdanOptions o, bool decays) => !decays ? 1 : o.NoProximal ? 1 - o.LearningRate * o.WeightDecay : 1 / (1 + o.LearningRate * o.WeightDecay);
}
