using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="LAMB"/>.</summary>
public sealed record LAMBOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0: how long a step is, of the length of the weights. Default 1e-3.</summary>
    public override double LearningRate { get; init; } = 1e-3;

    /// <summary>Corrects the averages for their start at zero. Default true.</summary>
    [Option("bias_correction")]
    public bool BiasCorrection { get; init; } = true;

    /// <summary>β₁ and β₂, the decay of the averages of gradient and squared gradient; each in [0, 1). Default (0.9, 0.999).</summary>
    [Option("betas", AtLeast = 0, Below = 1)]
    public (double Beta1, double Beta2) Betas { get; init; } = (0.9, 0.999);

    /// <summary>ε, added to the denominator, ≥ 0. Default 1e-6.</summary>
    [Option("eps", AtLeast = 0)]
    public double Epsilon { get; init; } = 1e-6;

    /// <summary>The weight decay λ, ≥ 0. Default 0.01. Where it is 0, steps are <see cref="Adam"/>'s, unless <see cref="AlwaysAdapt"/> is set.</summary>
    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; } = 0.01;

    /// <summary>Whether the gradient enters its average with the weight 1 − β₁, instead of 1. Default true.</summary>
    [Option("grad_averaging")]
    public bool GradientAveraging { get; init; } = true;

    /// <summary>The largest norm of all gradients together, &gt; 0: larger ones are made shorter by one factor. null: none. Default 1.</summary>
    [Option("max_grad_norm", Above = 0)]
    public double? MaxGradientNorm { get; init; } = 1;

    /// <summary>Lets the trust ratio make steps shorter, not longer (LAMBC). Default false.</summary>
    [Option("trust_clip")]
    public bool TrustClip { get; init; }

    /// <summary>Adapts groups without weight decay, too. Default false.</summary>
    [Option("always_adapt")]
    public bool AlwaysAdapt { get; init; }

    /// <summary>Steps only where Adam's direction goes down the gradient (<see cref="Cautious{TRule, T}"/>). Default false.</summary>
    [Option("caution")]
    public bool Caution { get; init; }

    /// <summary>Shrinks the weights themselves, as <see cref="AdamW"/>, instead of adding the decay to the step. Default false.</summary>
    [Option("decoupled_decay")]
    public bool DecoupledDecay { get; init; }

    /// <summary>Decays by η²/η₀ instead of η, where η₀ is the rate in the optimizer's own options; with <see cref="DecoupledDecay"/>. Default false.</summary>
    [Option("corrected_weight_decay")]
    public bool CorrectedWeightDecay { get; init; }

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }

    internal bool Adapts => WeightDecay != 0 || AlwaysAdapt;
}

/// <summary>LAMB: Adam's direction, as long as the weights of its tensor.</summary>
/// <remarks>
/// <para>
/// g ← g/max(1, ‖all g‖/c);  m ← β₁m + (1 − β₁)g;  v ← β₂v + (1 − β₂)g²;
/// u = m/(1 − β₁ᵗ) / (√v/√(1 − β₂ᵗ) + ε) + λθ;  θ ← θ − η·‖θ‖/‖u‖·u, the ratio 1 where a norm is 0.
/// </para>
/// <para>
/// You et al., "Large batch optimization for deep learning: training BERT in 76 minutes", 2020. Follows timm's, which is NVIDIA's: groups without weight decay (biases, gains) are not adapted.
/// Unlike timm's, steps are counted for each parameter, gradients stay as they are, and the largest norm is a group's own.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class LAMB(IEnumerable<ParameterGroup<LAMBOptions>> groups, LAMBOptions? options = null) : Optimizer<LAMBOptions>(groups, options)
{
    static readonly StateEntry ExpAvg = StateEntry.Tensor("exp_avg"), ExpAvgSq = StateEntry.Tensor("exp_avg_sq", range: StateRange.NonNegative);
    static readonly StateEntry[] Entries = [StateEntry.Step, ExpAvg, ExpAvgSq];

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="LAMB(IEnumerable{ParameterGroup{LAMBOptions}}, LAMBOptions)"/>
    public LAMB(IEnumerable<Parameter> parameters, LAMBOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Entries;

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, LAMBOptions options)
    {
        // √v is not linear in the gradient's factor, so the norm is needed before anything can be measured of the step.
        double factor = options.MaxGradientNorm is { } most ? 1 / Math.Max(group.GradientNorm() / most, 1) : 1;
        double rate = options.LearningRate, peak = Defaults.LearningRate;
        double shrinks = !options.DecoupledDecay ? 0 : options.WeightDecay * (options.CorrectedWeightDecay && peak > 0 ? rate * rate / peak : rate);
        foreach (var x in group)
        {
            long t = x.NextStep();
            double correction1 = options.BiasCorrection ? 1 - x.Power(options.Betas.Beta1, t) : 1;
            double correction2 = options.BiasCorrection ? 1 - x.Power(options.Betas.Beta2, t) : 1;
            if (options.Caution)
                x.ApplyMeasured(new LAMBRule<T, On>(options, x.Rounding, factor, shrinks, correction1, correction2), ExpAvg, ExpAvgSq);
            else if (options.Adapts)
                x.ApplyMeasured(new LAMBRule<T, Off>(options, x.Rounding, factor, shrinks, correction1, correction2), ExpAvg, ExpAvgSq);
            else
                x.Apply(new WithoutSums<LAMBRule<T, Off>, T>(new(options, x.Rounding, factor, shrinks, correction1, correction2)), ExpAvg, ExpAvgSq);
        }
    }
}

