using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="AdamWScheduleFree"/>.</summary>
public sealed record AdamWScheduleFreeOptions : ScheduleFreeOptions
{
    /// <summary>The learning rate η, ≥ 0: up to ten times that of <see cref="AdamW"/>. Default 0.0025.</summary>
    public override double LearningRate { get; init; } = 0.0025;

    /// <summary>
    /// β₁: how far the point where gradients are taken is from z towards the average; and β₂, the decay of the average of squared gradients; each in [1e-15, 1): x is found by dividing by β₁. Default (0.9, 0.999).
    /// </summary>
    [Option("betas", AtLeast = 1e-15, Below = 1)]
    public (double Beta1, double Beta2) Betas { get; init; } = (0.9, 0.999);

    /// <summary>ε, added to the denominator, ≥ 0. Default 1e-8.</summary>
    [Option("eps", AtLeast = 0)]
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>In how many steps the rate rises to η, ≥ 0. Default 0.</summary>
    [Option("warmup_steps", AtLeast = 0)]
    public int WarmupSteps { get; init; }

    /// <summary>The decay of an average of gradients that takes the gradient's place; in [0, 1). Default 0: none, and no memory for it.</summary>
    [Option("inner_momentum", AtLeast = 0, Below = 1, AddedLater = true)]
    public double InnerMomentum { get; init; }
}

/// <summary>Schedule-Free AdamW: averages instead of a schedule.</summary>
/// <remarks>
/// <para>
/// v ← β₂v + (1 − β₂)g²;  n = g/(√(v/(1 − β₂ᵗ)) + ε) + λy;  y ← (1 − c)y + cz − η(1 − β₁(1 − c))n;  z ← z − ηn,
/// with g taken at y, and c the weight of z in the average x = z + (y − z)/β₁ of all z so far.
/// </para>
/// <para>
/// Defazio et al., "The road less scheduled", 2024. Follows the authors' code. The parameters are y; to evaluate, see <see cref="ScheduleFreeOptimizer{TOptions}.EvalView"/>. Unlike there, steps are counted for each
/// parameter where v is corrected: one whose first gradient comes late does not step too far.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, a complex one, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class AdamWScheduleFree(IEnumerable<ParameterGroup<AdamWScheduleFreeOptions>> groups, AdamWScheduleFreeOptions? options = null) : ScheduleFreeOptimizer<AdamWScheduleFreeOptions>(groups, options)
{
    static readonly StateEntry ExpAvgSq = StateEntry.Tensor("exp_avg_sq", range: StateRange.NonNegative), ExpAvg = StateEntry.Tensor("exp_avg", optional: true);
    static readonly StateEntry[] Entries = [StateEntry.Step, Z, ExpAvgSq, ExpAvg];

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="AdamWScheduleFree(IEnumerable{ParameterGroup{AdamWScheduleFreeOptions}}, AdamWScheduleFreeOptions)"/>
    public AdamWScheduleFree(IEnumerable<Parameter> parameters, AdamWScheduleFreeOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Entries;

    /// <inheritdoc/>
    protected override double Interpolation(AdamWScheduleFreeOptions options) => options.Betas.Beta1;

    /// <inheritdoc/>
    protected override void CheckParameter(Parameter parameter) => RefuseComplex(parameter, "SGDScheduleFree");

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, AdamWScheduleFreeOptions options)
    {
        double rate = options.LearningRate * Warmup(group, options.WarmupSteps);
        double weight = Average(group, options, rate);
        foreach (var x in group)
        {
            long t = x.NextStep();
            double correction2 = 1 - x.Power(options.Betas.Beta2, t);
            var step = new ScheduleFreeStep<T>(rate, options.Betas.Beta1, weight, x.Rounding);
            if (options.InnerMomentum != 0)
                x.Apply(new AdamWScheduleFreeRule<T, On>(options, x.Rounding, step, 1 - x.Power(options.InnerMomentum, t), correction2), Z, ExpAvgSq, ExpAvg);
            else
                x.Apply(new AdamWScheduleFreeRule<T, Off>(options, x.Rounding, step, 1, correction2), Z, ExpAvgSq);
        }
    }
}

readonly struct AdamWScheduleFreeRule<T, TMomentum>(AdamWScheduleFreeOptions o, Rounding<T> rounding, ScheduleFreeStep<T> step, double correction1, double correction2) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where TMomentum : IChoice
{
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T decay = T.CreateChecked(o.WeightDecay);
    readonly Rounding<T> rounding = rounding;
    readonly ScheduleFreeStep<T> step = step;
    readonly T beta2 = T.CreateChecked(o.Betas.Beta2);
    readonly T w2 = T.CreateChecked(1 - o.Betas.Beta2);
    readonly T inner = T.CreateChecked(o.InnerMomentum);
    readonly T innerWeight = T.CreateChecked(1 - o.InnerMomentum);
    readonly T scale = T.CreateChecked(Math.Sqrt(correction2) / correction1);
    readonly T eps = T.CreateChecked(o.Epsilon * Math.Sqrt(correction2));

    public static int Slots => TMomentum.IsOn ? 3 : 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = x.Grad * L.Of(sign);
        x.S1 = rounding.Of(L.Of(beta2) * x.S1 + L.Of(w2) * g * g);                      // v ← β₂v + (1 − β₂)g²
        if (TMomentum.IsOn)
            g = x.S2 = rounding.Of(L.Of(inner) * x.S2 + L.Of(innerWeight) * g);         // m ← μm + (1 − μ)g, in the place of g
        var n = rounding.Of(L.Of(scale) * g / (L.Sqrt(x.S1) + L.Of(eps)));              // n = g/(√(v/(1 − β₂ᵗ)) + ε), multiplied out
        x.S0 = step.Take(ref x, x.S0, rounding.Of(n + L.Of(decay) * x.Param));             // n + λy
    }
}
