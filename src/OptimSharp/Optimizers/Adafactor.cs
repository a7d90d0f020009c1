using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Engine;
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
    /// ε₁, below which the estimated root mean square does not fall, ≥ 0 (null: the machine epsilon of the parameter's type); and ε₂, below
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
    static readonly StateEntry Variance = StateEntry.Tensor("variance");
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
            var update = new AdafactorUpdate<T>(options, t, weight: x.Power(t, options.Beta2Decay), EpsilonOf(x.ElementType, options), x.Rounding, factored);
            if (factored)
                x.ApplyWhole(update, RowVar, ColVar);
            else
                x.ApplyWhole(update, Variance);
        }
    }

    /// <inheritdoc/>
    protected override void CheckParameter(Parameter parameter) => RefuseComplex(parameter, "Adam");

    static double EpsilonOf(ElementType type, AdafactorOptions options) => options.Epsilon.Epsilon1 ?? type switch
    {
        ElementType.Float64 => Math.ScaleB(1, -52),
        ElementType.Float16 => Math.ScaleB(1, -10),
        ElementType.BFloat16 => Math.ScaleB(1, -7),
        _ => Math.ScaleB(1, -23),
    };
}

readonly unsafe struct AdafactorUpdate<T>(AdafactorOptions o, long t, double weight, double eps1, Rounding<T> rounding, bool factored) : ITensorUpdate<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    // A matrix of no more elements, such as the 3 × 3 of a convolution, costs more to hand to a loop than to compute.
    const int Small = 128;

    readonly double relativeStep = Math.Min(o.LearningRate, 1 / Math.Sqrt(t));
    readonly double eps2 = o.Epsilon.Epsilon2, d = o.ClippingThreshold;
    readonly double keep = 1 - o.LearningRate * o.WeightDecay, sign = o.Maximize ? -1 : 1;

    public void Update(in WholeTensor<T> x, TensorOps ops)
    {
        nint n = x.Count;
        double alpha = AtLeast(eps2, Math.Sqrt(ops.SumOfSquares(x.Param, n)) / Math.Sqrt(n)) * relativeStep;
        T* u = ops.Take<T>(n);
        if (factored && x.Batch > 1 && x.Rows * x.Columns <= Small)
            ops.For(new Matrices { U = u, Tensor = x, Weight = weight, Eps1 = eps1 }, x.Batch, x.Rows * x.Columns);
        else if (factored)
            Factored(x, u, ops);
        else
            ops.Apply(new VarianceRule<T>(weight, eps1), n, u, x.Grad, x.S0);
        double rms = Math.Sqrt(ops.SumOfSquares(u, n)) / Math.Sqrt(n);
        ops.Apply(new ShrinkAndStepRule<T>(keep, sign * alpha / AtLeast(1, rms / d), rounding), n, x.Param, u);
    }

    /// <summary>The larger one, and the limit for a NaN: an element that is NaN does not spoil its whole tensor.</summary>
    static double AtLeast(double limit, double value) => value > limit ? value : limit;

    void Factored(in WholeTensor<T> x, T* u, TensorOps ops)
    {
        nint rows = x.Batch * x.Rows, columns = x.Batch * x.Columns;
        T* mean = ops.Take<T>(Math.Max(rows, columns));
        ops.MeanSquareOfRows(x.Grad, rows, x.Columns, mean);
        ops.Apply(new LerpRule<T>(weight), rows, x.S0, mean);                       // r ← r + w(mean of g² by row − r)
        ops.MeanSquareOfColumns(x.Grad, x.Batch, x.Rows, x.Columns, mean);
        ops.Apply(new LerpRule<T>(weight), columns, x.S1, mean);                    // c ← c + w(mean of g² by column − c)
        for (nint b = 0; b < x.Batch; b++)
        {
            double sum = 0;
            for (nint i = 0; i < x.Rows; i++)
                sum += double.CreateTruncating(x.S0[b * x.Rows + i]);
            mean[b] = T.CreateChecked(Math.Max(sum / x.Rows, eps1));
        }
        ops.For(new Rows { U = u, Tensor = x, Mean = mean, Eps1 = eps1 }, rows, x.Columns);
    }

    /// <summary>The same for many small matrices, one after the other.</summary>
    struct Matrices : ILoopBody
    {
        public T* U;
        public WholeTensor<T> Tensor;
        public double Weight, Eps1;

        public readonly void Run(nint first, nint last)
        {
            var average = new Lerp<T>(Weight);
            nint rows = Tensor.Rows, columns = Tensor.Columns;
            for (nint b = first; b < last; b++)
            {
                T* u = U + b * rows * columns, g = Tensor.Grad + b * rows * columns, r = Tensor.S0 + b * rows, c = Tensor.S1 + b * columns;
                double sum = 0;
                for (nint i = 0; i < rows; i++)
                    sum += double.CreateTruncating(r[i] = Next(r[i], MeanSquare(g + i * columns, columns, 1)));
                for (nint j = 0; j < columns; j++)
                    c[j] = Next(c[j], MeanSquare(g + j, rows, columns));
                T mean = T.CreateChecked(Math.Max(sum / rows, Eps1));
                for (nint i = 0; i < rows; i++)
                {
                    var rule = new FactoredRule<T>(r[i], mean, Eps1);
                    for (nint j = 0; j < columns; j++)
                    {
                        Cell<ScalarLane<T, Off>> x = default;
                        (x.Grad.Value, x.S0.Value) = (g[i * columns + j], c[j]);
                        rule.Update(ref x);
                        u[i * columns + j] = x.Param.Value;
                    }
                }
            }

            T Next(T state, double mean) => average.Between(new ScalarLane<T, Off>(state), new(T.CreateChecked(mean))).Value;

            static double MeanSquare(T* from, nint count, nint step)
            {
                double sum = 0;
                for (nint i = 0; i < count; i++)
                {
                    double value = double.CreateTruncating(from[i * step]);
                    sum += value * value;
                }
                return sum / count;
            }
        }
    }

    struct Rows : ILoopBody
    {
        public T* U, Mean;
        public WholeTensor<T> Tensor;
        public double Eps1;

        public readonly void Run(nint first, nint last)
        {
            for (nint i = first; i < last; i++)
            {
                nint batch = i / Tensor.Rows, at = i * Tensor.Columns;
                var rule = new FactoredRule<T>(Tensor.S0[i], Mean[batch], Eps1);
                ElementwiseKernel<FactoredRule<T>, T>.Run<Off>(rule, new Streams { Param = (byte*)(U + at), Grad = (byte*)(Tensor.Grad + at), S0 = (byte*)(Tensor.S1 + batch * Tensor.Columns) }, Tensor.Columns, Execution.UsesWideLanes);
            }
        }
    }
}

/// <summary>u = g/√max(rcᵀ/mean(r), ε₁²) for one row; the columns' c is the state.</summary>
readonly struct FactoredRule<T>(T row, T mean, double eps1) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T least = T.CreateChecked(eps1 * eps1);

    public static int Slots => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> =>
        x.Param = x.Grad / L.Sqrt(L.Max(L.Of(row) * x.S0 / L.Of(mean), L.Of(least)));
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
