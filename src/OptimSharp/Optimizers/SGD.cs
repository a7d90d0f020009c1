using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="SGD"/>.</summary>
public sealed record SGDOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0. Default 1e-3.</summary>
    public override double LearningRate { get; init; } = 1e-3;

    /// <summary>The momentum μ, ≥ 0. Default 0: no momentum, no state.</summary>
    [Option("momentum", AtLeast = 0)]
    public double Momentum { get; init; }

    /// <summary>The dampening τ of the gradient that enters the momentum. Default 0.</summary>
    [Option("dampening")]
    public double Dampening { get; init; }

    /// <summary>The weight decay λ (L2 penalty, added to the gradient), ≥ 0. Default 0.</summary>
    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; }

    /// <summary>Nesterov's momentum; needs a momentum and no dampening. Default false.</summary>
    [Option("nesterov")]
    public bool Nesterov { get; init; }

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }

    /// <inheritdoc/>
    protected override (string Option, string Problem)? CheckTogether() => !Nesterov || (Momentum > 0 && Dampening == 0) ? null
        : (nameof(Nesterov), string.Create(CultureInfo.InvariantCulture, $"Nesterov needs Momentum > 0 and Dampening = 0, but they are {Momentum} and {Dampening}"));

    /// <inheritdoc/>
    protected override bool AllowsInfinity => true; // as PyTorch
}

/// <summary>Stochastic gradient descent, with momentum, dampening, weight decay and Nesterov's momentum.</summary>
/// <remarks>
/// <para>
/// g ← g + λθ;  b ← μb + (1 − τ)g, and b ← g the first time;  θ ← θ − η·b (Nesterov: θ − η(g + μb)).
/// </para>
/// <para>
/// Follows PyTorch: the rate multiplies the whole velocity (Sutskever et al., "On the importance of initialization and
/// momentum in deep learning", 2013, has it inside), and the first velocity is not dampened. NaN rates are refused.
/// A sparse gradient costs by its rows; with a momentum, which moves the others too, by the table.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class SGD(IEnumerable<ParameterGroup<SGDOptions>> groups, SGDOptions? options = null) : Optimizer<SGDOptions>(groups, options)
{
    static readonly StateEntry MomentumBuffer = StateEntry.Tensor("momentum_buffer", optional: true);

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="SGD(IEnumerable{ParameterGroup{SGDOptions}}, SGDOptions)"/>
    public SGD(IEnumerable<Parameter> parameters, SGDOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [MomentumBuffer];

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, SGDOptions options)
    {
        foreach (var x in group)
        {
            if (options.Momentum == 0)
            {
                x.Apply(new SGDRule<T, Off>(options, x.Rounding, first: false));
            }
            else
            {
                x.Densify(); // the momentum moves rows that have no gradient now
                x.Apply(new SGDRule<T, On>(options, x.Rounding, first: !x.Has(MomentumBuffer)), MomentumBuffer);
            }
        }
    }

    /// <inheritdoc/>
    protected override string? Refuses(bool sparse, SGDOptions options) => !sparse || options.WeightDecay == 0 ? null
        : "SGD's weight decay moves every row and does not go with sparse gradients: leave out one of the two, or give a dense gradient.";
}

readonly struct SGDRule<T, TMomentum>(SGDOptions o, Rounding<T> rounding, bool first) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where TMomentum : IChoice
{
    readonly Rounding<T> rounding = rounding;
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T lr = T.CreateChecked(o.LearningRate);
    readonly T decay = T.CreateChecked(o.WeightDecay);
    readonly T momentum = T.CreateChecked(o.Momentum);
    readonly T entering = T.CreateChecked(first ? 1 : 1 - o.Dampening); // with b = 0 the first time: b ← g
    readonly bool decays = o.WeightDecay != 0;
    readonly bool nesterov = o.Nesterov;

    public static int Slots => TMomentum.IsOn ? 1 : 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = x.Grad * L.Of(sign);
        if (decays)
            g = rounding.Of(g + L.Of(decay) * x.Param);                     // g ← g + λθ
        if (TMomentum.IsOn)
        {
            x.S0 = rounding.Of(L.Of(momentum) * x.S0) + L.Of(entering) * g; // b ← μb + (1 − τ)g
            g = nesterov ? g + L.Of(momentum) * x.S0 : x.S0;
        }
        x.Step = L.Of(lr) * g;                                              // θ ← θ − ηg
    }
}
