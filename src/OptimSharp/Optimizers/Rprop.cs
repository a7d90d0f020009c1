using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="Rprop"/>.</summary>
public sealed record RpropOptions : OptimizerOptions
{
    /// <summary>Each element's first step size η, ≥ 0. Default 1e-2. After the first step it has no effect.</summary>
    public override double LearningRate { get; init; } = 1e-2;

    /// <summary>η⁻ and η⁺, by which a step size shrinks or grows: 0 &lt; η⁻ &lt; 1 &lt; η⁺. Default (0.5, 1.2).</summary>
    [Option("etas", Above = 0)]
    public (double Minus, double Plus) Etas { get; init; } = (0.5, 1.2);

    /// <summary>The smallest and the largest step size, each ≥ 0. Default (1e-6, 50).</summary>
    [Option("step_sizes", AtLeast = 0)]
    public (double Min, double Max) StepSizes { get; init; } = (1e-6, 50);

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }

    /// <inheritdoc/>
    protected override (string Option, string Problem)? CheckTogether() =>
        !(Etas.Minus < 1 && Etas.Plus > 1)
            ? (nameof(Etas), string.Create(CultureInfo.InvariantCulture, $"Etas must be below and above 1, but are {Etas.Minus} and {Etas.Plus}"))
        : StepSizes.Min > StepSizes.Max
            ? (nameof(StepSizes), string.Create(CultureInfo.InvariantCulture, $"StepSizes must be in order, but are {StepSizes.Min} and {StepSizes.Max}"))
        : null;

    /// <inheritdoc/>
    protected override bool AllowsInfinity => true; // as PyTorch
}

/// <summary>Rprop: only the gradient's sign counts; each element's step grows while it lasts and shrinks when it changes. For full batches.</summary>
/// <remarks>
/// <para>
/// s = sign(g·g');  Δ ← clamp(Δ·η⁺ where s &gt; 0, Δ·η⁻ where s &lt; 0);  g ← 0 where s &lt; 0;  θ ← θ − sign(g)·Δ;  g' ← g.
/// </para>
/// <para>
/// Riedmiller and Braun, "A direct adaptive method for faster backpropagation learning", 1993; without the way back of weights (iRprop⁻,
/// Igel and Hüsken, 2000), as PyTorch 2.14 has it. The learning rate is only the first step size, so schedulers have no effect.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class Rprop(IEnumerable<ParameterGroup<RpropOptions>> groups, RpropOptions? options = null) : Optimizer<RpropOptions>(groups, options)
{
    static readonly StateEntry Prev = StateEntry.Tensor("prev"), StepSize = StateEntry.Tensor("step_size", range: StateRange.NonNegative);

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="Rprop(IEnumerable{ParameterGroup{RpropOptions}}, RpropOptions)"/>
    public Rprop(IEnumerable<Parameter> parameters, RpropOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [StateEntry.Step, Prev, StepSize];

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, RpropOptions options)
    {
        foreach (var x in group)
        {
            x.NextStep();
            x.Start(StepSize, options.LearningRate);
            x.Apply(new RpropRule<T>(options), Prev, StepSize);
        }
    }
}

readonly struct RpropRule<T>(RpropOptions o) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T shrink = T.CreateChecked(o.Etas.Minus);
    readonly T grow = T.CreateChecked(o.Etas.Plus);
    readonly T min = T.CreateChecked(o.StepSizes.Min);
    readonly T max = T.CreateChecked(o.StepSizes.Max);

    public static int Slots => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        L zero = L.Of(T.Zero), one = L.Of(T.One);
        var g = x.Grad * L.Of(sign);
        var same = g * x.S0;
        var opposite = zero - same;
        var factor = L.IfPositive(same, L.Of(grow), L.IfPositive(opposite, L.Of(shrink), one));
        var step = x.S1 * factor;                                           // Δ ← clamp(Δ·η⁺ or Δ·η⁻ or Δ)
        step = L.IfPositive(L.Of(min) - step, L.Of(min), step);
        x.S1 = L.IfPositive(step - L.Of(max), L.Of(max), step);
        g = L.IfPositive(opposite, zero, g);                                // g ← 0 where the sign changed
        x.Step = L.IfPositive(g, x.S1, L.IfPositive(zero - g, zero - x.S1, zero)); // θ ← θ − sign(g)·Δ
        x.S0 = g;                                                           // g' ← g
    }
}
