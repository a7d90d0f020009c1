using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="SOAP"/>.</summary>
public sealed record SOAPOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0. Default 3e-3.</summary>
    public override double LearningRate { get; init; } = 3e-3;

    /// <summary>β₁ and β₂, the decay of the averages of gradient and squared gradient; each in [0, 1). Default (0.95, 0.95).</summary>
    [Option("betas", AtLeast = 0, Below = 1)]
    public (double Beta1, double Beta2) Betas { get; init; } = (0.95, 0.95);

    /// <summary>β, the decay of the averages of GGᵀ and GᵀG, in [−1, 1); a negative one means β₂. Default −1.</summary>
    [Option("shampoo_beta", AtLeast = -1, Below = 1)]
    public double ShampooBeta { get; init; } = -1;

    /// <summary>ε, added to the denominator, ≥ 0. Default 1e-8.</summary>
    [Option("eps", AtLeast = 0)]
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>The decoupled weight decay λ, ≥ 0. It is taken after the step, of the weights that were just moved. Default 0.01.</summary>
    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; } = 0.01;

    /// <summary>After how many steps the axes are looked for again, ≥ 1. Default 10.</summary>
    [Option("precondition_frequency", AtLeast = 1)]
    public int PreconditionFrequency { get; init; } = 10;

    /// <summary>The largest dimension that is turned, ≥ 0: one of a vocabulary, say, is left as it is. Default 10000.</summary>
    [Option("max_precond_dim", AtLeast = 0)]
    public int MaxPreconditionerDimension { get; init; } = 10_000;

    /// <summary>Takes neighbouring dimensions together as far as their product is at most <see cref="MaxPreconditionerDimension"/>. Default false.</summary>
    [Option("merge_dims")]
    public bool MergeDimensions { get; init; }

    /// <summary>Turns parameters of one dimension, too. Default false.</summary>
    [Option("precondition_1d")]
    public bool Precondition1D { get; init; }

    /// <summary>Makes every step of a parameter as long as any other: its root mean square is 1. Default false.</summary>
    [Option("normalize_grads")]
    public bool NormalizeGradients { get; init; }

    /// <summary>Corrects the averages for their start at zero. Default true.</summary>
    [Option("correct_bias")]
    public bool CorrectBias { get; init; } = true;

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }
}

