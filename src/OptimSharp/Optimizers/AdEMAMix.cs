using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="AdEMAMix"/>.</summary>
public sealed record AdEMAMixOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0. Default 1e-3.</summary>
    public override double LearningRate { get; init; } = 1e-3;

    /// <summary>β₁, β₂ and β₃, the decay of the fast average, of that of squared gradients, and of the slow average; each in [0, 1). Default (0.9, 0.999, 0.9999).</summary>
    [Option("betas", AtLeast = 0, Below = 1)]
    public (double Beta1, double Beta2, double Beta3) Betas { get; init; } = (0.9, 0.999, 0.9999);

    /// <summary>α, the weight of the slow average beside the fast one, ≥ 0. Default 2.</summary>
    [Option("alpha", AtLeast = 0)]
    public double Alpha { get; init; } = 2;

    /// <summary>T, the steps in which the slow average's decay grows from β₁ to β₃, ≥ 0: about the length of the run. null, the default: it is β₃ at once.</summary>
    [Option("beta3_warmup", AtLeast = 0)]
    public int? Beta3Warmup { get; init; }

    /// <summary>T, the steps in which the slow average's weight grows from 0 to α, ≥ 0: about the length of the run. null, the default: it is α at once.</summary>
    [Option("alpha_warmup", AtLeast = 0)]
    public int? AlphaWarmup { get; init; }

    /// <summary>ε, added to the denominator, ≥ 0. Default 1e-8.</summary>
    [Option("eps", AtLeast = 0)]
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>The weight decay λ, decoupled, ≥ 0. Default 0.</summary>
    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; }

    /// <summary>Which elements of the step are taken. Default: all.</summary>
    [Option("caution", Choices = [false, true, "grams"], OnlyIfSet = true)]
    public StepMask Mask { get; init; }

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }
}

/// <summary>AdEMAMix: Adam with a second, slow average of the gradient, which remembers thousands of steps.</summary>
/// <remarks>
/// <para>
/// m ← β₁m + (1 − β₁)g;  s ← β₃(t)s + (1 − β₃(t))g;  v ← β₂v + (1 − β₂)g²;
/// θ ← θ(1 − ηλ) − η(m/(1 − β₁ᵗ) + α(t)s)/(√v/√(1 − β₂ᵗ) + ε).
/// </para>
/// <para>
/// In the first T steps α(t) = αt/T, and β₃(t) is the decay whose half-life is as far between those of β₁ and β₃.
/// </para>
/// <para>
/// Pagliardini, Ablin and Grangier, "The AdEMAMix optimizer: better, faster, older", 2024. Follows the authors' code (apple/ml-ademamix): the slow average has no bias correction, and with
/// β₁ = 0 the gradient itself is the fast one.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, a complex one, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class AdEMAMix(IEnumerable<ParameterGroup<AdEMAMixOptions>> groups, AdEMAMixOptions? options = null) : Optimizer<AdEMAMixOptions>(groups, options)
{
    static readonly StateEntry ExpAvgFast = StateEntry.Tensor("exp_avg_fast", optional: true), ExpAvgSlow = StateEntry.Tensor("exp_avg_slow"), ExpAvgSq = StateEntry.Tensor("exp_avg_sq", range: StateRange.NonNegative);
    static readonly StateEntry[] Entries = [StateEntry.Step, ExpAvgFast, ExpAvgSlow, ExpAvgSq];

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="AdEMAMix(IEnumerable{ParameterGroup{AdEMAMixOptions}}, AdEMAMixOptions)"/>
    public AdEMAMix(IEnumerable<Parameter> parameters, AdEMAMixOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Entries;

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, AdEMAMixOptions options)
    {
        var (beta1, beta2, beta3) = options.Betas;
        foreach (var x in group)
        {
            long t = x.NextStep();
            double correction1 = 1 - x.Power(beta1, t), correction2 = 1 - x.Power(beta2, t);
            double alpha = t < options.AlphaWarmup ? (double)t / options.AlphaWarmup.Value * options.Alpha : options.Alpha;
            double slow = t < options.Beta3Warmup ? Between(x, beta1, beta3, (double)t / options.Beta3Warmup.Value) : beta3;
            if (beta1 != 0)
                x.Apply(new AdEMAMixRule<T, On>(options, correction1, correction2, alpha, slow), options.Mask, options.Maximize, ExpAvgSlow, ExpAvgSq, ExpAvgFast);
            else
                x.Apply(new AdEMAMixRule<T, Off>(options, correction1, correction2, alpha, slow), options.Mask, options.Maximize, ExpAvgSlow, ExpAvgSq);
        }
    }

    /// <inheritdoc/>
    protected override void CheckParameter(Parameter parameter) => RefuseComplex(parameter, "Adam");

    /// <summary>The decay whose half-life is a part <paramref name="a"/> of the way from that of one to that of another.</summary>
    static double Between<T>(ParameterStep<T> x, double from, double to, double a)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        return x.Power(0.5, 1 / ((1 - a) * HalfLife(x, from) + a * HalfLife(x, to) + 1));

        // After how many steps more than one a weight is half as large. 1e-8 is the authors': β may be 0.
        static double HalfLife(ParameterStep<T> x, double beta) => x.Log(0.5) / x.Log(beta + 1e-8) - 1;
    }
}

readonly struct AdEMAMixRule<T, TFast>(AdEMAMixOptions o, double correction1, double correction2, double alpha, double beta3) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where TFast : IChoice
{
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T keep = T.CreateChecked(1 - o.LearningRate * o.WeightDecay);
    readonly T beta1 = T.CreateChecked(o.Betas.Beta1);
    readonly T w1 = T.CreateChecked(1 - o.Betas.Beta1);
    readonly T beta2 = T.CreateChecked(o.Betas.Beta2);
    readonly T w2 = T.CreateChecked(1 - o.Betas.Beta2);
    readonly T beta3 = T.CreateChecked(beta3);
    readonly T w3 = T.CreateChecked(1 - beta3);
    readonly T eps = T.CreateChecked(o.Epsilon * Math.Sqrt(correction2));
    readonly T byFast = T.CreateChecked(o.LearningRate / correction1 * Math.Sqrt(correction2));
    readonly T bySlow = T.CreateChecked(o.LearningRate * alpha * Math.Sqrt(correction2));

    public static int Slots => TFast.IsOn ? 3 : 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        L g = x.Grad * L.Of(sign), fast = g;
        if (TFast.IsOn)
            fast = x.S2 = L.Of(beta1) * x.S2 + L.Of(w1) * g; // m ← β₁m + (1 − β₁)g
        x.S0 = L.Of(beta3) * x.S0 + L.Of(w3) * g;            // s ← β₃s + (1 − β₃)g
        x.S1 = L.Of(beta2) * x.S1 + L.Of(w2) * g * g;        // v ← β₂v + (1 − β₂)g²
        x.Param *= L.Of(keep);                               // θ ← θ(1 − ηλ)
        // θ ← θ − η(m/(1 − β₁ᵗ) + αs) / (√v/√(1 − β₂ᵗ) + ε), the inner fractions multiplied out
        x.Step = (L.Of(byFast) * fast + L.Of(bySlow) * x.S0) / (L.Sqrt(x.S1) + L.Of(eps));
    }
}
