using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="ADOPT"/>.</summary>
public sealed record ADOPTOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0. Default 1e-3.</summary>
    public override double LearningRate { get; init; } = 1e-3;

    /// <summary>β₁ and β₂, the decay of the averages of the divided gradient and of the squared gradient; each in [0, 1). Default (0.9, 0.9999).</summary>
    [Option("betas", AtLeast = 0, Below = 1)]
    public (double Beta1, double Beta2) Betas { get; init; } = (0.9, 0.9999);

    /// <summary>ε, below which the denominator does not fall, ≥ 0. Default 1e-6.</summary>
    [Option("eps", AtLeast = 0)]
    public double Epsilon { get; init; } = 1e-6;

    /// <summary>c, ≥ 0: the divided gradient is clipped to ±(t − 1)ᶜ. null: it is not clipped. Default ¼.</summary>
    [Option("clip_exponent", AtLeast = 0, AddedLater = true)]
    public double? ClipExponent { get; init; } = 0.25;

    /// <summary>The weight decay λ, ≥ 0. Default 0.</summary>
    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; }

    /// <summary>Shrinks the weights themselves, as <see cref="AdamW"/>, instead of adding the decay to the gradient. Default false.</summary>
    [Option("decouple")]
    public bool DecoupledWeightDecay { get; init; }

    /// <summary>Which elements of the step are taken. Default: all.</summary>
    [Option("caution", Choices = [false, true, "grams"], OnlyIfSet = true)]
    public StepMask Mask { get; init; }

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }
}

/// <summary>ADOPT: Adam in another order, which converges with any β₂: each gradient is divided by the average before it, and then averaged.</summary>
/// <remarks>
/// <para>
/// First step: v ← g², and nothing else. Then, with g ← g + λθ or θ ← θ(1 − ηλ): u = g/max(√v, ε), clipped to ±(t − 1)ᶜ;  m ← β₁m + (1 − β₁)u;  θ ← θ − ηm;  v ← β₂v + (1 − β₂)g².
/// </para>
/// <para>
/// Taniguchi et al., "ADOPT: modified Adam can converge with any β₂ with the optimal rate", 2024. Follows the authors' code (iShohei220/adopt), which clips by a function of the step; here it is the
/// exponent of one, so that it can be saved.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class ADOPT(IEnumerable<ParameterGroup<ADOPTOptions>> groups, ADOPTOptions? options = null) : Optimizer<ADOPTOptions>(groups, options)
{
    static readonly StateEntry ExpAvg = StateEntry.Tensor("exp_avg"), ExpAvgSq = StateEntry.Tensor("exp_avg_sq", range: StateRange.NonNegative);
    static readonly StateEntry[] Entries = [StateEntry.Step, ExpAvg, ExpAvgSq];

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="ADOPT(IEnumerable{ParameterGroup{ADOPTOptions}}, ADOPTOptions)"/>
    public ADOPT(IEnumerable<Parameter> parameters, ADOPTOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Entries;

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, ADOPTOptions options)
    {
        foreach (var x in group)
        {
            long t = x.NextStep();
            double limit = options.ClipExponent is { } c ? x.Power(t - 1, c) : double.PositiveInfinity;
            if (t == 1)
                x.Apply(new ADOPTRule<T, On>(options, x.Rounding, limit), options.Mask, options.Maximize, ExpAvg, ExpAvgSq);
            else
                x.Apply(new ADOPTRule<T, Off>(options, x.Rounding, limit), options.Mask, options.Maximize, ExpAvg, ExpAvgSq);
        }
    }
}

readonly struct ADOPTRule<T, TFirst>(ADOPTOptions o, Rounding<T> rounding, double limit) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where TFirst : IChoice
{
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T decay = T.CreateChecked(o.WeightDecay);
    readonly T keep = T.CreateChecked(o.DecoupledWeightDecay ? 1 - o.LearningRate * o.WeightDecay : 1);
    readonly Rounding<T> rounding = rounding;
    readonly Lerp<T> average = new(1 - o.Betas.Beta1);
    readonly T beta2 = T.CreateChecked(o.Betas.Beta2);
    readonly T w2 = T.CreateChecked(1 - o.Betas.Beta2);
    readonly T eps = T.CreateChecked(o.Epsilon);
    readonly T lr = T.CreateChecked(o.LearningRate);
    readonly T limit = T.CreateChecked(limit);
    readonly bool decays = o.WeightDecay != 0 && !o.DecoupledWeightDecay;

    public static int Slots => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = x.Grad * L.Of(sign);
        if (decays)
            g = rounding.Of(g + L.Of(decay) * x.Param);                            // g ← g + λθ
        if (TFirst.IsOn)
        {
            x.S1 += g * g;                                                         // v ← g²
            return;
        }
        x.Param = rounding.Of(x.Param * L.Of(keep));                               // θ ← θ(1 − ηλ), when decoupled
        var root = L.Sqrt(x.S1);
        var u = g / L.IfGreater(L.Of(eps), root, L.Of(eps), root);                 // u = g/max(√v, ε)
        u = L.IfGreater(u, L.Of(limit), L.Of(limit), L.IfGreater(L.Of(-limit), u, L.Of(-limit), u));
        x.S0 = rounding.Of(average.Between(x.S0, u));                              // m ← m + (1 − β₁)(u − m)
        x.S1 = rounding.Of(L.Of(beta2) * x.S1) + L.Of(w2) * g * g;                 // v ← β₂v + (1 − β₂)g²
        x.Step = L.Of(lr) * x.S0;                                                  // θ ← θ − ηm
    }
}
