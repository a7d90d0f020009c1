using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="DAdaptAdam"/>.</summary>
public sealed record DAdaptAdamOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0: a factor of the rate that is found, for schedules. The same in all groups, or 0: such a group stays as it is. Default 1.</summary>
    public override double LearningRate { get; init; } = 1;

    /// <summary>β₁ and β₂, the decay of the averages of gradient and squared gradient; each in [0, 1). The same in all groups. Default (0.9, 0.999).</summary>
    [Option("betas", AtLeast = 0, Below = 1)]
    public (double Beta1, double Beta2) Betas { get; init; } = (0.9, 0.999);

    /// <summary>ε, added to the denominator, &gt; 0. Default 1e-8.</summary>
    [Option("eps", Above = 0)]
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>The weight decay λ, ≥ 0. Default 0.</summary>
    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; }

    /// <summary>Shrinks the weights themselves, as <see cref="AdamW"/>, instead of adding the decay to the gradient. Default false.</summary>
    [Option("decouple")]
    public bool Decouple { get; init; }

    /// <summary>Corrects the averages for their start at zero, by the optimizer's count of steps. The same in all groups. Default false.</summary>
    [Option("use_bias_correction")]
    public bool UseBiasCorrection { get; init; }

    /// <summary>r, the group's rate beside the others', ≥ 0. Default 1.</summary>
    [Option("layer_scale", AtLeast = 0)]
    public double LayerScale { get; init; } = 1;

    /// <summary>d₀, the estimate before the first step, &gt; 0. The same in all groups. Default 1e-6.</summary>
    [Option("d0", Above = 0, AddedLater = true)]
    public double D0 { get; init; } = 1e-6;

    /// <summary>How many times as large the estimate may be after a step, &gt; 0. The same in all groups. Default ∞.</summary>
    [Option("growth_rate", Above = 0, AllowsInfinity = true)]
    public double GrowthRate { get; init; } = double.PositiveInfinity;

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }

    /// <summary>Whether there can be one estimate for both.</summary>
    internal bool Agrees(DAdaptAdamOptions other) => (Betas, UseBiasCorrection, D0, GrowthRate) == (other.Betas, other.UseBiasCorrection, other.D0, other.GrowthRate);
}

/// <summary>D-Adapt Adam: Adam whose rate is found on the way, and only grows.</summary>
/// <remarks>
/// <para>
/// a = Σ r·dη⟨g, s/(√v + ε)⟩, with the v before;  m ← β₁m + r·dη(1 − β₁)g;  v ← β₂v + (1 − β₂)g²;  s ← √β₂·s + dη(1 − √β₂)g;
/// n ← √β₂·n + (1 − √β₂)a;  d ← max(d, n/((1 − √β₂)·Σ r‖s‖₁)), the sums over all parameters;  θ ← θ − m/(√v + ε). The d before is that of the step.
/// </para>
/// <para>
/// Defazio and Mishchenko, "Learning-rate-free learning by D-adaptation", 2023, arXiv 2301.07733. Follows the authors' code (facebookresearch/dadaptation). Unlike there, groups whose options exclude
/// one estimate are refused instead of read over, a group with the rate 0 does not move at all, and gradients stay as they are.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class DAdaptAdam(IEnumerable<ParameterGroup<DAdaptAdamOptions>> groups, DAdaptAdamOptions? options = null) : Optimizer<DAdaptAdamOptions>(groups, options)
{
    static readonly StateEntry S = StateEntry.Tensor("s", range: StateRange.Exact), ExpAvg = StateEntry.Tensor("exp_avg"), ExpAvgSq = StateEntry.Tensor("exp_avg_sq", range: StateRange.NonNegative);
    static readonly StateEntry[] Entries = [StateEntry.Step, S, ExpAvg, ExpAvgSq];

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="DAdaptAdam(IEnumerable{ParameterGroup{DAdaptAdamOptions}}, DAdaptAdamOptions)"/>
    public DAdaptAdam(IEnumerable<Parameter> parameters, DAdaptAdamOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Entries;

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> GroupEntries => DAdaptEstimate.Entries;

    /// <inheritdoc/>
    protected override void CheckGroups() => FoundRate.Check(SharedRate, nameof(groups));

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, DAdaptAdamOptions options)
    {
        double rate = SharedRate();
        if (options.LearningRate == 0)
            return;
        var numbers = group.SharedNumbers;
        double k = numbers[DAdaptEstimate.K] + 1, correction = 1;
        foreach (var x in group)
        {
            x.NextStep();
            if (options.UseBiasCorrection)
                correction = Math.Sqrt(1 - x.Power(options.Betas.Beta2, k)) / (1 - x.Power(options.Betas.Beta1, k));
            x.ApplyMeasured(new DAdaptAdamRule<T>(options, x.Rounding, new(options, numbers, rate * correction)), ExpAvg, ExpAvgSq, S);
        }
    }

    double SharedRate() => FoundRate.OfAll(this, static (one, other) => one.Agrees(other), "Betas, UseBiasCorrection, D0 and GrowthRate", " LayerScale gives a group a rate of its own.");
}

