using System.Numerics;
using System.Runtime.InteropServices;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>
/// What is done to whole tensors, over host memory: reductions, products, elementwise rules, scratch
/// memory. <b>Every result has the same bits whatever the number of threads and the width of the processor's vectors</b>: sums are
/// taken in chunks of fixed size with sixteen accumulators of fixed layout, and chunk after chunk.
/// </summary>
/// <remarks>
/// Not for use by several threads at once. Nothing is allocated once warm. For numbers that are not in host memory there is <see cref="DeviceOps"/>.
/// </remarks>
internal unsafe partial class TensorOps
{
    const nint Chunk = 4096; // elements of a partial sum

    readonly List<NativeBuffer> scratch = [];
    readonly List<object> loops = [];
    int taken;

    /// <summary>Scratch memory with anything in it, until <see cref="Release"/>.</summary>
    public T* Take<T>(nint count) where T : unmanaged
    {
        if (taken == scratch.Count)
            scratch.Add(new());
        return (T*)scratch[taken++].Ensure(checked(count * sizeof(T)));
    }

    /// <summary>Gives back what was taken last, or as many as were taken last.</summary>
    public void GiveBack(int count = 1) => taken -= count;

    /// <summary>Gives back all scratch memory.</summary>
    public void Release() => taken = 0;

    /// <summary>Σ xᵢyᵢ, summed in double.</summary>
    public double Dot<T>(T* x, T* y, nint count) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        Reduce<T, Reductions.Dot>(x, y, count);

    /// <summary>Σ xᵢ², summed in double.</summary>
    public double SumOfSquares<T>(T* x, nint count) where T : unmanaged, IBinaryFloatingPointIeee754<T> => Dot(x, x, count);

    /// <summary>Σ |xᵢ|, summed in double.</summary>
    public double SumOfSizes<T>(T* x, nint count) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        Reduce<T, Reductions.SumOfSizes>(x, x, count);

    /// <summary>max |xᵢ|; NaN when one is; 0 for none.</summary>
    public double Largest<T>(T* x, nint count) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        Reduce<T, Reductions.Largest>(x, x, count);

    /// <summary>Runs a rule over memory: any elementwise formula.</summary>
    public void Apply<T, TRule>(in TRule rule, nint count, T* param, T* grad, T* s0 = null)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TRule : struct, IUpdateRule<T> =>
        Apply<T, TRule>(rule, new Streams { Param = (byte*)param, Grad = (byte*)grad, S0 = (byte*)s0 }, count);

    /// <summary>The same over as many states as the rule has.</summary>
    public void Apply<T, TRule>(in TRule rule, in Streams at, nint count)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TRule : struct, IUpdateRule<T> =>
        For(new RuleLoop<T, TRule> { Rule = rule, At = at }, count, cost: 1);

    /// <summary>The mean of the squares of each row.</summary>
    public void MeanSquareOfRows<T>(T* x, nint rows, nint columns, T* means) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        For(new RowLoop<T> { X = x, Columns = columns, Means = means }, rows, columns);

