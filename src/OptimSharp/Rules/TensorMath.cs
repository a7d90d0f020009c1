using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Engine;

namespace OptimSharp.Rules;

/// <summary>
/// What a tensor rule computes with: sums, means, products, elementwise rules, scratch memory. <b>Every result has the same bits whatever the number of threads
/// and the width of the processor's vectors.</b> Each operation uses several threads by itself; a rule calls one after the other. Nothing is allocated once warm.
/// </summary>
/// <remarks>For parameters on another device the same is done there, by its library. Then the bits are the library's, and a sum of all numbers waits for the device.</remarks>
public sealed unsafe partial class TensorMath
{
    readonly TensorOps ops;
    readonly DeviceOps? device; // where the matrices are, when not in host memory

    internal TensorMath(DeviceOps? device = null) => (ops, this.device) = (new(), device);

    /// <summary>The number of the present update.</summary>
    internal int Updates { get; private set; }

    internal TensorOps Ops => ops;

    /// <summary>Null: matrices are in host memory.</summary>
    internal DeviceOps? Device => device;

    /// <summary>Ends an update: what was taken for it is given back.</summary>
    internal void End()
    {
        Updates++;
        ops.Release();
        device?.Release();
    }

    /// <summary>Whether a state is where matrices are, of the type computed in: <see cref="At"/> can have it.</summary>
    internal bool Holds<T>(StateTensor state) where T : unmanaged =>
        device is null ? state is HostTensor && state.Type == Storage.Of<T>() : device.Place<T>(state) is not null;

    /// <summary>A state itself.</summary>
    internal Matrices<T> At<T>(StateTensor state, nint batch, nint rows, nint columns) where T : unmanaged =>
        device is null ? new(this, (T*)((HostTensor)state).Start, batch, rows, columns) : new(this, null, batch, rows, columns, device.Place<T>(state));

    /// <summary>A state of zeros, where matrices are.</summary>
    internal StateTensor CreateState(ReadOnlySpan<long> shape, ElementType type) => device is null ? new HostTensor(shape, type) : device.CreateState(shape, type);

    /// <summary>Copies a state, from wherever it is.</summary>
    internal void Read<T>(StateTensor state, Matrices<T> to) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (device is null)
            state.Read(to.Start);
        else
            device.Read(state, to);
    }

    /// <summary>Sets a state, rounded to its type.</summary>
    internal void Write<T>(Matrices<T> from, StateTensor state) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (device is null)
            state.Write(from.Start);
        else
            device.Write(from, state);
    }

    /// <summary>Copies a parameter, or its gradient.</summary>
    internal void Read<T>(Parameter parameter, bool ofGradient, Matrices<T> to) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (device is null)
            parameter.Read(to.Start, ofGradient);
        else
            device.Read(parameter, ofGradient, to);
    }

    /// <summary>Sets a parameter, rounded to its type.</summary>
    internal void Write<T>(Matrices<T> from, Parameter parameter) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (device is null)
            parameter.Write(from.Start);
        else
            device.Write(from, parameter);
    }

    /// <summary>Scratch memory with anything in it, until the update ends.</summary>
    public Matrices<T> Take<T>(nint rows, nint columns, nint batch = 1) where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        ArgumentOutOfRangeException.ThrowIfNegative(batch);
        nint count = checked(batch * rows * columns);
        return device is null ? new(this, ops.Take<T>(count), batch, rows, columns) : new(this, null, batch, rows, columns, device.Take<T>(count));
    }

    /// <summary>Scratch memory of the sizes of other matrices.</summary>
    public Matrices<T> TakeLike<T>(Matrices<T> other) where T : unmanaged => Take<T>(other.Rows, other.Columns, other.Batch);

    /// <summary>Σ xᵢyᵢ over all numbers, summed in double.</summary>
    /// <exception cref="ArgumentException">They have different numbers of numbers.</exception>
    public double Dot<T>(Matrices<T> x, Matrices<T> y) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        SameCount(x, y);
        return device is null ? ops.Dot(x.Start, y.Start, x.Count) : device.Dot(x, y);
    }

    /// <summary>Σ xᵢ² over all numbers, summed in double.</summary>
    public double SumOfSquares<T>(Matrices<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        device is null ? ops.SumOfSquares(x.Start, x.Count) : device.Dot(x, x);

    /// <summary>Σ |xᵢ| over all numbers, summed in double.</summary>
    public double SumOfSizes<T>(Matrices<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        device is null ? ops.SumOfSizes(x.Start, x.Count) : device.SumOfSizes(x);

    /// <summary>max |xᵢ| over all numbers; NaN when one is; 0 for none.</summary>
    public double Largest<T>(Matrices<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        device is null ? ops.Largest(x.Start, x.Count) : device.Largest(x);

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
        if (states.Length != TRule.Slots)
            throw new ArgumentException($"{typeof(TRule).Name} has {TRule.Slots} slots, but was given {states.Length} states.", nameof(states));
        foreach (var state in states)
            SameCount(param, state);
        if (device is not null)
        {
            device.Apply(rule, param, grad, states);
            return;
        }
        var at = new Streams { Param = (byte*)param.Start, Grad = (byte*)grad.Start };
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
        if (device is not null)
        {
            device.ApplyAcross(rule, param, grad, rows, columns, each);
            return;
        }
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
        if (device is not null)
            device.MeanSquares(x, means, ofRows: true);
        else if (AreSmall(x))
            ops.For(new SmallMeans<T> { X = x.Start, Rows = x.Rows, Columns = x.Columns, Means = means.Start, OfRows = true }, x.Batch, x.Rows * x.Columns);
        else
            ops.MeanSquareOfRows(x.Start, x.Batch * x.Rows, x.Columns, means.Start);
    }

    /// <summary>The mean of the squares of each column of each matrix, in <paramref name="means"/>: as many numbers as there are columns.</summary>
    public void MeanSquareOfColumns<T>(Matrices<T> x, Matrices<T> means) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Needs(means, x.Batch * x.Columns, "a number for each column of each matrix", nameof(means));
        if (device is not null)
            device.MeanSquares(x, means, ofRows: false);
        else if (AreSmall(x))
            ops.For(new SmallMeans<T> { X = x.Start, Rows = x.Rows, Columns = x.Columns, Means = means.Start }, x.Batch, x.Rows * x.Columns);
        else
            ops.MeanSquareOfColumns(x.Start, x.Batch, x.Rows, x.Columns, means.Start);
    }

    /// <summary>The mean of each matrix, at least <paramref name="least"/>, in <paramref name="means"/>: as many numbers as there are matrices.</summary>
    public void MeanOfMatrices<T>(Matrices<T> x, Matrices<T> means, double least = double.NegativeInfinity) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Needs(means, x.Batch, "a number for each matrix", nameof(means));
        if (device is not null)
        {
            device.MeanOfMatrices(x, means, least);
            return;
        }
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
        if (device is not null)
            device.Copy(from, to);
        else
            ops.For(new CopyLoop<T> { From = from.Start, To = to.Start }, from.Count, cost: 1);
    }

    /// <summary>Copies numbers into another type, rounded to nearest.</summary>
    public void Convert<TFrom, TTo>(Matrices<TFrom> from, Matrices<TTo> to)
        where TFrom : unmanaged, IBinaryFloatingPointIeee754<TFrom>
        where TTo : unmanaged, IBinaryFloatingPointIeee754<TTo>
    {
        Needs(to, from.Count, "as many numbers", nameof(to));
        if (device is not null)
            device.Copy(from, to);
        else
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