/// <summary>
/// The step is s·(a·mask·m/(√v + ε′) + λθ). While sums are taken, s and the mask's scale are 1; where nothing is to be measured, s is the rate from the beginning.
/// </summary>
struct LAMBRule<T, TCaution>(LAMBOptions o, Rounding<T> rounding, double factor, double shrinks, double correction1, double correction2) : IMeasuringRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where TCaution : IChoice
{
    readonly double rate = o.LearningRate, unscaled = Math.Sqrt(correction2) / correction1, added = o.DecoupledDecay ? 0 : o.WeightDecay;
    readonly bool adapts = o.Adapts, clips = o.TrustClip;
    readonly Rounding<T> rounding = rounding;
    readonly T byGradient = T.CreateChecked(o.Maximize ? -factor : factor);
    readonly T keep = T.CreateChecked(1 - shrinks);
    readonly T beta1 = T.CreateChecked(o.Betas.Beta1);
    readonly T w1 = T.CreateChecked(o.GradientAveraging ? 1 - o.Betas.Beta1 : 1);
    readonly T beta2 = T.CreateChecked(o.Betas.Beta2);
    readonly T w2 = T.CreateChecked(1 - o.Betas.Beta2);
    readonly T eps = T.CreateChecked(o.Epsilon * Math.Sqrt(correction2));
    T a = T.CreateChecked((TCaution.IsOn || o.Adapts ? 1 : o.LearningRate) * Math.Sqrt(correction2) / correction1);
    T b = T.CreateChecked(o.DecoupledDecay ? 0 : o.WeightDecay);

    public static int Slots => 2;

    public static int Sums => TCaution.IsOn ? 4 : 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Measure<L>(ref Cell<L> x, ref CellSums<L> sums) where L : struct, ILane<L, T>
    {
        var u = Direction(ref x);
        sums.Sum0 = x.Param * x.Param;                                          // ‖θ‖²
        if (TCaution.IsOn)
        {
            sums.Sum1 = u * u;                                                  // of the masked m/(√v + ε′) alone: its scale comes with the count
            sums.Sum2 = u * x.Param;
            sums.Sum3 = L.Abs(L.Sign(u));
        }
        else
        {
            u += L.Of(b) * x.Param;
            sums.Sum1 = u * u;                                                  // ‖u‖²
        }
    }

    public void Take(in MeasuredSums sums)
    {
        double weights = sums[0], step = sums[1], scale = 1;
        if (TCaution.IsOn)
        {
            scale = sums.Count / Math.Max(sums[3], sums.Count * 0.001);         // 1 / max(mean of the mask, 0.001)
            step = scale * scale * step + 2 * scale * added * sums[2] + added * added * weights;
        }
        double ratio = adapts && weights > 0 && step > 0 ? Math.Sqrt(weights) / Math.Sqrt(step) : 1;
        if (clips)
            ratio = Math.Min(ratio, 1);
        a = T.CreateChecked(rate * ratio * scale * unscaled);
        b = T.CreateChecked(rate * ratio * added);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var u = Direction(ref x);
        x.Step = u + L.Of(b) * x.Param;                                         // θ ← θ − η · ‖θ‖/‖u‖ · u
    }

    /// <summary>Updates the averages; gives Adam's direction, masked.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    readonly L Direction<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = x.Grad * L.Of(byGradient);                                      // g ← g/max(1, ‖all g‖/c)
        x.S0 = rounding.Of(L.Of(beta1) * x.S0 + L.Of(w1) * g);                 // m ← β₁m + (1 − β₁)g
        x.S1 = rounding.Of(L.Of(beta2) * x.S1 + L.Of(w2) * g * g);             // v ← β₂v + (1 − β₂)g²
        x.Param = rounding.Of(x.Param * L.Of(keep));                            // θ ← θ(1 − ηλ), when decoupled
        var u = L.Of(a) * x.S0 / (L.Sqrt(x.S1) + L.Of(eps));
        return TCaution.IsOn ? u * L.IfPositive(L.Sign(x.S0) * L.Sign(g), L.Of(T.One), L.Of(T.Zero)) : u; // what is no number stays
    }
}
