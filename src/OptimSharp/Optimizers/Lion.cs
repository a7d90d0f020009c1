using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="Lion"/>.</summary>
public sealed record LionOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0: a third to a tenth of <see cref="AdamW"/>'s. Default 1e-4.</summary>
    public override double LearningRate { get; init; } = 1e-4;

    /// <summary>β₁, how much of the step is momentum, and β₂, the decay of the momentum; each in [0, 1). Default (0.9, 0.99).</summary>
    [Option("betas", AtLeast = 0, Below = 1)]
    public (double Beta1, double Beta2) Betas { get; init; } = (0.9, 0.99);

    /// <summary>The weight decay λ, decoupled, ≥ 0: three to ten times <see cref="AdamW"/>'s. Default 0.</summary>
    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; }

    /// <summary>Which elements of the step are taken. Default: all.</summary>
    [Option("caution", Choices = [false, true, "grams"], OnlyIfSet = true)]
    public StepMask Mask { get; init; }

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }
}

/// <summary>Lion: every element moves by the rate, in the direction that momentum and gradient agree on.</summary>
/// <remarks>
/// <para>
/// θ ← θ(1 − ηλ);  u = sign(β₁m + (1 − β₁)g), with sign(0) = 0;  m ← β₂m + (1 − β₂)g;  θ ← θ − ηu.
/// </para>
/// <para>
/// Chen et al., "Symbolic discovery of optimization algorithms", 2023, arXiv 2302.06675. PyTorch 2.14 has none; follows the authors' code
/// in google/automl. That one has no maximizing and takes no complex parameters: here their parts are numbers of their own, as with PyTorch's optimizers.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class Lion(IEnumerable<ParameterGroup<LionOptions>> groups, LionOptions? options = null) : Optimizer<LionOptions>(groups, options)
{
    static readonly StateEntry ExpAvg = StateEntry.Tensor("exp_avg");
    static readonly StateEntry[] Entries = [ExpAvg];

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="Lion(IEnumerable{ParameterGroup{LionOptions}}, LionOptions)"/>
    public Lion(IEnumerable<Parameter> parameters, LionOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Entries;

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, LionOptions options)
    {
        foreach (var x in group)
            x.Apply(new LionRule<T>(options, x.Rounding), options.Mask, options.Maximize, ExpAvg);
    }
}

readonly struct LionRule<T>(LionOptions o, Rounding<T> rounding) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T keep = T.CreateChecked(1 - o.LearningRate * o.WeightDecay);
    readonly T lr = T.CreateChecked(o.LearningRate);
    readonly T beta1 = T.CreateChecked(o.Betas.Beta1);
    readonly T w1 = T.CreateChecked(1 - o.Betas.Beta1);
    readonly T beta2 = T.CreateChecked(o.Betas.Beta2);
    readonly T w2 = T.CreateChecked(1 - o.Betas.Beta2);
    readonly Rounding<T> rounding = rounding;

    public static int Slots => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = x.Grad * L.Of(sign);
        x.Param = rounding.Of(x.Param * L.Of(keep));                                        // θ ← θ(1 − ηλ)
        var u = L.Sign(rounding.Of(L.Of(beta1) * x.S0) + rounding.Of(L.Of(w1) * g));        // u = sign(β₁m + (1 − β₁)g)
        x.S0 = rounding.Of(L.Of(beta2) * x.S0) + L.Of(w2) * g;                              // m ← β₂m + (1 − β₂)g
        x.Step = L.Of(lr) * u;                                                              // θ ← θ − ηu
    }
}
