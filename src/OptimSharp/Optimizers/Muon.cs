using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="Muon"/>.</summary>
public record MuonOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0. Default 1e-3.</summary>
    public override double LearningRate { get; init; } = 1e-3;

    /// <summary>The decoupled weight decay λ, ≥ 0. Default 0.1.</summary>
    [Option("weight_decay", AtLeast = 0)]
    public virtual double WeightDecay { get; init; } = 0.1;

    /// <summary>The momentum μ, in [0, 1]. Default 0.95.</summary>
    [Option("momentum", AtLeast = 0, AtMost = 1)]
    public double Momentum { get; init; } = 0.95;

    /// <summary>Nesterov's momentum. Default true.</summary>
    [Option("nesterov")]
    public bool Nesterov { get; init; } = true;

    /// <summary>The coefficients a, b, c of the Newton–Schulz iteration. Default (3.4445, −4.775, 2.0315).</summary>
    [Option("ns_coefficients", AddedLater = true)]
    public (double A, double B, double C) NewtonSchulzCoefficients { get; init; } = (3.4445, -4.775, 2.0315);

    /// <summary>ε, below which the update's norm is not taken to be, ≥ 0. Default 1e-7.</summary>
    [Option("eps", AtLeast = 0, AddedLater = true)]
    public double Epsilon { get; init; } = 1e-7;

    /// <summary>The number of Newton–Schulz iterations, in [0, 100). Default 5.</summary>
    [Option("ns_steps", AtLeast = 0, Below = 100, AddedLater = true)]
    public int NewtonSchulzSteps { get; init; } = 5;

    /// <summary>How the learning rate depends on the matrix's shape. Default <see cref="MuonRateAdjustment.Original"/>. PyTorch's <c>adjust_lr_fn</c>.</summary>
    [Option("adjust_lr_fn", Choices = ["original", "match_rms_adamw", "spectral_unclamped"], AddedLater = true)]
    public MuonRateAdjustment RateAdjustment { get; init; }

    /// <summary>Coefficients of the Newton–Schulz iteration that change from one to the next. Default <see cref="NewtonSchulzSchedule.Constant"/>. Not in PyTorch.</summary>
    [Option("ns_schedule", Choices = ["constant", "quintic", "polar_express_5", "polar_express_8"], OnlyIfSet = true)]
    public NewtonSchulzSchedule NewtonSchulzSchedule { get; init; }

    /// <summary>Iterates in single precision instead of rounding to bfloat16 after each product. Default false. Not in PyTorch.</summary>
    [Option("ns_float32", OnlyIfSet = true)]
    public bool SinglePrecision { get; init; }

    /// <summary>What parameters of more than two dimensions are. Default <see cref="MuonShape.Matrices"/>: there are none. Not in PyTorch.</summary>
    [Option("matrix_shape", Choices = ["matrices", "filters", "stacks"], OnlyIfSet = true)]
    public MuonShape Shape { get; init; }

    /// <summary>
    /// The rows of each part of a matrix that holds several maps, one below the other: <c>[4096, 1024, 1024]</c> for queries, keys and values. Each part is made orthogonal by itself, and has the
    /// ratio of its own shape, as if it were a parameter. They add up to the rows of each matrix of the group. Default none: a matrix is one map. Not in PyTorch.
    /// </summary>
    [Option("split_sizes", AtLeast = 1, OnlyIfSet = true)]
    public WholeNumbers Splits { get; init; } = WholeNumbers.None;

    /// <inheritdoc/>
    protected override bool AllowsInfinity => true; // as PyTorch
}

/// <summary>What the parameters of more than two dimensions are in a group of <see cref="Muon"/>. A matrix is a matrix with each.</summary>
public enum MuonShape
{
    /// <summary>There are none: they are refused, as by PyTorch.</summary>
    Matrices,

    /// <summary>Filters of a convolution: the first dimension counts rows, all others together columns.</summary>
    Filters,