    /// <summary>The mean of the squares of each column, for each matrix of a batch.</summary>
    public void MeanSquareOfColumns<T>(T* x, nint batch, nint rows, nint columns, T* means) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        for (nint i = 0; i < batch; i++)
            For(new ColumnLoop<T> { X = x + i * rows * columns, Rows = rows, Columns = columns, Means = means + i * columns }, columns, rows);
    }

    /// <summary>to ← xᵀ.</summary>
    public void Transpose<T>(T* x, nint rows, nint columns, T* to) where T : unmanaged =>
        For(new TransposeLoop<T> { X = x, Rows = rows, Columns = columns, To = to }, (rows + TransposeLoop<T>.Block - 1) / TransposeLoop<T>.Block, TransposeLoop<T>.Block * columns);

    /// <summary>Runs a loop's body over 0 to <paramref name="count"/>, shared by threads when there is enough to do.</summary>
    /// <param name="body">Any split of the range gives the same result.</param>
    /// <param name="count">Its end.</param>
    /// <param name="cost">What one number of the range costs, about, in elements.</param>
    public void For<TBody>(in TBody body, nint count, nint cost) where TBody : struct, ILoopBody
    {
        foreach (object known in loops)
        {
            if (known is Loop<TBody> loop)
            {
                loop.Run(body, count, cost);
                return;
            }
        }
        var made = new Loop<TBody>();
        loops.Add(made);
        made.Run(body, count, cost);
    }

    double Reduce<T, TReduction>(T* x, T* y, nint count)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TReduction : struct, IReduction
    {
        nint chunks = (count + Chunk - 1) / Chunk;
        if (chunks <= 1)
            return Reductions.Run<T, TReduction>(x, y, count);
        double* partial = Take<double>(chunks);
        For(new ReduceLoop<T, TReduction> { X = x, Y = y, Count = count, Partial = partial }, chunks, Chunk);
        double total = partial[0];
        for (nint i = 1; i < chunks; i++)
            total = TReduction.Combine(total, partial[i]);
        GiveBack();
        return total;
    }

    struct ReduceLoop<T, TReduction> : ILoopBody
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TReduction : struct, IReduction
    {
        public T* X, Y;
        public nint Count;
        public double* Partial;

        public readonly void Run(nint first, nint last)
        {
            for (nint i = first; i < last; i++)
                Partial[i] = Reductions.Run<T, TReduction>(X + i * Chunk, Y + i * Chunk, Math.Min(Chunk, Count - i * Chunk));
        }
    }

    struct RuleLoop<T, TRule> : ILoopBody
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TRule : struct, IUpdateRule<T>
    {
        public TRule Rule;
        public Streams At;

        public readonly void Run(nint first, nint last) =>
            ElementwiseKernel<TRule, T>.Run<On>(Rule, At.Behind(first * sizeof(T)), last - first, Execution.UsesWideLanes);
    }

    struct RowLoop<T> : ILoopBody
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        public T* X, Means;
        public nint Columns;

        public readonly void Run(nint first, nint last)
        {
            for (nint i = first; i < last; i++)
                Means[i] = T.CreateChecked(Reductions.Run<T, Reductions.Dot>(X + i * Columns, X + i * Columns, Columns) / Columns);
        }
    }

    struct ColumnLoop<T> : ILoopBody
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        const int Block = 256; // columns summed together, in the first-level cache

        public T* X, Means;
        public nint Rows, Columns;

        [System.Runtime.CompilerServices.SkipLocalsInit]
        public readonly void Run(nint first, nint last)
        {
            double* sums = stackalloc double[Block];
            for (nint from = first; from < last; from += Block)
            {
                nint count = Math.Min(Block, last - from);
                NativeMemory.Clear(sums, Block * sizeof(double));
                for (nint i = 0; i < Rows; i++)
                    Reductions.AddSquares(X + i * Columns + from, sums, count);
                for (nint j = 0; j < count; j++)
                    Means[from + j] = T.CreateChecked(sums[j] / Rows);
            }
        }
    }

    struct TransposeLoop<T> : ILoopBody where T : unmanaged
    {
        public const nint Block = 16;

        public T* X, To;
        public nint Rows, Columns;

        public readonly void Run(nint first, nint last)
        {
            nint end = Math.Min(last * Block, Rows);
            for (nint i0 = first * Block; i0 < end; i0 += Block)
            {
                for (nint j = 0; j < Columns; j++)
                {
                    for (nint i = i0; i < Math.Min(i0 + Block, end); i++)
                        To[j * Rows + i] = X[i * Columns + j];
                }
            }
        }
    }
}

/// <summary>A loop whose range may be split anywhere.</summary>
internal interface ILoopBody
{
    void Run(nint first, nint last);
}

/// <summary>Runs a loop's body with several threads, without allocating.</summary>
internal sealed class Loop<TBody> : ISharedWork where TBody : struct, ILoopBody
{
    const nint WorthSharing = 32 * 1024; // elements; less work than this stays on its thread

    readonly WorkerTeam team;
    TBody body;
    long next, total, piece;

    public Loop() => team = new WorkerTeam(this);

    public void Run(in TBody body, nint count, nint cost)
    {
        int threads = count == 1 || (long)count * cost < 2 * WorthSharing ? 1 : Execution.ThreadCount;
        if (threads == 1)
        {
            var alone = body;
            alone.Run(0, count);
            return;
        }
        (this.body, next, total) = (body, 0, count);
        piece = Math.Clamp(count / (threads * 4L), Math.Max(1, WorthSharing / 2 / Math.Max(cost, 1)), Math.Max(1, (1 << 20) / Math.Max(cost, 1)));
        team.Run(threads);
        this.body = default;
    }

    void ISharedWork.TakePart()
    {
        while (true)
        {
            long from = Interlocked.Add(ref next, piece) - piece;
            if (from >= total)
                return;
            body.Run((nint)from, (nint)Math.Min(from + piece, total));
        }
    }
}
