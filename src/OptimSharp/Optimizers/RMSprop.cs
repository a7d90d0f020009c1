using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="RMSprop"/>.</summary>
public sealed record RMSpropOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0. Default 1e-2.</summary>
    public override double LearningRate { get; init; } = 1e-2;

    /// <summary>α, the decay of the running averages, in [0, 1]. Default 0.99.</summary>
    [Option("alpha", AtLeast = 0, AtMost = 1)]
    public double Alpha { get; init; } = 0.99;

    /// <summary>ε, added to the denominator, ≥ 0. Default 1e-8.</summary>
    [Option("eps", AtLeast = 0)]
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>The weight decay λ (L2 penalty, added to the gradient), ≥ 0. Default 0.</summary>
    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; }

    /// <summary>The momentum μ, ≥ 0. Default 0: none.</summary>
    [Option("momentum", AtLeast = 0, AddedLater = true)]
    public double Momentum { get; init; }

    /// <summary>Divides by the gradient's standard deviation instead of its root mean square. Default false.</summary>
    [Option("centered")]
    public bool Centered { get; init; }

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }

    /// <inheritdoc/>
    protected override bool AllowsInfinity => true; // as PyTorch

    /// <inheritdoc/>
    protected override (string Option, string Problem)? CheckTogether() => !Centered || Averages <= StatePrecision.Parameter ? null
        : (nameof(StatePrecision), $"StatePrecision must be {nameof(StatePrecision.Compute)} or {nameof(StatePrecision.Parameter)} with Centered, which takes one average from another, but is {Averages}");

    /// <summary>Of the two that one is taken from the other, the one in fewer bits.</summary>
    StatePrecision Averages => (StatePrecision)Math.Max((int)PrecisionOf("square_avg"), (int)PrecisionOf("grad_avg"));
}

/// <summary>RMSprop: gradients divided by their running root mean square.</summary>
/// <remarks>
/// <para>
/// g ← g + λθ;  s ← αs + (1 − α)g²;  centered: a ← αa + (1 − α)g, s' = s − a², else s' = s;
/// b ← μb + g/(√s' + ε);  θ ← θ − ηb.
/// </para>
/// <para>
/// Tieleman and Hinton, lecture 6.5 of "Neural networks for machine learning", 2012; centered: Graves, "Generating sequences with recurrent
/// neural networks", 2013. Follows PyTorch 2.14: ε is outside the root (TensorFlow has it inside). Unlike PyTorch, centering and
/// momentum can be switched on later.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class RMSprop(IEnumerable<ParameterGroup<RMSpropOptions>> groups, RMSpropOptions? options = null) : Optimizer<RMSpropOptions>(groups, options)
{
    static readonly StateEntry SquareAvg = StateEntry.Tensor("square_avg", range: StateRange.NonNegative), MomentumBuffer = StateEntry.Tensor("momentum_buffer", optional: true), GradAvg = StateEntry.Tensor("grad_avg", optional: true);

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="RMSprop(IEnumerable{ParameterGroup{RMSpropOptions}}, RMSpropOptions)"/>
    public RMSprop(IEnumerable<Parameter> parameters, RMSpropOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [StateEntry.Step, SquareAvg, MomentumBuffer, GradAvg];

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, RMSpropOptions options)
    {
        foreach (var x in group)
        {
            x.NextStep();
            switch (options.Centered, options.Momentum > 0)
            {
                case (false, false): x.Apply(new RMSpropRule<T, Off, Off>(options, x.Rounding), SquareAvg); break;
                case (false, true): x.Apply(new RMSpropRule<T, Off, On>(options, x.Rounding), SquareAvg, MomentumBuffer); break;
                case (true, false): x.Apply(new RMSpropRule<T, On, Off>(options, x.Rounding), SquareAvg, GradAvg); break;
                case (true, true): x.Apply(new RMSpropRule<T, On, On>(options, x.Rounding), SquareAvg, GradAvg, MomentumBuffer); break;
            }
        }
    }
}

readonly struct RMSpropRule<T, TCentered, TMomentum>(RMSpropOptions o, Rounding<T> rounding) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where TCentered : IChoice
    where TMomentum : IChoice
{
    readonly Rounding<T> rounding = rounding;
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T decay = T.CreateChecked(o.WeightDecay);
    readonly T alpha = T.CreateChecked(o.Alpha);
    readonly T w = T.CreateChecked(1 - o.Alpha);
    readonly Lerp<T> average = new(1 - o.Alpha);
    readonly T eps = T.CreateChecked(o.Epsilon);
    readonly T momentum = T.CreateChecked(o.Momentum);
    readonly T lr = T.CreateChecked(o.LearningRate);
    readonly bool decays = o.WeightDecay != 0;

    public static int Slots
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 1 + (TCentered.IsOn ? 1 : 0) + (TMomentum.IsOn ? 1 : 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = x.Grad * L.Of(sign);
        if (decays)
            g = rounding.Of(g + L.Of(decay) * x.Param);                     // g ← g + λθ
        x.S0 = L.Of(alpha) * x.S0 + L.Of(w) * g * g;                        // s ← αs + (1 − α)g²
        var square = x.S0;
        if (TCentered.IsOn)
        {
            x.S1 = average.Between(x.S1, g);                                // a ← a + (1 − α)(g − a)
            square -= x.S1 * x.S1;                                          // s' = s − a²
        }
        var denominator = rounding.Of(rounding.Of(L.Sqrt(square)) + L.Of(eps)); // PyTorch stores both: it shows where b cancels
        if (!TMomentum.IsOn)
            x.Step = L.Of(lr) * g / denominator;                            // θ ← θ − η·g/(√s' + ε)
        else if (TCentered.IsOn)
            x.Step = L.Of(lr) * (x.S2 = L.Of(momentum) * x.S2 + g / denominator); // b ← μb + g/(√s' + ε);  θ ← θ − ηb
        else
            x.Step = L.Of(lr) * (x.S1 = L.Of(momentum) * x.S1 + g / denominator);
    }
}
