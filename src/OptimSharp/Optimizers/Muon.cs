using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="Muon"/>.</summary>
public sealed record MuonOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0. Default 1e-3.</summary>
    public override double LearningRate { get; init; } = 1e-3;

    /// <summary>The decoupled weight decay λ, ≥ 0. Default 0.1.</summary>
    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; } = 0.1;

    /// <summary>The momentum μ, in [0, 1]. Default 0.95.</summary>
    [Option("momentum", AtLeast = 0, AtMost = 1)]
    public double Momentum { get; init; } = 0.95;

    /// <summary>Nesterov's momentum. Default true.</summary>
    [Option("nesterov")]
    public bool Nesterov { get; init; } = true;

    /// <summary>The coefficients a, b, c of the Newton–Schulz iteration. Default (3.4445, −4.775, 2.0315).</summary>
    [Option("ns_coefficients")]
    public (double A, double B, double C) NewtonSchulzCoefficients { get; init; } = (3.4445, -4.775, 2.0315);

    /// <summary>ε, below which the update's norm is not taken to be, ≥ 0. Default 1e-7.</summary>
    [Option("eps", AtLeast = 0)]
    public double Epsilon { get; init; } = 1e-7;

    /// <summary>The number of Newton–Schulz iterations, in [0, 100). Default 5.</summary>
    [Option("ns_steps", AtLeast = 0, Below = 100)]
    public int NewtonSchulzSteps { get; init; } = 5;

    /// <summary>How the learning rate depends on the matrix's shape. Default <see cref="MuonRateAdjustment.Original"/>. PyTorch's <c>adjust_lr_fn</c>.</summary>
    [Option("adjust_lr_fn", Choices = ["original", "match_rms_adamw", "spectral_unclamped"])]
    public MuonRateAdjustment RateAdjustment { get; init; }
}

/// <summary>How the learning rate of <see cref="Muon"/> depends on the shape of a matrix with A rows and B columns.</summary>
public enum MuonRateAdjustment
{
    /// <summary>η·√max(1, A/B), as Keller Jordan's original.</summary>
    Original,

    /// <summary>η·0.2·√max(A, B): steps of the size of AdamW's, so that its rate and decay can be taken over (Moonshot).</summary>
    MatchRmsAdamW,

    /// <summary>η·√(A/B).</summary>
    SpectralUnclamped,
}

/// <summary>Muon: momentum whose matrix is made orthogonal, so that every direction moves alike. For hidden layers' matrices only.</summary>
/// <remarks>
/// <para>
/// b ← b + (1 − μ)(g − b);  u = b (Nesterov: g + μ(b − g));  X = u/max(‖u‖, ε);  repeat: A = XXᵀ, X ← aX + (bA + cA²)X;
/// θ ← θ(1 − ηλ) − η·ratio·X.
/// </para>
/// <para>
/// Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024. Follows PyTorch 2.14: X, A and the
/// polynomial are rounded to bfloat16 after each product. The products themselves are summed in single precision in one order,
/// the same bits on every machine. Give embeddings, output layers, biases and gains to <see cref="AdamW"/>: parameters that are
/// not matrices are refused, in groups added later too.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, one that is not a matrix, a complex one, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class Muon(IEnumerable<ParameterGroup<MuonOptions>> groups, MuonOptions? options = null) : Optimizer<MuonOptions>(groups, options)
{
    static readonly StateEntry MomentumBuffer = StateEntry.Tensor("momentum_buffer");

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="Muon(IEnumerable{ParameterGroup{MuonOptions}}, MuonOptions)"/>
    public Muon(IEnumerable<Parameter> parameters, MuonOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [MomentumBuffer];

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, MuonOptions options)
    {
        foreach (var x in group)
            x.ApplyTensor(new MuonRule<T>(options, x.Rounding), MomentumBuffer);
    }

    /// <inheritdoc/>
    protected override void CheckParameter(Parameter parameter)
    {
        if (parameter.Shape.Length != 2)
            throw new ArgumentException($"Muon's parameters must be matrices, but {parameter} is not. AdamW takes any shape.", nameof(parameter));
        RefuseComplex(parameter, "AdamW");
    }
}

