using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="Adagrad"/>.</summary>
public sealed record AdagradOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0. Default 1e-2.</summary>
    public override double LearningRate { get; init; } = 1e-2;

    /// <summary>The decay of the learning rate, ≥ 0: step t is taken with η/(1 + (t − 1) · decay). Default 0. PyTorch's <c>lr_decay</c>.</summary>
    [Option("lr_decay", AtLeast = 0)]
    public double LearningRateDecay { get; init; }

    /// <summary>The weight decay λ (L2 penalty, added to the gradient), ≥ 0. Default 0.</summary>
    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; }

    /// <summary>What the sum of squares begins with, ≥ 0. Default 0.</summary>
    [Option("initial_accumulator_value", AtLeast = 0)]
    public double InitialAccumulatorValue { get; init; }

    /// <summary>ε, added to the denominator, ≥ 0. Default 1e-10.</summary>
    [Option("eps", AtLeast = 0)]
    public double Epsilon { get; init; } = 1e-10;

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }

    /// <inheritdoc/>
    protected override bool AllowsInfinity => true; // as PyTorch
}

/// <summary>Adagrad: each element's rate falls with the sum of its squared gradients. Made for sparse gradients.</summary>
/// <remarks>
/// <para>
/// g ← g + λθ;  s ← s + g²;  θ ← θ − η/(1 + (t − 1)·decay) · g / (√s + ε).
/// </para>
/// <para>
/// Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic optimization", 2011. Follows PyTorch 2.14.
/// A sparse gradient costs by its rows, and gives the bits that the dense one would. Unlike PyTorch, state is made on the first
/// step with a gradient, from the group's own initial value; so parameters added later have it.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class Adagrad(IEnumerable<ParameterGroup<AdagradOptions>> groups, AdagradOptions? options = null) : Optimizer<AdagradOptions>(groups, options)
{
    static readonly StateEntry Sum = StateEntry.Tensor("sum", range: StateRange.NonNegative);

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="Adagrad(IEnumerable{ParameterGroup{AdagradOptions}}, AdagradOptions)"/>
    public Adagrad(IEnumerable<Parameter> parameters, AdagradOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [StateEntry.Step, Sum];

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, AdagradOptions options)
    {
        foreach (var x in group)
        {
            double lr = options.LearningRate / (1 + (x.NextStep() - 1) * options.LearningRateDecay);
            x.Start(Sum, options.InitialAccumulatorValue);
            x.Apply(new AdagradRule<T>(options, x.Rounding, lr), Sum);
        }
    }

    /// <inheritdoc/>
    protected override string? Refuses(bool sparse, AdagradOptions options) => !sparse || options.WeightDecay == 0 ? null
        : "Adagrad's weight decay moves every row and does not go with sparse gradients: leave out one of the two, or give a dense gradient.";
}

readonly struct AdagradRule<T>(AdagradOptions o, Rounding<T> rounding, double decayedLr) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly Rounding<T> rounding = rounding;
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T decay = T.CreateChecked(o.WeightDecay);
    readonly T eps = T.CreateChecked(o.Epsilon);
    readonly T lr = T.CreateChecked(decayedLr);
    readonly bool decays = o.WeightDecay != 0;

    public static int Slots => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = x.Grad * L.Of(sign);
        if (decays)
            g = rounding.Of(g + L.Of(decay) * x.Param);                     // g ← g + λθ
        x.S0 += g * g;                                                      // s ← s + g²
        x.Step = L.Of(lr) * g / (L.Sqrt(x.S0) + L.Of(eps));                 // θ ← θ − ηₜ · g / (√s + ε)
    }
}
