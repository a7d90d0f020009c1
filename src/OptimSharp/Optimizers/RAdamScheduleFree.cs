using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="RAdamScheduleFree"/>.</summary>
public sealed record RAdamScheduleFreeOptions : ScheduleFreeOptions
{
    /// <summary>The learning rate η, ≥ 0: up to ten times that of <see cref="RAdam"/>. Default 0.0025.</summary>
    public override double LearningRate { get; init; } = 0.0025;

    /// <summary>
    /// β₁: how far the point where gradients are taken is from z towards the average; and β₂, the decay of the average of squared gradients; each in [1e-15, 1): x is found by dividing by β₁. Default (0.9, 0.999).
    /// </summary>
    [Option("betas", AtLeast = 1e-15, Below = 1)]
    public (double Beta1, double Beta2) Betas { get; init; } = (0.9, 0.999);

    /// <summary>ε, added to the denominator, ≥ 0. Default 1e-8.</summary>
    [Option("eps", AtLeast = 0)]
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Whether parameters rest until enough gradients were seen to trust the denominator; else they take steps of SGD. Default true.</summary>
    [Option("silent_sgd_phase")]
    public bool SilentSGDPhase { get; init; } = true;
}

/// <summary>Schedule-Free RAdam: averages instead of a schedule, and no warm-up to choose.</summary>
/// <remarks>
/// <para>
/// v ← β₂v + (1 − β₂)g²;  ρ∞ = 2/(1 − β₂) − 1;  ρ = ρ∞ − 2kβ₂ᵏ/(1 − β₂ᵏ), with k the group's steps;
/// if ρ &gt; 4: η′ = η√((ρ − 4)(ρ − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)ρ)), n = g/(√(v/(1 − β₂ᵗ)) + ε) + λy; else η′ = 0, or η, and n = g + λy;
/// y ← (1 − c)y + cz − η′(1 − β₁(1 − c))n;  z ← z − η′n, with g taken at y, and c the weight of z in the average x = z + (y − z)/β₁ of all z so far.
/// </para>
/// <para>
/// Defazio et al., "The road less scheduled", 2024. Follows the authors' code. The parameters are y; to evaluate, see <see cref="ScheduleFreeOptimizer{TOptions}.EvalView"/>. Unlike there, steps t are counted for each
/// parameter where v is corrected: one whose first gradient comes late does not step too far.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, a complex one, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class RAdamScheduleFree(IEnumerable<ParameterGroup<RAdamScheduleFreeOptions>> groups, RAdamScheduleFreeOptions? options = null) : ScheduleFreeOptimizer<RAdamScheduleFreeOptions>(groups, options)
{
    static readonly StateEntry ExpAvgSq = StateEntry.Tensor("exp_avg_sq", range: StateRange.NonNegative);
    static readonly StateEntry[] Entries = [StateEntry.Step, Z, ExpAvgSq];

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="RAdamScheduleFree(IEnumerable{ParameterGroup{RAdamScheduleFreeOptions}}, RAdamScheduleFreeOptions)"/>
    public RAdamScheduleFree(IEnumerable<Parameter> parameters, RAdamScheduleFreeOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Entries;

    /// <inheritdoc/>
    protected override double Interpolation(RAdamScheduleFreeOptions options) => options.Betas.Beta1;

    /// <inheritdoc/>
    protected override void CheckParameter(Parameter parameter) => RefuseComplex(parameter, "SGDScheduleFree");

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, RAdamScheduleFreeOptions options)
    {
        long k = StepOf(group);
        double beta2 = options.Betas.Beta2, power = group.Power(beta2, k);
        double limit = 2 / (1 - beta2) - 1, rho = limit - 2 * k * power / (1 - power);
        bool trusted = rho > 4;
        double rectification = trusted ? Math.Sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho)) : options.SilentSGDPhase ? 0 : 1;
        double rate = options.LearningRate * rectification;
        double weight = Average(group, options, rate);
        foreach (var x in group)
        {
            double correction2 = 1 - x.Power(beta2, x.NextStep());
            var step = new ScheduleFreeStep<T>(rate, options.Betas.Beta1, weight, x.Rounding);
            if (trusted)
                x.Apply(new RAdamScheduleFreeRule<T, On>(options, x.Rounding, step, correction2), Z, ExpAvgSq);
            else
                x.Apply(new RAdamScheduleFreeRule<T, Off>(options, x.Rounding, step, correction2), Z, ExpAvgSq);
        }
    }
}

readonly struct RAdamScheduleFreeRule<T, TTrusted>(RAdamScheduleFreeOptions o, Rounding<T> rounding, ScheduleFreeStep<T> step, double correction2) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where TTrusted : IChoice
{
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T decay = T.CreateChecked(o.WeightDecay);
    readonly Rounding<T> rounding = rounding;
    readonly ScheduleFreeStep<T> step = step;
    readonly T beta2 = T.CreateChecked(o.Betas.Beta2);
    readonly T w2 = T.CreateChecked(1 - o.Betas.Beta2);
    readonly T scale = T.CreateChecked(Math.Sqrt(correction2));
    readonly T eps = T.CreateChecked(o.Epsilon * Math.Sqrt(correction2));

    public static int Slots => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var n = x.Grad * L.Of(sign);
        x.S1 = rounding.Of(L.Of(beta2) * x.S1 + L.Of(w2) * n * n);                      // v ← β₂v + (1 − β₂)g²
        if (TTrusted.IsOn)
            n = rounding.Of(L.Of(scale) * n / (L.Sqrt(x.S1) + L.Of(eps)));              // n = g/(√(v/(1 − β₂ᵗ)) + ε), multiplied out
        x.S0 = step.Take(ref x, x.S0, rounding.Of(n + L.Of(decay) * x.Param));             // n + λy
    }
}