readonly struct MuonRule<T>(MuonOptions o, Rounding<T> rounding) : ITensorRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public void Update(in TensorCell<T> x, TensorMath math)
    {
        nint rows = x.Param.Rows, columns = x.Param.Columns;
        var u = math.TakeLike(x.Param);
        math.Apply(new MuonMomentumRule<T>(o), u, x.Grad, x.S0);
        var single = math.Take<float>(rows, columns);
        math.Convert(u, single);
        math.Convert(Orthogonalize(single, math), u);
        double a = rows, b = columns;
        double ratio = o.RateAdjustment switch
        {
            MuonRateAdjustment.MatchRmsAdamW => 0.2 * Math.Sqrt(Math.Max(a, b)),
            MuonRateAdjustment.SpectralUnclamped => Math.Sqrt(a / b),
            _ => Math.Sqrt(Math.Max(1, a / b)),
        };
        double keep = 1 - o.LearningRate * o.WeightDecay;
        math.Apply(new ShrinkAndStepRule<T>(keep, o.LearningRate * ratio, rounding), x.Param, u); // θ ← θ(1 − ηλ) − η·ratio·X
    }

    /// <summary>The Newton–Schulz iteration, on the side with fewer rows.</summary>
    Matrices<float> Orthogonalize(Matrices<float> x, TensorMath math)
    {
        bool turned = x.Rows > x.Columns;
        if (turned)
            x = Transposed(x, math);
        Matrices<float> transposed = math.Take<float>(x.Columns, x.Rows), other = math.TakeLike(x);
        Matrices<float> gram = math.Take<float>(x.Rows, x.Rows), polynomial = math.TakeLike(gram);
        math.Apply(new RoundRule(1), x, x);
        float norm = (BFloat16)MathF.Sqrt((float)math.SumOfSquares(x));
        math.Apply(new RoundRule((BFloat16)Math.Max(norm, (float)o.Epsilon)), x, x);
        var (a, b, c) = ((float)o.NewtonSchulzCoefficients.A, (float)o.NewtonSchulzCoefficients.B, (float)o.NewtonSchulzCoefficients.C);
        for (int i = 0; i < o.NewtonSchulzSteps; i++)
        {
            math.Transpose(x, transposed);
            math.Multiply(1, x, transposed, gram);                                  // A = XXᵀ
            math.Apply(new RoundRule(1), gram, gram);
            math.Multiply(c, gram, gram, b, gram, polynomial);                      // bA + cA²
            math.Apply(new RoundRule(1), polynomial, polynomial);
            math.Multiply(1, polynomial, x, a, x, other);                           // X ← aX + (bA + cA²)X
            math.Apply(new RoundRule(1), other, other);
            (x, other) = (other, x);
        }
        return turned ? Transposed(x, math) : x;
    }

    static Matrices<float> Transposed(Matrices<float> x, TensorMath math)
    {
        var to = math.Take<float>(x.Columns, x.Rows);
        math.Transpose(x, to);
        return to;
    }
}

/// <summary>b ← b + (1 − μ)(g − b);  u = b, or g + μ(b − g).</summary>
readonly struct MuonMomentumRule<T>(MuonOptions o) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly Lerp<T> average = new(1 - o.Momentum), look = new(o.Nesterov ? o.Momentum : 1);

    public static int Slots => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        x.S0 = average.Between(x.S0, x.Grad);
        x.Param = look.Between(x.Grad, x.S0);
    }
}

/// <summary>x ← y/a, rounded to bfloat16.</summary>
readonly struct RoundRule(float a) : IUpdateRule<float>
{
    readonly Rounding<float> rounding = new(ElementType.BFloat16);

    public static int Slots => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, float> => x.Param = rounding.Of(x.Grad / L.Of(a));
}
