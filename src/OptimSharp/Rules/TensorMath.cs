using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Engine;

namespace OptimSharp.Rules;

/// <summary>
/// What a tensor rule computes with: sums, means, products, elementwise rules, scratch memory. <b>Every result has the same bits whatever the number of threads
/// and the width of the processor's vectors.</b> Each operation uses several threads by itself; a rule calls one after the other. Nothing is allocated once warm.
/// </summary>
public sealed unsafe partial class TensorMath
{
    readonly TensorOps ops;

    internal TensorMath(TensorOps ops) => this.ops = ops;

    /// <summary>The number of the present update.</summary>
    internal int Updates { get; private set; }

    internal TensorOps Ops => ops;

    /// <summary>Ends an update: what was taken for it is given back.</summary>
    internal void End()
    {
        ops.Release();
        Updates++;
    }

    /// <summary>Scratch memory with anything in it, until the update ends.</summary>
    public Matrices<T> Take<T>(nint rows, nint columns, nint batch = 1) where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        ArgumentOutOfRangeException.ThrowIfNegative(batch);
        return new(this, ops.Take<T>(checked(batch * rows * columns)), batch, rows, columns);
    }

    /// <summary>Scratch memory of the sizes of other matrices.</summary>
    public Matrices<T> TakeLike<T>(Matrices<T> other) where T : unmanaged => Take<T>(other.Rows, other.Columns, other.Batch);

    /// <summary>Σ xᵢyᵢ over all numbers, summed in double.</summary>
    /// <exception cref="ArgumentException">They have different numbers of numbers.</exception>
    public double Dot<T>(Matrices<T> x, Matrices<T> y) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        SameCount(x, y);
        return ops.Dot(x.Start, y.Start, x.Count);
    }

    /// <summary>Σ xᵢ² over all numbers, summed in double.</summary>
    public double SumOfSquares<T>(Matrices<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T> => ops.SumOfSquares(x.Start, x.Count);

    /// <summary>Σ |xᵢ| over all numbers, summed in double.</summary>
    public double SumOfSizes<T>(Matrices<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T> => ops.SumOfSizes(x.Start, x.Count);

    /// <summary>max |xᵢ| over all numbers; NaN when one is; 0 for none.</summary>
    public double Largest<T>(Matrices<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T> => ops.Largest(x.Start, x.Count);

    /// <summary>Runs an elementwise rule: any formula over up to eight tensors.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="param">What it has as <see cref="Cell{L}.Param"/>, and writes.</param>
    /// <param name="grad">What it has as <see cref="Cell{L}.Grad"/>: may be <paramref name="param"/> itself.</param>
    /// <param name="states">What it has as <see cref="Cell{L}.S0"/> and so on.</param>
    /// <exception cref="ArgumentException">They are not as many as the rule has slots, or have different numbers of numbers.</exception>
    public void Apply<T, TRule>(in TRule rule, Matrices<T> param, Matrices<T> grad, params ReadOnlySpan<Matrices<T>> states)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TRule : struct, IUpdateRule<T>
    {
        Measuring<TRule, T>.Refuse("Take the sums with TensorMath, and give the rule what is made of them.");
        SameCount(param, grad);
        var at = new Streams { Param = (byte*)param.Start, Grad = (byte*)grad.Start };
        if (states.Length != TRule.Slots)
            throw new ArgumentException($"{typeof(TRule).Name} has {TRule.Slots} slots, but was given {states.Length} states.", nameof(states));
        foreach (var state in states)
            SameCount(param, state);
        if (TRule.Slots > 0) at.S0 = (byte*)states[0].Start;
        if (TRule.Slots > 1) at.S1 = (byte*)states[1].Start;
        if (TRule.Slots > 2) at.S2 = (byte*)states[2].Start;
        if (TRule.Slots > 3) at.S3 = (byte*)states[3].Start;
        if (TRule.Slots > 4) at.S4 = (byte*)states[4].Start;
        if (TRule.Slots > 5) at.S5 = (byte*)states[5].Start;
        ops.Apply<T, TRule>(rule, at, param.Count);
    }

    /// <summary>Runs an elementwise rule over matrices, with a number for each row as <see cref="Cell{L}.S0"/>, for each column as S1, for each matrix as S2. The rule may not change these.</summary>
    /// <param name="rule">The rule, of three slots.</param>
    /// <param name="param">What it has as <see cref="Cell{L}.Param"/>, and writes.</param>
    /// <param name="grad">What it has as <see cref="Cell{L}.Grad"/>.</param>
    /// <param name="rows">A number for each row: as many as there are rows in all matrices.</param>
    /// <param name="columns">A number for each column of each matrix.</param>
    /// <param name="each">A number for each matrix.</param>
    /// <exception cref="ArgumentException">The rule has other than three slots, or there are too few or too many numbers.</exception>
    public void ApplyAcross<T, TRule>(in TRule rule, Matrices<T> param, Matrices<T> grad, Matrices<T> rows, Matrices<T> columns, Matrices<T> each)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TRule : struct, IUpdateRule<T>
    {
        SameCount(param, grad);
        if (TRule.Slots != 3)
            throw new ArgumentException($"{typeof(TRule).Name} has {TRule.Slots} slots, but needs three: row, column, matrix.", nameof(rule));
        Needs(rows, param.Batch * param.Rows, "a number for each row", nameof(rows));
        Needs(columns, param.Batch * param.Columns, "a number for each column of each matrix", nameof(columns));
        Needs(each, param.Batch, "a number for each matrix", nameof(each));
        ops.For(new AcrossLoop<T, TRule>
        {
            Rule = rule,
            Param = param.Start,
            Grad = grad.Start,
            OfRows = rows.Start,
            OfColumns = columns.Start,
            OfMatrices = each.Start,
            Rows = param.Rows,
            Columns = param.Columns,
        }, param.Count, cost: 1);
    }

    /// <summary>The mean of the squares of each row, in <paramref name="means"/>: as many numbers as there are rows.</summary>
    public void MeanSquareOfRows<T>(Matrices<T> x, Matrices<T> means) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Needs(means, x.Batch * x.Rows, "a number for each row", nameof(means));
        if (AreSmall(x))
            ops.For(new SmallMeans<T> { X = x.Start, Rows = x.Rows, Columns = x.Columns, Means = means.Start, OfRows = true }, x.Batch, x.Rows * x.Columns);
        else
            ops.MeanSquareOfRows(x.Start, x.Batch * x.Rows, x.Columns, means.Start);
    }

    /// <summary>The mean of the squares of each column of each matrix, in <paramref name="means"/>: as many numbers as there are columns.</summary>
    public void MeanSquareOfColumns<T>(Matrices<T> x, Matrices<T> means) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Needs(means, x.Batch * x.Columns, "a number for each column of each matrix", nameof(means));
        if (AreSmall(x))
            ops.For(new SmallMeans<T> { X = x.Start, Rows = x.Rows, Columns = x.Columns, Means = means.Start }, x.Batch, x.Rows * x.Columns);
        else
            ops.MeanSquareOfColumns(x.Start, x.Batch, x.Rows, x.Columns, means.Start);
    }

    /// <summary>The mean of each matrix, at least <paramref name="least"/>, in <paramref name="means"/>: as many numbers as there are matrices.</summary>
    public void MeanOfMatrices<T>(Matrices<T> x, Matrices<T> means, double least = double.NegativeInfinity) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Needs(means, x.Batch, "a number for each matrix", nameof(means));
        T* from = x.Start, to = means.Start;
        nint count = x.Rows * x.Columns;
        for (nint b = 0; b < x.Batch; b++)
        {
            double sum = 0;
            for (nint i = 0; i < count; i++)
                sum += double.CreateTruncating(from[b * count + i]);
            to[b] = T.CreateChecked(Math.Max(sum / count, least));
        }
    }

    /// <summary>Copies numbers.</summary>
    /// <exception cref="ArgumentException">They are not as many.</exception>
    public void Copy<T>(Matrices<T> from, Matrices<T> to) where T : unmanaged
    {
        SameCount(from, to);
        ops.For(new CopyLoop<T> { From = from.Start, To = to.Start }, from.Count, cost: 1);
    }

    /// <summary>Copies numbers into another type, rounded to nearest.</summary>
    public void Convert<TFrom, TTo>(Matrices<TFrom> from, Matrices<TTo> to)
        where TFrom : unmanaged, IBinaryFloatingPointIeee754<TFrom>
        where TTo : unmanaged, IBinaryFloatingPointIeee754<TTo>
    {
        Needs(to, from.Count, "as many numbers", nameof(to));
        ops.For(new ConvertLoop<TFrom, TTo> { From = from.Start, To = to.Start }, from.Count, cost: 1);
    }

    static void SameCount<T>(Matrices<T> x, Matrices<T> y, [CallerArgumentExpression(nameof(y))] string? name = null) where T : unmanaged =>
        Needs(y, x.Count, "as many numbers as the others", name!);

    static void Needs<T>(Matrices<T> x, nint count, string what, string name) where T : unmanaged
    {
        if (x.Count != count)
            throw new ArgumentException($"{what} ({count}) must be in it, but there are {x.Count}.", name);
    }

    // Sums of so few numbers are taken one after the other: it costs more to hand such a matrix to a loop than to compute.
    static bool AreSmall<T>(Matrices<T> x) where T : unmanaged => x.Batch > 1 && x.Rows * x.Columns <= 128;
}