/// <summary>SOAP: Adam along the axes that Shampoo's matrices have.</summary>
/// <remarks>
/// <para>
/// L ← βL + (1 − β)GGᵀ;  R ← βR + (1 − β)GᵀG;  Q_L, Q_R: their eigenvectors;  G′ = Q_LᵀGQ_R;  M ← β₁M + (1 − β₁)G′;  V ← β₂V + (1 − β₂)G′²;
/// θ ← θ − η√(1 − β₂ᵗ)/(1 − β₁ᵗ) · Q_L(M/(√V + ε))Q_Rᵀ;  θ ← θ(1 − ηλ).
/// </para>
/// <para>
/// Vyas et al., "SOAP: improving and stabilizing Shampoo using Adam", 2024. Follows the authors' code: the first gradient only makes the matrices, and the parameter stays; L, R are averaged after the step; every
/// <see cref="SOAPOptions.PreconditionFrequency"/> steps Q ← the orthogonal factor of LQ, with its columns in the order of their eigenvalues. Parameters of one dimension are Adam's, of more than two have a matrix for each dimension.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, a complex one, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class SOAP(IEnumerable<ParameterGroup<SOAPOptions>> groups, SOAPOptions? options = null) : Optimizer<SOAPOptions>(groups, options)
{
    static readonly StateEntry ExpAvg = StateEntry.Tensor("exp_avg"), ExpAvgSq = StateEntry.Tensor("exp_avg_sq", range: StateRange.NonNegative);
    static readonly StateEntry GG = StateEntry.Matrices("GG"), Q = StateEntry.Matrices("Q");
    static readonly StateEntry Frequency = StateEntry.WholeNumber("precondition_frequency", optional: true), ShampooBeta = StateEntry.Number("shampoo_beta", optional: true);
    static readonly StateEntry[] Entries = [StateEntry.Step, ExpAvg, ExpAvgSq, GG, Q, Frequency, ShampooBeta];

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="SOAP(IEnumerable{ParameterGroup{SOAPOptions}}, SOAPOptions)"/>
    public SOAP(IEnumerable<Parameter> parameters, SOAPOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Entries;

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, SOAPOptions options)
    {
        double beta = options.ShampooBeta >= 0 ? options.ShampooBeta : options.Betas.Beta2;
        Span<MatrixSize> room = stackalloc MatrixSize[SOAPShape.MostDimensions];
        foreach (var x in group)
        {
            bool first = !x.Has(Q);
            long t = first ? 0 : x.NextStep();
            var sizes = SOAPShape.Matrices(x.Shape, options, room);
            x.Start(GG, sizes);
            x.Start(Q, sizes);
            x.SetNumber(Frequency, options.PreconditionFrequency); // for the authors' code: it reads both from here
            x.SetNumber(ShampooBeta, beta);
            bool corrects = options.CorrectBias && t > 0;
            double correction1 = corrects ? 1 - x.Power(options.Betas.Beta1, t) : 1, correction2 = corrects ? 1 - x.Power(options.Betas.Beta2, t) : 1;
            x.ApplyTensor(new SOAPRule<T>(options, x.Parameter, x.Rounding, t, beta, options.LearningRate * Math.Sqrt(correction2) / correction1), ExpAvg, ExpAvgSq, GG, Q);
        }
    }

    /// <inheritdoc/>
    protected override void CheckParameter(Parameter parameter)
    {
        RefuseComplex(parameter, "Adam");
        if (parameter.Shape.Length > SOAPShape.MostDimensions)
            throw new ArgumentException($"SOAP's parameters have at most {SOAPShape.MostDimensions} dimensions, but {parameter} has {parameter.Shape.Length}.", nameof(parameter));
    }

    /// <inheritdoc/>
    protected override (StateEntry Entry, string Problem)? CheckState(Parameter parameter, StateDict state)
    {
        var (gg, q) = (Sides(state, GG), Sides(state, Q));
        foreach (var (entry, sides) in new[] { (GG, gg), (Q, q) })
        {
            if (sides.Length > Math.Max(1, parameter.Shape.Length) || sides.Contains(-1))
                return (entry, $"must have a square matrix, or none, for each dimension of parameter {parameter}");
            if (sides.Length != parameter.Shape.Length)
                continue; // dimensions were merged
            for (int i = 0; i < sides.Length; i++)
            {
                if (sides[i] != 0 && sides[i] != parameter.Shape[i])
                    return (entry, $"has a matrix of {sides[i]} rows for dimension {i} of parameter {parameter}");
            }
        }
        return gg.SequenceEqual(q) ? null : (Q, "must have matrices of the sizes that 'GG' has");

        static long[] Sides(StateDict state, StateEntry entry) =>
            [.. state.GetList(entry.Key).Select(item => item is TensorData data ? data.Shape[0] == data.Shape[1] ? data.Shape[0] : -1 : 0)];
    }
}

/// <summary>How SOAP sees a parameter.</summary>
static class SOAPShape
{
    /// <summary>The most dimensions that a parameter may have.</summary>
    public const int MostDimensions = 16;

    /// <summary>The matrices that a parameter has: one for each dimension, without numbers where that is not turned.</summary>
    public static ReadOnlySpan<MatrixSize> Matrices(ReadOnlySpan<long> shape, SOAPOptions options, Span<MatrixSize> room)
    {
        Span<nint> dimensions = stackalloc nint[MostDimensions];
        int count = Dimensions(shape, options, dimensions).Length;
        for (int i = 0; i < count; i++)
        {
            bool turned = dimensions[i] <= options.MaxPreconditionerDimension && (shape.Length > 1 || options.Precondition1D);
            room[i] = turned ? new(dimensions[i], dimensions[i]) : default;
        }
        return room[..count];
    }

