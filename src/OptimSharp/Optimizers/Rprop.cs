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

    internal override (string, string)? CheckTogether() =>
        !(Etas.Minus < 1 && Etas.Plus > 1)
            ? (nameof(Etas), $"Etas must be below and above 1, but are {OptionDescriptor.Text(Etas.Minus)} and {OptionDescriptor.Text(Etas.Plus)}")
        : StepSizes.Min > StepSizes.Max
            ? (nameof(StepSizes), $"StepSizes must be in order, but are {OptionDescriptor.Text(StepSizes.Min)} and {OptionDescriptor.Text(StepSizes.Max)}")
        : null;
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
public sealed class Rprop : Optimizer<RpropOptions>
{
    static readonly StateEntry[] Entries = [StateEntry.Step, new("prev"), new("step_size")];

    /// <summary>For parameters that share one set of options.</summary>
    /// <exception cref="ArgumentException">No parameters, one twice, or an option out of range.</exception>
    public Rprop(IEnumerable<Parameter> parameters, RpropOptions? options = null) : base(parameters, options)
    {
    }

    /// <summary>For groups of parameters with options of their own; what a group does not override is taken from <paramref name="options"/>.</summary>
    /// <inheritdoc cref="Rprop(IEnumerable{Parameter}, RpropOptions)"/>
    [OverloadResolutionPriority(1)]
    public Rprop(IEnumerable<ParameterGroup<RpropOptions>> groups, RpropOptions? options = null) : base(groups, options)
    {
    }

    internal override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Entries;

    private protected override void Update<T>(GroupUpdate<T> group, RpropOptions options)
    {
        foreach (var x in group)
        {
            x.NextStep();
            x.Start("prev", 0);
            x.Start("step_size", options.LearningRate);
            x.Apply(new RpropRule<T>(options), "prev", "step_size");
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
        x.Param -= L.IfPositive(g, x.S1, L.IfPositive(zero - g, zero - x.S1, zero)); // θ ← θ − sign(g)·Δ
        x.S0 = g;                                                           // g' ← g
    }
}
