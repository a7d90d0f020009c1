using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="NorMuon"/>: those of <see cref="Muon"/>, with the rate and decay of its authors, and β₂.</summary>
public sealed record NorMuonOptions : MuonOptions
{
    /// <summary>The learning rate η, ≥ 0. Default 0.02.</summary>
    public override double LearningRate { get; init; } = 0.02;

    /// <summary>The decoupled weight decay λ, ≥ 0. Default 0.</summary>
    public override double WeightDecay { get; init; }

    /// <summary>β₂, the decay of the average of each row's squares, in [0, 1]. Default 0.95.</summary>
    [Option("beta2", AtLeast = 0, AtMost = 1)]
    public double Beta2 { get; init; } = 0.95;

    /// <inheritdoc/>
    protected override bool AllowsInfinity => false;
}

/// <summary>NorMuon: Muon whose rows, one for each neuron, are brought to about the same length.</summary>
/// <remarks>
/// <para>
/// X as <see cref="Muon"/> has it;  s ← s + (1 − β₂)(mean of X² by row − s);  Y = X/(√s + 10⁻¹⁰);  θ ← θ(1 − ηλ) − η·ratio·Y·‖X‖/(‖Y‖ + 10⁻¹⁰).
/// </para>
/// <para>
/// Li et al., "NorMuon: making Muon more efficient and scalable", 2025. Follows the authors' code, but a parameter without a gradient stays; filters have one average for each
/// filter, and the ratio of the matrix that they make, where theirs look at the last two dimensions; and the average is as precise as all state.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, one that is not a matrix or does not fit <see cref="MuonOptions.Splits"/>, a complex one, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class NorMuon(IEnumerable<ParameterGroup<NorMuonOptions>> groups, NorMuonOptions? options = null) : Optimizer<NorMuonOptions>(groups, options)
{
    static readonly StateEntry MomentumBuffer = StateEntry.Tensor("momentum_buffer"), SecondMomentum = StateEntry.Tensor("second_momentum_buffer", StateShape.Rows);

    // Which of the two a parameter of more dimensions has depends on Shape.
    static readonly StateEntry OfStacks = StateEntry.Tensor("second_momentum_buffer", StateShape.Rows, optional: true),
        OfFilters = StateEntry.Tensor("second_momentum_filters", StateShape.Outputs, optional: true);

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="NorMuon(IEnumerable{ParameterGroup{NorMuonOptions}}, NorMuonOptions)"/>
    public NorMuon(IEnumerable<Parameter> parameters, NorMuonOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) =>
        parameter.Shape.Length == 2 ? [MomentumBuffer, SecondMomentum] : [MomentumBuffer, OfStacks, OfFilters];

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, NorMuonOptions options)
    {
        foreach (var x in group)
        {
            Muon.CheckShape(x.Parameter, options, nameof(NorMuon));
            var average = x.Shape.Length == 2 ? SecondMomentum : options.Shape == MuonShape.Filters ? OfFilters : OfStacks;
            x.ApplyTensor(new NorMuonRule<T>(options, new(x.Shape, options), x.Rounding), MomentumBuffer, average);
        }
    }

    /// <inheritdoc/>
    protected override void CheckParameter(Parameter parameter) => RefuseComplex(parameter, "AdamW");

    /// <inheritdoc/>
    protected override void CheckParameter(Parameter parameter, NorMuonOptions options) => Muon.CheckShape(parameter, options, nameof(NorMuon));
}

readonly struct NorMuonRule<T>(NorMuonOptions o, MuonBlocks blocks, Rounding<T> rounding) : ITensorRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    const double Tiny = 1e-10;

    public void Update(in TensorCell<T> x, TensorMath math)
    {
        Matrices<T> u = math.TakeLike(x.Param), means = math.TakeLike(x.S1), unused = math.Take<T>(blocks.Columns, 1);
        math.Apply(new MuonMomentumRule<T>(o), u, x.Grad, x.S0);
        var newtonSchulz = new NewtonSchulz(o, blocks.MostRows, blocks.Columns, math);
        double keep = 1 - o.LearningRate * o.WeightDecay;
        foreach (var (first, rows) in blocks)
        {
            Matrices<T> block = blocks.Of(u, first, rows), s = blocks.Of(x.S1, first, rows), mean = blocks.Of(means, first, rows);
            newtonSchulz.Orthogonalize(block);
            double length = Math.Sqrt(math.SumOfSquares(block));
            math.MeanSquareOfRows(block, mean);
            math.Apply(new LerpRule<T>(1 - o.Beta2), s, mean);                                          // s ← s + (1 − β₂)(mean of X² by row − s)
            math.ApplyAcross(new DivideRowsRule<T>(Tiny), block, block, s, unused, unused.RowRange(0, 1)); // Y = X/(√s + 10⁻¹⁰)
            length /= Math.Sqrt(math.SumOfSquares(block)) + Tiny;
            math.Apply(new ShrinkAndStepRule<T>(keep, o.LearningRate * blocks.Ratio(rows) * length, rounding), blocks.Of(x.Param, first, rows), block);
        }
    }
}

/// <summary>x ← y/(√s + ε), with s of the row.</summary>
readonly struct DivideRowsRule<T>(double eps) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T eps = T.CreateChecked(eps);

    public static int Slots => 3;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> => x.Param = x.Grad / (L.Sqrt(x.S0) + L.Of(eps));
}
