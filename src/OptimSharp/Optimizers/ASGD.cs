using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="ASGD"/>.</summary>
public sealed record ASGDOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0. Default 1e-2.</summary>
    public override double LearningRate { get; init; } = 1e-2;

    /// <summary>λₐ, which shrinks the weights and slows the learning rate's fall, ≥ 0. Default 1e-4. PyTorch's <c>lambd</c>.</summary>
    [Option("lambd", AtLeast = 0)]
    public double Lambda { get; init; } = 1e-4;

    /// <summary>α, the power of the learning rate's fall, ≥ 0. Default 0.75.</summary>
    [Option("alpha", AtLeast = 0)]
    public double Alpha { get; init; } = 0.75;

    /// <summary>t₀, the step after which averaging begins. Default 1e6.</summary>
    [Option("t0")]
    public double T0 { get; init; } = 1e6;

    /// <summary>The weight decay λ (L2 penalty, added to the gradient), ≥ 0. Default 0.</summary>
    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; }

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }

    /// <inheritdoc/>
    protected override bool AllowsInfinity => true; // as PyTorch
}

/// <summary>Averaged stochastic gradient descent: a falling rate, and from step t₀ on a running average of the weights.</summary>
/// <remarks>
/// <para>
/// g ← g + λθ;  θ ← θ(1 − λₐηₜ) − ηₜg;  a ← a + μₜ(θ − a);  then ηₜ₊₁ = η/(1 + λₐηt)^α and μₜ₊₁ = 1/max(1, t − t₀).
/// </para>
/// <para>
/// Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992. Follows PyTorch 2.14: a step is taken with the
/// rate found at the end of the one before, so a scheduler acts one step late; the average stays in the state, under <c>ax</c>.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class ASGD(IEnumerable<ParameterGroup<ASGDOptions>> groups, ASGDOptions? options = null) : Optimizer<ASGDOptions>(groups, options)
{
    static readonly StateEntry Eta = StateEntry.Number("eta"), Mu = StateEntry.Number("mu", initial: 1), Ax = StateEntry.Tensor("ax", range: StateRange.Exact);

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="ASGD(IEnumerable{ParameterGroup{ASGDOptions}}, ASGDOptions)"/>
    public ASGD(IEnumerable<Parameter> parameters, ASGDOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [StateEntry.Step, Eta, Mu, Ax];

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, ASGDOptions options)
    {
        foreach (var x in group)
        {
            long t = x.NextStep();
            double eta = x.Number(Eta, options.LearningRate), mu = x.Number(Mu);
            x.Apply(new ASGDRule<T>(options, x.Rounding, eta, mu), Ax);
            x.SetNumber(Eta, options.LearningRate / x.Power(1 + options.Lambda * options.LearningRate * t, options.Alpha));
            x.SetNumber(Mu, 1 / Math.Max(1, t - options.T0));
        }
    }
}

readonly struct ASGDRule<T>(ASGDOptions o, Rounding<T> rounding, double eta, double mu) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T decay = T.CreateChecked(o.WeightDecay);
    readonly T keep = T.CreateChecked(1 - o.Lambda * eta);
    readonly Rounding<T> rounding = rounding;
    readonly T lr = T.CreateChecked(eta);
    readonly T w = T.CreateChecked(mu);
    readonly bool decays = o.WeightDecay != 0, averages = mu != 1;

    public static int Slots => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = x.Grad * L.Of(sign);
        if (decays)
            g = rounding.Of(g + L.Of(decay) * x.Param);                     // g ← g + λθ
        x.Param = rounding.Of(x.Param * L.Of(keep)) - L.Of(lr) * g;         // θ ← θ(1 − λₐηₜ) − ηₜg
        x.S0 = averages ? x.S0 + (x.Param - x.S0) * L.Of(w) : x.Param;      // a ← a + μₜ(θ − a)
    }
}
