using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>What <see cref="MARS"/> does with the corrected gradient.</summary>
public enum MARSVariant
{
    /// <summary>What <see cref="OptimSharp.AdamW"/> does.</summary>
    AdamW,

    /// <summary>The sign of a running average, as <see cref="OptimSharp.Lion"/>.</summary>
    Lion,
}

/// <summary>Options of <see cref="MARS"/>.</summary>
public sealed record MARSOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0. Default 3e-3.</summary>
    public override double LearningRate { get; init; } = 3e-3;

    /// <summary>β₁ and β₂, the decay of the averages of the corrected gradient and of its square; each in [0, 1). Default (0.95, 0.99).</summary>
    [Option("betas", AtLeast = 0, Below = 1)]
    public (double Beta1, double Beta2) Betas { get; init; } = (0.95, 0.99);

    /// <summary>ε, added to the denominator, ≥ 0. Default 1e-8.</summary>
    [Option("eps", AtLeast = 0)]
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>The weight decay λ, decoupled, ≥ 0. Default 0.</summary>
    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; }

    /// <summary>Divides by the largest average of squares so far. Default false.</summary>
    [Option("amsgrad")]
    public bool AMSGrad { get; init; }

    /// <summary>γ, how much of the gradient's change is added, ≥ 0. Default 0.025.</summary>
    [Option("gamma", AtLeast = 0, AddedLater = true)]
    public double Gamma { get; init; } = 0.025;

    /// <summary>What is done with the corrected gradient. Default <see cref="MARSVariant.AdamW"/>.</summary>
    [Option("mars_type", Choices = ["mars-adamw", "mars-lion"])]
    public MARSVariant Variant { get; init; }

    /// <summary>Corrects the gradients of all parameters; else those of matrices, and the others are stepped by <see cref="AdamW"/>. Default false.</summary>
    [Option("optimize_1d")]
    public bool CorrectsAll { get; init; }

    /// <summary>The rate of the others that <see cref="AdamW"/> steps, ≥ 0, as a factor of η. Default 1.</summary>
    [Option("lr_1d_factor", AtLeast = 0, AddedLater = true)]
    public double OthersRateFactor { get; init; } = 1;

    /// <summary>β₁ and β₂ of those; each in [0, 1). Default (0.9, 0.95).</summary>
    [Option("betas_1d", AtLeast = 0, Below = 1, AddedLater = true)]
    public (double Beta1, double Beta2) OthersBetas { get; init; } = (0.9, 0.95);

    /// <summary>The weight decay of those, ≥ 0. Default 0.1.</summary>
    [Option("weight_decay_1d", AtLeast = 0, AddedLater = true)]
    public double OthersWeightDecay { get; init; } = 0.1;

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }
}

/// <summary>MARS: the gradient is corrected by how it changed, which makes it vary less, before an average is taken.</summary>
/// <remarks>
/// <para>
/// c = g + γ·β₁/(1 − β₁)·(g − g₋), with g₋ = 0 at first;  c ← c/max(1, ‖c‖) for each tensor;  m ← β₁m + (1 − β₁)c;  v ← β₂v + (1 − β₂)c²;
/// θ ← θ − η(λθ + m/(1 − β₁ᵗ) / (√v/√(1 − β₂ᵗ) + ε)), or as Lion θ ← θ − η(λθ + sign(m));  g₋ ← g.
/// </para>
/// <para>
/// Yuan et al., "MARS: unleashing the power of variance reduction for training large models", 2024, arXiv 2411.10438. Follows the authors' code (AGI-Arena/MARS) with its approximate correction, by the
/// gradient that the last step had. Unlike there, that gradient is copied, and every option is a group's own. The Shampoo variant is left out.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, a complex one, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class MARS(IEnumerable<ParameterGroup<MARSOptions>> groups, MARSOptions? options = null) : Optimizer<MARSOptions>(groups, options)
{
    static readonly StateEntry ExpAvg = StateEntry.Tensor("exp_avg"), LastGrad = StateEntry.Tensor("last_grad", optional: true);
    static readonly StateEntry ExpAvgSq = StateEntry.Tensor("exp_avg_sq", optional: true, range: StateRange.NonNegative), MaxExpAvgSq = StateEntry.Tensor("max_exp_avg_sq", optional: true, range: StateRange.NonNegative);
    static readonly StateEntry[] Entries = [StateEntry.Step, ExpAvg, LastGrad, ExpAvgSq, MaxExpAvgSq];

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="MARS(IEnumerable{ParameterGroup{MARSOptions}}, MARSOptions)"/>
    public MARS(IEnumerable<Parameter> parameters, MARSOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Entries;

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, MARSOptions options)
    {
        foreach (var x in group)
        {
            long t = x.NextStep();
            bool corrects = options.CorrectsAll || x.Shape.Length == 2;
            if (corrects && options.Variant == MARSVariant.Lion)
            {
                x.ApplyMeasured(new MARSLionRule<T>(options, x.Rounding), ExpAvg, LastGrad);
                continue;
            }
            var (beta1, beta2) = corrects ? options.Betas : options.OthersBetas;
            double correction1 = 1 - x.Power(beta1, t), correction2 = 1 - x.Power(beta2, t);
            if (corrects && options.AMSGrad)
                x.ApplyMeasured(new MARSRule<T, On, On>(options, x.Rounding, correction1, correction2), ExpAvg, ExpAvgSq, LastGrad, MaxExpAvgSq);
            else if (corrects)
                x.ApplyMeasured(new MARSRule<T, On, Off>(options, x.Rounding, correction1, correction2), ExpAvg, ExpAvgSq, LastGrad);
            else if (options.AMSGrad)
                x.Apply(new WithoutSums<MARSRule<T, Off, On>, T>(new(options, x.Rounding, correction1, correction2)), ExpAvg, ExpAvgSq, MaxExpAvgSq);
            else
                x.Apply(new WithoutSums<MARSRule<T, Off, Off>, T>(new(options, x.Rounding, correction1, correction2)), ExpAvg, ExpAvgSq);
        }
    }

    /// <inheritdoc/>
    protected override void CheckParameter(Parameter parameter) => RefuseComplex(parameter, "AdamW");
}

