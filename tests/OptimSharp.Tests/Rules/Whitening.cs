using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Tests.Rules;

/// <summary>Options of <see cref="Whitening"/>.</summary>
sealed record WhiteningOptions : OptimizerOptions
{
    public override double LearningRate { get; init; } = 0.1;
}

/// <summary>
/// θ ← θ − η(F + εI)^(−1/4)g, F ← F + ggᵀ for each matrix, with a state for rows, columns and the whole that are read by <see cref="TensorMath.ApplyAcross"/>: Shampoo's left half.
/// </summary>
[method: OverloadResolutionPriority(1)]
sealed class Whitening(IEnumerable<ParameterGroup<WhiteningOptions>> groups, WhiteningOptions? options = null) : Optimizer<WhiteningOptions>(groups, options)
{
    static readonly StateEntry Rows = StateEntry.Tensor("rows", StateShape.Rows), Columns = StateEntry.Tensor("columns", StateShape.Columns), Count = StateEntry.Tensor("count", StateShape.Scalar, initial: 1);

    public Whitening(IEnumerable<Parameter> parameters, WhiteningOptions? options = null) : this(Group(parameters), options)
    {
    }

    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [StateEntry.Step, Rows, Columns, Count];

    protected override void CheckParameter(Parameter parameter)
    {
        RefuseComplex(parameter, "Adam");
        if (parameter.Shape.Length < 2)
            throw new ArgumentException($"Matrices only, but {parameter} is none.", nameof(parameter));
    }

    protected override void Update<T>(GroupStep<T> group, WhiteningOptions options)
    {
        foreach (var x in group)
        {
            x.NextStep();
            x.ApplyTensor(new WhiteningRule<T>(options.LearningRate), Rows, Columns, Count);
        }
    }
}

readonly struct WhiteningRule<T>(double lr) : ITensorRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public void Update(in TensorCell<T> x, TensorMath math)
    {
        var g = math.TakeLike(x.Grad);
        math.Apply(new ScaleRule<T>(1), g, x.Grad);
        Matrices<T> f = math.Take<T>(g.Rows, g.Rows, g.Batch), root = math.TakeLike(f), u = math.TakeLike(g), means = math.TakeLike(x.S0);
        math.MultiplyTransposedRight(T.One, g, g, T.Zero, default, f);
        math.InverseRoot(f, 4, epsilon: 1, root);
        for (nint b = 0; b < g.Batch; b++)
            math.MultiplyTransposedLeft(T.One, root[b], g[b], T.Zero, default, u[b]);
        math.MeanSquareOfRows(u, means);
        math.Apply(new LerpRule<T>(0.5), x.S0, means);
        var columns = math.TakeLike(x.S1);
        math.MeanSquareOfColumns(u, columns);
        math.Apply(new LerpRule<T>(0.5), x.S1, columns);
        x.S2.Row(0)[0] += T.One;
        var each = math.Take<T>(1, 1, g.Batch);
        for (nint b = 0; b < g.Batch; b++)
            each.Row(b)[0] = x.S2.Row(0)[0];
        math.ApplyAcross(new Across<T>(lr), x.Param, u, x.S0, x.S1, each);
    }

    readonly struct Across<TNumber>(double lr) : IUpdateRule<TNumber>
        where TNumber : unmanaged, IBinaryFloatingPointIeee754<TNumber>
    {
        readonly TNumber lr = TNumber.CreateChecked(lr);

        public static int Slots => 3;

        public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, TNumber> =>
            x.Step = L.Of(lr) * x.Grad / (L.Sqrt(x.S0 * x.S1) + L.Of(TNumber.One)) / x.S2;
    }
}