    /// <summary>The dimensions that have a matrix each: the parameter's, or several of them together.</summary>
    public static ReadOnlySpan<nint> Dimensions(ReadOnlySpan<long> shape, SOAPOptions options, Span<nint> room)
    {
        int count = 0;
        if (!options.MergeDimensions || shape.Length < 2)
        {
            foreach (long size in shape)
                room[count++] = (nint)size;
            return room[..count];
        }
        nint together = 1;
        foreach (long size in shape)
        {
            if (together * (nint)size <= options.MaxPreconditionerDimension)
            {
                together *= (nint)size;
                continue;
            }
            room[count++] = together > 1 ? together : (nint)size;
            together = together > 1 ? (nint)size : 1;
        }
        if (together > 1 || count == 0)
            room[count++] = together;
        return room[..count];
    }
}

readonly struct SOAPRule<T>(SOAPOptions o, Parameter parameter, Rounding<T> rounding, long t, double beta, double stepSize) : ITensorRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public void Update(in TensorCell<T> x, TensorMath math)
    {
        Span<nint> room = stackalloc nint[SOAPShape.MostDimensions];
        var dimensions = SOAPShape.Dimensions(parameter.Shape, o, room);
        nint largest = 0;
        foreach (nint size in dimensions)
            largest = size <= o.MaxPreconditionerDimension ? Math.Max(largest, size) : largest;
        var turning = new Turning<T>(math, dimensions, x.L1, math.TakeLike(x.Param), math.TakeLike(x.Param));
        if (t > 0)
            Step(x, turning, math);
        if (!turning.IsAny)
            return;
        turning.TakeOuter(x.L0, x.Grad, new LerpRule<T>(1 - beta), math.Take<T>(largest, largest)); // L ← βL + (1 − β)GGᵀ, and so on
        var axes = new SOAPAxes<T>(math, dimensions, x.L0, x.L1);
        if (t == 0)
            axes.Find();
        else if (t % o.PreconditionFrequency == 0)
        {
            turning.Back(x.S0, x.S0);                                                   // M to the parameter's axes, and to the new ones
            axes.Improve(x.S1);
            turning.There(x.S0, x.S0);
        }
    }

    void Step(in TensorCell<T> x, in Turning<T> turning, TensorMath math)
    {
        var u = math.TakeLike(x.Param);
        turning.There(x.Grad, u);                                                       // G′ = Q_LᵀGQ_R
        math.Apply(new SOAPDirectionRule<T>(o, rounding), u, u, x.S0, x.S1);
        if (turning.IsAny)
            turning.Back(u, u);
        double step = stepSize;
        if (o.NormalizeGradients)
            step /= 1e-30 + Math.Sqrt(math.SumOfSquares(u) / u.Count);
        math.Apply(new StepAndShrinkRule<T>(step, o.LearningRate * o.WeightDecay, rounding), x.Param, u);
    }
}

/// <summary>M ← β₁M + (1 − β₁)G′;  V ← β₂V + (1 − β₂)G′²;  u = M/(√V + ε).</summary>
readonly struct SOAPDirectionRule<T>(SOAPOptions o, Rounding<T> rounding) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T beta1 = T.CreateChecked(o.Betas.Beta1), w1 = T.CreateChecked(1 - o.Betas.Beta1);
    readonly T beta2 = T.CreateChecked(o.Betas.Beta2), w2 = T.CreateChecked(1 - o.Betas.Beta2);
    readonly T eps = T.CreateChecked(o.Epsilon);
    readonly Rounding<T> rounding = rounding;

    public static int Slots => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = x.Grad * L.Of(sign);
        x.S0 = rounding.Of(L.Of(beta1) * x.S0) + L.Of(w1) * g;
        x.S1 = rounding.Of(L.Of(beta2) * x.S1) + L.Of(w2) * (g * g);
        x.Param = x.S0 / (L.Sqrt(x.S1) + L.Of(eps));
    }
}

/// <summary>θ ← θ − step·u;  θ ← θ − shrink·θ.</summary>
readonly struct StepAndShrinkRule<T>(double step, double shrink, Rounding<T> rounding) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T step = T.CreateChecked(step), shrink = T.CreateChecked(shrink);
    readonly Rounding<T> rounding = rounding;

    public static int Slots => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        x.Param = rounding.Of(x.Param - L.Of(step) * x.Grad);
        x.Param -= L.Of(shrink) * x.Param;
    }
}
