using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="Prodigy"/>.</summary>
public sealed record ProdigyOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0: a factor of the rate that is found, for schedules. The same in all groups, or 0: such a group stays as it is. Default 1.</summary>
    public override double LearningRate { get; init; } = 1;

    /// <summary>β₁ and β₂, the decay of the averages of gradient and squared gradient; each in [0, 1). The same in all groups. Default (0.9, 0.999).</summary>
    [Option("betas", AtLeast = 0, Below = 1)]
    public (double Beta1, double Beta2) Betas { get; init; } = (0.9, 0.999);

    /// <summary>β₃, the decay of the sums that the estimate is made of, in [0, 1). The same in all groups. null, the default: √β₂.</summary>
    [Option("beta3", AtLeast = 0, Below = 1)]
    public double? Beta3 { get; init; }

    /// <summary>ε, added to the denominator, times d, &gt; 0. Default 1e-8.</summary>
    [Option("eps", Above = 0)]
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>The weight decay λ, ≥ 0. Default 0.</summary>
    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; }

    /// <summary>Shrinks the weights themselves, as <see cref="AdamW"/>, instead of adding the decay to the gradient. Default true.</summary>
    [Option("decouple")]
    public bool Decouple { get; init; } = true;

    /// <summary>Corrects the averages for their start at zero, by the optimizer's count of steps. The same in all groups. Default false.</summary>
    [Option("use_bias_correction")]
    public bool UseBiasCorrection { get; init; }

    /// <summary>Leaves the rate out of the estimate's denominator, for schedules that begin with a warm-up. Default false.</summary>
    [Option("safeguard_warmup")]
    public bool SafeguardWarmup { get; init; }

    /// <summary>d₀, the estimate before the first step, &gt; 0. The same in all groups. Default 1e-6.</summary>
    [Option("d0", Above = 0)]
    public double D0 { get; init; } = 1e-6;

    /// <summary>A factor of the estimate, &gt; 0: what to tune, from 0.5 to 2. The same in all groups. Default 1.</summary>
    [Option("d_coef", Above = 0)]
    public double DCoefficient { get; init; } = 1;

    /// <summary>How many times as large the estimate may be after a step, &gt; 0. The same in all groups. Default ∞.</summary>
    [Option("growth_rate", Above = 0, AllowsInfinity = true)]
    public double GrowthRate { get; init; } = double.PositiveInfinity;

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }

    internal double SumDecay => Beta3 ?? Math.Sqrt(Betas.Beta2);

    /// <summary>Whether there can be one estimate for both.</summary>
    internal bool Agrees(ProdigyOptions other) =>
        (Betas, Beta3, UseBiasCorrection, D0, DCoefficient, GrowthRate) == (other.Betas, other.Beta3, other.UseBiasCorrection, other.D0, other.DCoefficient, other.GrowthRate);
}

/// <summary>Prodigy: Adam whose rate is found on the way, from how far the weights have come.</summary>
/// <remarks>
/// <para>
/// a = β₃a + (d/d₀)·dη⟨g, θ₀ − θ⟩;  s ← β₃s + (d/d₀)·dη·g;  m ← β₁m + d(1 − β₁)g;  v ← β₂v + d²(1 − β₂)g²;
/// d ← max(d, c·a/‖s‖₁), with a and ‖s‖₁ over all parameters;  θ ← θ(1 − λdη) − dη·m/(√v + dε), where the last d is the new one, the others the old one.
/// </para>
/// <para>
/// Mishchenko and Defazio, "Prodigy: an expeditiously adaptive parameter-free learner", 2023, arXiv 2306.06101. Follows the authors' code (konstmish/prodigy). Unlike there, groups whose options exclude
/// one estimate are refused instead of read over, a group with the rate 0 does not move at all, and gradients stay as they are.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class Prodigy(IEnumerable<ParameterGroup<ProdigyOptions>> groups, ProdigyOptions? options = null) : Optimizer<ProdigyOptions>(groups, options)
{
    static readonly StateEntry S = StateEntry.Tensor("s", StateShape.Flat, range: StateRange.Exact), P0 = StateEntry.CopyOfParameter("p0", shape: StateShape.Flat);
    static readonly StateEntry ExpAvg = StateEntry.Tensor("exp_avg", optional: true), ExpAvgSq = StateEntry.Tensor("exp_avg_sq", range: StateRange.NonNegative);
    static readonly StateEntry[] Entries = [StateEntry.Step, S, P0, ExpAvg, ExpAvgSq];

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="Prodigy(IEnumerable{ParameterGroup{ProdigyOptions}}, ProdigyOptions)"/>
    public Prodigy(IEnumerable<Parameter> parameters, ProdigyOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Entries;

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> GroupEntries => ProdigyEstimate.Entries;

    /// <inheritdoc/>
    protected override void CheckGroups() => FoundRate.Check(SharedRate, nameof(groups));

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, ProdigyOptions options)
    {
        double rate = SharedRate();
        if (options.LearningRate == 0)
            return;
        var numbers = group.SharedNumbers;
        double k = numbers[ProdigyEstimate.K] + 1, correction = 1;
        foreach (var x in group)
        {
            x.NextStep();
            if (options.UseBiasCorrection)
                correction = Math.Sqrt(1 - x.Power(options.Betas.Beta2, k)) / (1 - x.Power(options.Betas.Beta1, k));
            var estimate = new ProdigyEstimate(options, numbers, rate * correction);
            if (options.Betas.Beta1 > 0)
                x.ApplyMeasured(new ProdigyRule<T, On>(options, x.Rounding, estimate), ExpAvgSq, S, P0, ExpAvg);
            else
                x.ApplyMeasured(new ProdigyRule<T, Off>(options, x.Rounding, estimate), ExpAvgSq, S, P0);
        }
    }

    double SharedRate() => FoundRate.OfAll(this, static (one, other) => one.Agrees(other), "Betas, Beta3, UseBiasCorrection, D0, DCoefficient and GrowthRate");
}

