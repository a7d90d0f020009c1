using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="LARS"/>.</summary>
public sealed record LARSOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0. Default 1.</summary>
    public override double LearningRate { get; init; } = 1;

    /// <summary>The momentum μ, ≥ 0. Default 0: no momentum, no state.</summary>
    [Option("momentum", AtLeast = 0)]
    public double Momentum { get; init; }

    /// <summary>The dampening d of the gradient that enters the momentum. Default 0.</summary>
    [Option("dampening")]
    public double Dampening { get; init; }

    /// <summary>The weight decay λ, added to the gradient, ≥ 0. Default 0: then parameters are stepped as <see cref="SGD"/> does, unless <see cref="AlwaysAdapt"/> is set.</summary>
    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; }

    /// <summary>Nesterov's momentum: needs a momentum, and no dampening. Default false.</summary>
    [Option("nesterov")]
    public bool Nesterov { get; init; }

    /// <summary>The trust coefficient τ, ≥ 0: how long a step is, of the length of the weights. Default 0.001.</summary>
    [Option("trust_coeff", AtLeast = 0)]
    public double TrustCoefficient { get; init; } = 0.001;

    /// <summary>ε, added to the denominator of the ratio, ≥ 0. Default 1e-8.</summary>
    [Option("eps", AtLeast = 0)]
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Lets the ratio make steps shorter than those of <see cref="SGD"/>, not longer (LARC). Default false.</summary>
    [Option("trust_clip")]
    public bool TrustClip { get; init; }

    /// <summary>Adapts groups without weight decay, too. Default false.</summary>
    [Option("always_adapt")]
    public bool AlwaysAdapt { get; init; }

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }

    /// <inheritdoc/>
    protected override (string Option, string Problem)? CheckTogether() => !Nesterov || (Momentum > 0 && Dampening == 0) ? null
        : (nameof(Nesterov), string.Create(CultureInfo.InvariantCulture, $"Nesterov needs Momentum > 0 and Dampening = 0, but they are {Momentum} and {Dampening}"));
}

/// <summary>LARS: gradient descent with a rate for each tensor, by the length of its weights and of its gradient.</summary>
/// <remarks>
/// <para>
/// r = τ‖θ‖/(‖g‖ + λ‖θ‖ + ε), 1 where a norm is 0 (with the clip: min(r/η, 1));  g ← r(g + λθ);
/// b ← μb + (1 − d)g, and b ← g the first time;  θ ← θ − η·b (Nesterov: θ − η(g + μb)).
/// </para>
/// <para>
/// You, Gitman and Ginsburg, "Large batch training of convolutional networks", 2017. Follows timm's: groups without weight decay (biases, gains) are not adapted.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class LARS(IEnumerable<ParameterGroup<LARSOptions>> groups, LARSOptions? options = null) : Optimizer<LARSOptions>(groups, options)
{
    static readonly StateEntry MomentumBuffer = StateEntry.Tensor("momentum_buffer", optional: true);
    static readonly StateEntry[] Entries = [MomentumBuffer];

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="LARS(IEnumerable{ParameterGroup{LARSOptions}}, LARSOptions)"/>
    public LARS(IEnumerable<Parameter> parameters, LARSOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Entries;

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, LARSOptions options)
    {
        bool adapts = options.WeightDecay != 0 || options.AlwaysAdapt;
        foreach (var x in group)
        {
            if (options.Momentum != 0)
            {
                var rule = new LARSRule<T, On>(options, x.Rounding, first: !x.Has(MomentumBuffer));
                if (adapts)
                    x.ApplyMeasured(rule, MomentumBuffer);
                else
                    x.Apply(new WithoutSums<LARSRule<T, On>, T>(rule), MomentumBuffer);
            }
            else if (adapts)
            {
                x.ApplyMeasured(new LARSRule<T, Off>(options, x.Rounding, first: false));
            }
            else
            {
                x.Apply(new WithoutSums<LARSRule<T, Off>, T>(new(options, x.Rounding, first: false)));
            }
        }
    }
}

struct LARSRule<T, TMomentum>(LARSOptions o, Rounding<T> rounding, bool first) : IMeasuringRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where TMomentum : IChoice
{
    readonly double rate = o.LearningRate, trust = o.TrustCoefficient, weightDecay = o.WeightDecay, epsilon = o.Epsilon;
    readonly bool clips = o.TrustClip, nesterov = o.Nesterov;
    readonly Rounding<T> rounding = rounding;
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T decay = T.CreateChecked(o.WeightDecay);
    readonly T lr = T.CreateChecked(o.LearningRate);
    readonly T momentum = T.CreateChecked(o.Momentum);
    readonly T entering = T.CreateChecked(first ? 1 : 1 - o.Dampening); // with b = 0 the first time: b ← g
    T ratio = T.One;

    public static int Slots => TMomentum.IsOn ? 1 : 0;

    public static int Sums => 2;

    public static int MeasuredSlots => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Measure<L>(ref Cell<L> x, ref CellSums<L> sums) where L : struct, ILane<L, T>
    {
        sums.Sum0 = x.Param * x.Param;                                      // ‖θ‖²
        sums.Sum1 = x.Grad * x.Grad;                                        // ‖g‖²
    }

    public void Take(in MeasuredSums sums)
    {
        double weights = Math.Sqrt(sums[0]), gradient = Math.Sqrt(sums[1]);
        double r = weights > 0 && gradient > 0 ? trust * weights / (gradient + weightDecay * weights + epsilon) : 1;
        if (clips)
            r = rate > 0 ? Math.Min(r / rate, 1) : 1;
        ratio = T.CreateChecked(r);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = L.Of(ratio) * (x.Grad * L.Of(sign) + L.Of(decay) * x.Param); // g ← r(g + λθ)
        if (TMomentum.IsOn)
        {
            x.S0 = rounding.Of(L.Of(momentum) * x.S0) + L.Of(entering) * g; // b ← μb + (1 − d)g
            g = nesterov ? g + L.Of(momentum) * x.S0 : x.S0;
        }
        x.Step = L.Of(lr) * g;                                              // θ ← θ − ηg
    }
}
