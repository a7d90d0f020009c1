using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="Adafactor"/>.</summary>
public sealed record AdafactorOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0: the largest step relative to the parameter's size. Default 1e-2.</summary>
    public override double LearningRate { get; init; } = 1e-2;

    /// <summary>The power c of the averages' weight t^c, ≤ 0. Default −0.8.</summary>
    [Option("beta2_decay", AtMost = 0)]
    public double Beta2Decay { get; init; } = -0.8;

    /// <summary>
    /// ε₁, below which the estimated root mean square does not fall, ≥ 0 (null: the machine epsilon of the parameter's type, and of single precision for bfloat16 parameters that are not kept to nearest); and ε₂, below
    /// which the parameter's size is not taken to be, ≥ 0. Default (null, 1e-3).
    /// </summary>
    [Option("eps", AtLeast = 0)]
    public (double? Epsilon1, double Epsilon2) Epsilon { get; init; } = (null, 1e-3);

    /// <summary>The clipping threshold d, ≥ 1: an update's root mean square does not exceed it. Default 1. PyTorch's <c>d</c>.</summary>
    [Option("d", AtLeast = 1)]
    public double ClippingThreshold { get; init; } = 1;

    /// <summary>The decoupled weight decay λ, ≥ 0. Default 0.</summary>
    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; }

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }

    /// <inheritdoc/>
    protected override bool AllowsInfinity => true; // as PyTorch
}

/// <summary>Adafactor: squared gradients remembered by row and column only, and steps relative to the parameter's size.</summary>
/// <remarks>
/// <para>
/// w = t^c;  α = max(ε₂, rms(θ)) · min(η, 1/√t);  θ ← θ(1 − ηλ);  r ← r + w(mean of g² by row − r);  c ← c + w(mean of g² by column − c);
/// V = rcᵀ / max(mean(r), ε₁)  (one dimension: V ← V + w(g² − V));  u = g/√max(V, ε₁²);  θ ← θ − α · u/max(1, rms(u)/d).
/// </para>
/// <para>
/// Shazeer and Stern, "Adafactor: adaptive learning rates with sublinear memory cost", 2018. Follows PyTorch 2.14: no momentum, and a learning rate
/// that caps the relative step. Unlike PyTorch, ε₁ is taken from each parameter's own type, not from the group's first.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, a complex one, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class Adafactor(IEnumerable<ParameterGroup<AdafactorOptions>> groups, AdafactorOptions? options = null) : Optimizer<AdafactorOptions>(groups, options)
{
    static readonly StateEntry Variance = StateEntry.Tensor("variance", range: StateRange.NonNegative);
    static readonly StateEntry RowVar = StateEntry.Tensor("row_var", StateShape.Rows), ColVar = StateEntry.Tensor("col_var", StateShape.Columns);

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="Adafactor(IEnumerable{ParameterGroup{AdafactorOptions}}, AdafactorOptions)"/>
    public Adafactor(IEnumerable<Parameter> parameters, AdafactorOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) =>
        parameter.Shape.Length > 1 ? [StateEntry.Step, RowVar, ColVar] : [StateEntry.Step, Variance];

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, AdafactorOptions options)
    {
        foreach (var x in group)
        {
            long t = x.NextStep();
            bool factored = x.Shape.Length > 1;
            var rule = new AdafactorRule<T>(options, t, weight: x.Power(t, options.Beta2Decay), EpsilonOf(x.ElementType, options), x.Rounding, factored);
            if (factored)
                x.ApplyTensor(rule, RowVar, ColVar);
            else
                x.ApplyTensor(rule, Variance);
        }
    }

    /// <inheritdoc/>
    protected override void CheckParameter(Parameter parameter) => RefuseComplex(parameter, "Adam");

    static double EpsilonOf(ElementType type, AdafactorOptions options) => options.Epsilon.Epsilon1 ?? type switch
    {
        ElementType.Float64 => Math.ScaleB(1, -52),
        ElementType.Float16 => Math.ScaleB(1, -10),
        ElementType.BFloat16 when options.ParameterPrecision == ParameterPrecision.Nearest => Math.ScaleB(1, -7), // else they are single precision to the rule
        _ => Math.ScaleB(1, -23),
    };
}

readonly struct AdafactorRule<T>(AdafactorOptions o, long t, double weight, double eps1, Rounding<T> rounding, bool factored) : ITensorRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly double relativeStep = Math.Min(o.LearningRate, 1 / Math.Sqrt(t));
    readonly double eps2 = o.Epsilon.Epsilon2, d = o.ClippingThreshold;
    readonly double keep = 1 - o.LearningRate * o.WeightDecay, sign = o.Maximize ? -1 : 1;

    public void Update(in TensorCell<T> x, TensorMath math)
    {
        double alpha = AtLeast(eps2, Rms(x.Param, math)) * relativeStep;
        var u = math.TakeLike(x.Param);
        if (factored)
            Factored(x, u, math);
        else
            math.Apply(new VarianceRule<T>(weight, eps1), u, x.Grad, x.S0);
        math.Apply(new ShrinkAndStepRule<T>(keep, sign * alpha / AtLeast(1, Rms(u, math) / d), rounding), x.Param, u);
    }

    /// <summary>The larger one, and the limit for a NaN: an element that is NaN does not spoil its whole tensor.</summary>
    static double AtLeast(double limit, double value) => value > limit ? value : limit;

    static double Rms(Matrices<T> x, TensorMath math) => Math.Sqrt(math.SumOfSquares(x)) / Math.Sqrt(x.Count);

    void Factored(in TensorCell<T> x, Matrices<T> u, TensorMath math)
    {
        Matrices<T> rows = math.TakeLike(x.S0), columns = math.TakeLike(x.S1), mean = math.Take<T>(1, 1, x.Param.Batch);
        math.MeanSquareOfRows(x.Grad, rows);
        math.Apply(new LerpRule<T>(weight), x.S0, rows);                            // r ← r + w(mean of g² by row − r)
        math.MeanSquareOfColumns(x.Grad, columns);
        math.Apply(new LerpRule<T>(weight), x.S1, columns);                         // c ← c + w(mean of g² by column − c)
        math.MeanOfMatrices(x.S0, mean, least: eps1);
        math.ApplyAcross(new FactoredRule<T>(eps1), u, x.Grad, x.S0, x.S1, mean);   // u = g/√max(rcᵀ/mean(r), ε₁²)
    }
}

/// <summary>u = g/√max(rcᵀ/mean(r), ε₁²): of row, column and matrix.</summary>
readonly struct FactoredRule<T>(double eps1) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T least = T.CreateChecked(eps1 * eps1);

    public static int Slots => 3;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> =>
        x.Param = x.Grad / L.Sqrt(L.Max(x.S0 * x.S1 / x.S2, L.Of(least)));
}

/// <summary>V ← V + w(g² − V);  u = g/√max(V, ε₁²).</summary>
readonly struct VarianceRule<T>(double weight, double eps1) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly Lerp<T> average = new(weight);
    readonly T least = T.CreateChecked(eps1 * eps1);

    public static int Slots => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        x.S0 = average.Between(x.S0, x.Grad * x.Grad);
        x.Param = x.Grad / L.Sqrt(L.Max(x.S0, L.Of(least)));
    }
}