/// <summary>What d becomes of the sums: one for all parameters.</summary>
readonly struct ProdigyEstimate(ProdigyOptions o, SharedNumbers numbers, double rate)
{
    public static readonly StateEntry K = StateEntry.WholeNumber("k");
    static readonly StateEntry Distance = StateEntry.Number("d"), Max = StateEntry.Number("d_max"), Numerator = StateEntry.Number("d_numerator");
    static readonly StateEntry Denominator = StateEntry.Number("d_denom"), Hat = StateEntry.Number("d_hat"); // for people to look at
    public static readonly StateEntry[] Entries = [Distance, Max, Numerator, K, Denominator, Hat];

    readonly SharedNumbers numbers = numbers;
    readonly double start = o.D0, coefficient = o.DCoefficient, growth = o.GrowthRate, sumDecay = o.SumDecay;

    /// <summary>d before this step.</summary>
    public readonly double D = numbers.Get(Distance, o.D0);

    /// <summary>d times the rate, bias correction included.</summary>
    public double StepSize => D * rate;

    /// <summary>d/d₀, which keeps the sums from being too small.</summary>
    public double Scale => D / start;

    /// <summary>The next d, left in the groups; null when no gradient has been other than 0, so that nothing can be said.</summary>
    public double? Next(double sum, double size)
    {
        if (size == 0)
            return null;
        double numerator = sumDecay * numbers[Numerator] + sum, hat = coefficient * numerator / size;
        double d = D, max = numbers.Get(Max, start);
        if (d == start && hat > d)
            d = hat;
        if (hat > max) // a hat that is no number changes nothing
            max = hat;
        d = d * growth < max ? d * growth : max;
        numbers[Numerator] = numerator;
        numbers[Denominator] = size;
        numbers[Hat] = hat;
        numbers[Distance] = d;
        numbers[Max] = max;
        numbers[K] = numbers[K] + 1;
        return d;
    }
}

/// <summary>S0 is v, S1 s, S2 θ₀, S3 m.</summary>
struct ProdigyRule<T, TMomentum>(ProdigyOptions o, Rounding<T> rounding, in ProdigyEstimate estimate) : IMeasuringRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where TMomentum : IChoice
{
    readonly ProdigyEstimate estimate = estimate;
    readonly double epsilon = o.Epsilon;
    readonly Rounding<T> rounding = rounding;
    readonly bool couples = o.WeightDecay != 0 && !o.Decouple;
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T decay = T.CreateChecked(o.WeightDecay);
    readonly T bySum = T.CreateChecked(estimate.Scale * estimate.StepSize);
    readonly T beta3 = T.CreateChecked(o.SumDecay);
    readonly T w3 = T.CreateChecked(estimate.Scale * (o.SafeguardWarmup ? estimate.D : estimate.StepSize));
    readonly T beta1 = T.CreateChecked(o.Betas.Beta1);
    readonly T w1 = T.CreateChecked(estimate.D * (1 - o.Betas.Beta1));
    readonly T beta2 = T.CreateChecked(o.Betas.Beta2);
    readonly T w2 = T.CreateChecked(estimate.D * estimate.D * (1 - o.Betas.Beta2));
    T keep = T.CreateChecked(o.Decouple ? 1 - o.WeightDecay * estimate.StepSize : 1);
    T stepSize = T.CreateChecked(estimate.StepSize);
    T eps = T.Zero;

    public static int Slots => TMomentum.IsOn ? 4 : 3;

    public static int Sums => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Measure<L>(ref Cell<L> x, ref CellSums<L> sums) where L : struct, ILane<L, T>
    {
        var g = Gradient(x);
        sums.Sum0 = L.Of(bySum) * g * (x.S2 - x.Param);                 // (d/d₀)·dη⟨g, θ₀ − θ⟩
        sums.Sum1 = L.Abs(rounding.Of(rounding.Of(L.Of(beta3) * x.S1) + L.Of(w3) * g)); // ‖s‖₁
    }

    public void Take(in MeasuredSums sums)
    {
        if (estimate.Next(sums.OverAll(0), sums.OverAll(1)) is { } d)
        {
            eps = T.CreateChecked(d * epsilon);
            if (!TMomentum.IsOn)
                stepSize *= T.CreateChecked(d); // as the authors: the new one
        }
        else
        {
            (keep, stepSize, eps) = (T.One, T.Zero, T.One);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = Gradient(x);
        x.S1 = rounding.Of(L.Of(beta3) * x.S1) + L.Of(w3) * g;          // s ← β₃s + (d/d₀)·dη·g
        x.S0 = rounding.Of(rounding.Of(L.Of(beta2) * x.S0) + L.Of(w2) * g * g); // v ← β₂v + d²(1 − β₂)g²
        if (TMomentum.IsOn)
            g = x.S3 = rounding.Of(rounding.Of(L.Of(beta1) * x.S3) + L.Of(w1) * g); // m ← β₁m + d(1 − β₁)g
        x.Param = rounding.Of(x.Param * L.Of(keep));                    // θ ← θ(1 − λdη), when decoupled
        x.Step = L.Of(stepSize) * g / (L.Sqrt(x.S0) + L.Of(eps));       // θ ← θ − dη · m/(√v + dε)
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    readonly L Gradient<L>(in Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = x.Grad * L.Of(sign);
        return couples ? rounding.Of(g + L.Of(decay) * x.Param) : g;    // g ← g + λθ
    }
}