/// <summary>c = g + γ·β₁/(1 − β₁)·(g − g₋), and c ← c/max(1, ‖c‖) once the norm is known.</summary>
struct MARSCorrection<T>(MARSOptions o, Rounding<T> rounding)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly Rounding<T> rounding = rounding;
    readonly T change = T.CreateChecked(o.Gamma * (o.Betas.Beta1 / (1 - o.Betas.Beta1)));
    T scale = T.One;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly L Of<L>(L g, L last) where L : struct, ILane<L, T> => L.Of(scale) * rounding.Of(rounding.Of(L.Of(change) * rounding.Of(g - last)) + g);

    public void Take(double squares) => scale = T.CreateChecked(squares > 1 ? 1 / Math.Sqrt(squares) : 1);
}

/// <summary>S0 is m, S1 v; S2 g₋, when gradients are corrected; the last one the largest v, with AMSGrad.</summary>
struct MARSRule<T, TCorrects, TAMSGrad>(MARSOptions o, Rounding<T> rounding, double correction1, double correction2) : IMeasuringRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where TCorrects : IChoice
    where TAMSGrad : IChoice
{
    readonly Rounding<T> rounding = rounding;
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T beta1 = T.CreateChecked(Betas(o).Beta1);
    readonly T w1 = T.CreateChecked(1 - Betas(o).Beta1);
    readonly T beta2 = T.CreateChecked(Betas(o).Beta2);
    readonly T w2 = T.CreateChecked(1 - Betas(o).Beta2);
    readonly T shrink = T.CreateChecked(Rate(o) * (TCorrects.IsOn ? o.WeightDecay : o.OthersWeightDecay));
    readonly T stepSize = T.CreateChecked(Rate(o) / correction1 * Math.Sqrt(correction2));
    readonly T eps = T.CreateChecked(o.Epsilon * Math.Sqrt(correction2));
    MARSCorrection<T> correction = new(o, rounding);

    public static int Slots
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TCorrects.IsOn && TAMSGrad.IsOn ? 4 : TCorrects.IsOn || TAMSGrad.IsOn ? 3 : 2;
    }

    public static int Sums => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Measure<L>(ref Cell<L> x, ref CellSums<L> sums) where L : struct, ILane<L, T>
    {
        var c = correction.Of(x.Grad * L.Of(sign), x.S2);
        sums.Sum0 = c * c;                                                      // ‖c‖²
    }

    public void Take(in MeasuredSums sums) => correction.Take(sums[0]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var c = x.Grad * L.Of(sign);
        if (TCorrects.IsOn)
            (c, x.S2) = (correction.Of(c, x.S2), c);                            // c = g + …;  g₋ ← g
        x.S0 = rounding.Of(rounding.Of(L.Of(beta1) * x.S0) + L.Of(w1) * c);     // m ← β₁m + (1 − β₁)c
        x.S1 = rounding.Of(rounding.Of(L.Of(beta2) * x.S1) + L.Of(w2) * c * c); // v ← β₂v + (1 − β₂)c²
        var v = x.S1;
        if (TAMSGrad.IsOn && TCorrects.IsOn)
            v = x.S3 = L.Max(x.S3, v);                                          // v̂ ← max(v̂, v)
        else if (TAMSGrad.IsOn)
            v = x.S2 = L.Max(x.S2, v);
        // θ ← θ − η(λθ + m/(1 − β₁ᵗ) / (√v/√(1 − β₂ᵗ) + ε)), the inner fraction multiplied out
        x.Step = L.Of(shrink) * x.Param + L.Of(stepSize) * x.S0 / (L.Sqrt(v) + L.Of(eps));
    }

    static (double Beta1, double Beta2) Betas(MARSOptions o) => TCorrects.IsOn ? o.Betas : o.OthersBetas;

    static double Rate(MARSOptions o) => TCorrects.IsOn ? o.LearningRate : o.LearningRate * o.OthersRateFactor;
}

/// <summary>S0 is m, S1 g₋.</summary>
struct MARSLionRule<T>(MARSOptions o, Rounding<T> rounding) : IMeasuringRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly Rounding<T> rounding = rounding;
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T beta1 = T.CreateChecked(o.Betas.Beta1);
    readonly T w1 = T.CreateChecked(1 - o.Betas.Beta1);
    readonly T lr = T.CreateChecked(o.LearningRate);
    readonly T shrink = T.CreateChecked(o.LearningRate * o.WeightDecay);
    MARSCorrection<T> correction = new(o, rounding);

    public static int Slots => 2;

    public static int Sums => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Measure<L>(ref Cell<L> x, ref CellSums<L> sums) where L : struct, ILane<L, T>
    {
        var c = correction.Of(x.Grad * L.Of(sign), x.S1);
        sums.Sum0 = c * c;
    }

    public void Take(in MeasuredSums sums) => correction.Take(sums[0]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = x.Grad * L.Of(sign);
        x.S0 = rounding.Of(rounding.Of(L.Of(beta1) * x.S0) + L.Of(w1) * correction.Of(g, x.S1)); // m ← β₁m + (1 − β₁)c
        x.S1 = g;                                                               // g₋ ← g
        x.Step = L.Of(shrink) * x.Param + L.Of(lr) * L.Sign(x.S0);              // θ ← θ − η(λθ + sign(m))
    }
}