    /// <summary>Stacks of matrices, of experts say: the last two dimensions are rows and columns, and each matrix is made orthogonal by itself.</summary>
    Stacks,
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
/// not matrices are refused, in groups added later too, unless <see cref="MuonOptions.Shape"/> says what they are.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, one that is not a matrix or does not fit <see cref="MuonOptions.Splits"/>, a complex one, or an option out of range.</exception>
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
        {
            CheckShape(x.Parameter, options, nameof(Muon));
            x.ApplyTensor(new MuonRule<T>(options, new(x.Shape, options), x.Rounding), MomentumBuffer);
        }
    }

    /// <inheritdoc/>
    protected override void CheckParameter(Parameter parameter) => RefuseComplex(parameter, "AdamW");

    /// <inheritdoc/>
    protected override void CheckParameter(Parameter parameter, MuonOptions options) => CheckShape(parameter, options, nameof(Muon));

    internal static void CheckShape(Parameter parameter, MuonOptions options, string optimizer)
    {
        var shape = parameter.Shape;
        if (shape.Length < 2 || shape.Length > 2 && options.Shape == MuonShape.Matrices)
        {
            throw new ArgumentException($"{optimizer}'s parameters must be matrices, but {parameter} is not. "
                + (shape.Length > 2 ? "Shape (MuonShape.Filters, MuonShape.Stacks) says which matrices it is; " : "") + "AdamW takes any shape.", nameof(parameter));
        }
        if (options.Splits.Count == 0)
            return;
        long rows = options.Shape == MuonShape.Filters ? shape[0] : shape[^2];
        Int128 sum = 0; // of numbers that a file may have
        for (int i = 0; i < options.Splits.Count; i++)
            sum += options.Splits[i];
        if (sum != rows)
            throw new ArgumentException($"Splits, {options.Splits}, add up to {sum}, but {parameter} has {rows} rows.", nameof(parameter));
    }
}

readonly struct MuonRule<T>(MuonOptions o, MuonBlocks blocks, Rounding<T> rounding) : ITensorRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public void Update(in TensorCell<T> x, TensorMath math)
    {
        var u = math.TakeLike(x.Param);
        math.Apply(new MuonMomentumRule<T>(o), u, x.Grad, x.S0);
        var newtonSchulz = new NewtonSchulz(o, blocks.MostRows, blocks.Columns, math);
        double keep = 1 - o.LearningRate * o.WeightDecay;
        foreach (var (first, rows) in blocks)
        {
            var block = blocks.Of(u, first, rows);
            newtonSchulz.Orthogonalize(block);
            math.Apply(new ShrinkAndStepRule<T>(keep, o.LearningRate * blocks.Ratio(rows), rounding), blocks.Of(x.Param, first, rows), block); // θ ← θ(1 − ηλ) − η·ratio·X
        }
    }
}

/// <summary>The matrices of a parameter that are made orthogonal each by itself: ranges of the rows of one tall matrix.</summary>
readonly struct MuonBlocks
{
    readonly MuonOptions o;
    readonly nint all, rows; // in the tall matrix, and in each matrix before it is split

    public MuonBlocks(ReadOnlySpan<long> shape, MuonOptions o)
    {
        nint count = 1;
        foreach (long size in shape)
            count *= (nint)size;
        this.o = o;
        rows = (nint)(o.Shape == MuonShape.Filters ? shape[0] : shape[^2]);
        Columns = o.Shape != MuonShape.Filters ? (nint)shape[^1] : rows == 0 ? 0 : count / rows;
        all = Columns == 0 ? 0 : count / Columns;
    }

    public nint Columns { get; }

    /// <summary>The rows of the largest.</summary>
    public nint MostRows
    {
        get
        {
            nint most = o.Splits.Count == 0 ? rows : 0;
            for (int i = 0; i < o.Splits.Count; i++)
                most = Math.Max(most, (nint)o.Splits[i]);
            return most;
        }
    }

    /// <summary>What a rate is multiplied by for a matrix with so many rows.</summary>
    public double Ratio(nint rows)
    {
        double a = rows, b = Columns;
        return o.RateAdjustment switch
        {
            MuonRateAdjustment.MatchRmsAdamW => 0.2 * Math.Sqrt(Math.Max(a, b)),
            MuonRateAdjustment.SpectralUnclamped => Math.Sqrt(a / b),
            _ => Math.Sqrt(Math.Max(1, a / b)),
        };
    }

    /// <summary>One of them, of the parameter or of what has its sizes; or, of a state with a number for each row, these.</summary>
    public Matrices<T> Of<T>(Matrices<T> x, nint first, nint rows) where T : unmanaged => x.As(all, all == 0 ? 0 : x.Count / all).RowRange(first, rows);

    public Enumerator GetEnumerator() => new(this);

    public struct Enumerator(MuonBlocks blocks)
    {
        nint next;
        int i;

        /// <summary>The first row, and the number of rows.</summary>
        public (nint First, nint Rows) Current { get; private set; }

        public bool MoveNext()
        {
            if (next >= blocks.all)
                return false;
            nint rows = blocks.o.Splits is { Count: > 0 } splits ? (nint)splits[i++ % splits.Count] : blocks.rows;
            Current = (next, rows);
            next += rows;
            return true;
        }
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