/// <summary>What d becomes of the sums: one for all parameters.</summary>
readonly struct DAdaptEstimate(DAdaptAdamOptions o, SharedNumbers numbers, double rate)
{
    public static readonly StateEntry K = StateEntry.WholeNumber("k");
    static readonly StateEntry D = StateEntry.Number("d"), Numerator = StateEntry.Number("numerator_weighted");
    public static readonly StateEntry[] Entries = [D, K, Numerator];

    readonly SharedNumbers numbers = numbers;
    readonly double d = numbers.Get(D, o.D0), growth = o.GrowthRate;

    /// <summary>√β₂, the decay of what the estimate is made of.</summary>
    public readonly double SumDecay = Math.Sqrt(o.Betas.Beta2);

    /// <summary>d times the rate, bias correction included.</summary>
    public double StepSize => d * rate;

    /// <summary>Leaves the next d in the groups; false when no gradient has been other than 0, so that nothing can be said.</summary>
    public bool Next(double sum, double size)
    {
        if (size == 0)
            return false;
        double numerator = SumDecay * numbers[Numerator] + (1 - SumDecay) * sum, hat = numerator / ((1 - SumDecay) * size);
        double next = d * growth < hat ? d * growth : hat;
        numbers[Numerator] = numerator;
        numbers[D] = next > d ? next : d; // a hat that is no number changes nothing
        numbers[K] = numbers[K] + 1;
        return true;
    }
}

/// <summary>S0 is m, S1 v, S2 s.</summary>
struct DAdaptAdamRule<T>(DAdaptAdamOptions o, Rounding<T> rounding, in DAdaptEstimate estimate) : IMeasuringRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly DAdaptEstimate estimate = estimate;
    readonly Rounding<T> rounding = rounding;
    readonly bool couples = o.WeightDecay != 0 && !o.Decouple;
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T decay = T.CreateChecked(o.WeightDecay);
    readonly T bySum = T.CreateChecked(o.LayerScale * estimate.StepSize);
    readonly T bySize = T.CreateChecked(o.LayerScale);
    readonly T beta1 = T.CreateChecked(o.Betas.Beta1);
    readonly T w1 = T.CreateChecked(o.LayerScale * estimate.StepSize * (1 - o.Betas.Beta1));
    readonly T beta2 = T.CreateChecked(o.Betas.Beta2);
    readonly T w2 = T.CreateChecked(1 - o.Betas.Beta2);
    readonly T beta3 = T.CreateChecked(estimate.SumDecay);
    readonly T w3 = T.CreateChecked(estimate.StepSize * (1 - estimate.SumDecay));
    readonly T eps = T.CreateChecked(o.Epsilon);
    T keep = T.CreateChecked(o.Decouple ? 1 - o.WeightDecay * estimate.StepSize : 1);

    public static int Slots => 3;

    public static int Sums => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Measure<L>(ref Cell<L> x, ref CellSums<L> sums) where L : struct, ILane<L, T>
    {
        var g = Gradient(x);
        sums.Sum0 = L.Of(bySum) * g * (x.S2 / (L.Sqrt(x.S1) + L.Of(eps)));  // r·dη⟨g, s/(√v + ε)⟩
        sums.Sum1 = L.Of(bySize) * L.Abs(rounding.Of(rounding.Of(L.Of(beta3) * x.S2) + L.Of(w3) * g)); // r‖s‖₁
    }

    public void Take(in MeasuredSums sums)
    {
        if (!estimate.Next(sums.OverAll(0), sums.OverAll(1)))
            keep = T.One; // m is 0 everywhere: nothing moves
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = Gradient(x);
        x.S0 = rounding.Of(rounding.Of(L.Of(beta1) * x.S0) + L.Of(w1) * g); // m ← β₁m + r·dη(1 − β₁)g
        x.S1 = rounding.Of(rounding.Of(L.Of(beta2) * x.S1) + L.Of(w2) * g * g); // v ← β₂v + (1 − β₂)g²
        x.S2 = rounding.Of(L.Of(beta3) * x.S2) + L.Of(w3) * g;              // s ← √β₂·s + dη(1 − √β₂)g
        x.Param = rounding.Of(x.Param * L.Of(keep));                        // θ ← θ(1 − λdη), when decoupled
        x.Step = x.S0 / (L.Sqrt(x.S1) + L.Of(eps));                         // θ ← θ − m/(√v + ε)
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    readonly L Gradient<L>(in Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = x.Grad * L.Of(sign);
        return couples ? rounding.Of(g + L.Of(decay) * x.Param) : g;        // g ← g + λθ
    }
}
