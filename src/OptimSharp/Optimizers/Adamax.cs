using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="Adamax"/>.</summary>
public sealed record AdamaxOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0. Default 2e-3.</summary>
    public override double LearningRate { get; init; } = 2e-3;

    /// <summary>β₁ and β₂, the decay of the gradient's average and of its largest size; each in [0, 1). Default (0.9, 0.999).</summary>
    [Option("betas", AtLeast = 0, Below = 1)]
    public (double Beta1, double Beta2) Betas { get; init; } = (0.9, 0.999);

    /// <summary>ε, added to the gradient's size, ≥ 0. Default 1e-8.</summary>
    [Option("eps", AtLeast = 0)]
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>The weight decay λ (L2 penalty, added to the gradient), ≥ 0. Default 0.</summary>
    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; }

    /// <summary>Which elements of the step are taken. Default: all.</summary>
    [Option("caution", Choices = [false, true, "grams"], OnlyIfSet = true)]
    public StepMask Mask { get; init; }

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }

    /// <inheritdoc/>
    protected override bool AllowsInfinity => true; // as PyTorch
}

/// <summary>Adamax: Adam with the largest recent gradient in the place of the root mean square.</summary>
/// <remarks>
/// <para>
/// g ← g + λθ;  m ← β₁m + (1 − β₁)g;  u ← max(β₂u, |g| + ε);  θ ← θ − η/(1 − β₁ᵗ) · m/u.
/// </para>
/// <para>
/// Kingma and Ba, "Adam: a method for stochastic optimization", 2015, section 7.1. Follows PyTorch 2.14: ε is inside the maximum.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class Adamax(IEnumerable<ParameterGroup<AdamaxOptions>> groups, AdamaxOptions? options = null) : Optimizer<AdamaxOptions>(groups, options)
{
    static readonly StateEntry ExpAvg = StateEntry.Tensor("exp_avg"), ExpInf = StateEntry.Tensor("exp_inf", range: StateRange.NonNegative);

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="Adamax(IEnumerable{ParameterGroup{AdamaxOptions}}, AdamaxOptions)"/>
    public Adamax(IEnumerable<Parameter> parameters, AdamaxOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [StateEntry.Step, ExpAvg, ExpInf];

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, AdamaxOptions options)
    {
        foreach (var x in group)
        {
            double correction = 1 - x.Power(options.Betas.Beta1, x.NextStep());
            x.Apply(new AdamaxRule<T>(options, x.Rounding, correction), options.Mask, options.Maximize, ExpAvg, ExpInf);
        }
    }
}

readonly struct AdamaxRule<T>(AdamaxOptions o, Rounding<T> rounding, double correction) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly Rounding<T> rounding = rounding;
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T decay = T.CreateChecked(o.WeightDecay);
    readonly Lerp<T> average = new(1 - o.Betas.Beta1);
    readonly T beta2 = T.CreateChecked(o.Betas.Beta2);
    readonly T eps = T.CreateChecked(o.Epsilon);
    readonly T stepSize = T.CreateChecked(o.LearningRate / correction);
    readonly bool decays = o.WeightDecay != 0;

    public static int Slots => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = x.Grad * L.Of(sign);
        if (decays)
            g = rounding.Of(g + L.Of(decay) * x.Param);                     // g ← g + λθ
        x.S0 = average.Between(x.S0, g);                                    // m ← m + (1 − β₁)(g − m)
        x.S1 = L.Max(L.Of(beta2) * x.S1, L.Abs(g) + L.Of(eps));             // u ← max(β₂u, |g| + ε)
        x.Step = L.Of(stepSize) * x.S0 / x.S1;                              // θ ← θ − η/(1 − β₁ᵗ) · m/u
    }
}
