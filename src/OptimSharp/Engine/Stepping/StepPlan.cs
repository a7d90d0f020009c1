using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>
/// One step's elementwise work over all parameters: a flat list of (rule, parameter, gradient, states), cut into
/// pieces that threads share. One parallel region per step, whatever the number of tensors; none at all for small
/// work. The lists are reused, so a warm step allocates nothing; and what is known of a parameter's memory stays, so
/// that a step of the same parameters writes little.
/// </summary>
internal sealed class StepPlan : ISharedWork
{
    // A tensor costs about as much as this many elements before its first element is touched.
    const int TensorCost = 64;

    // How much of the next tensor is fetched ahead.
    const int PrefetchedBytes = 1024;

    // Handing a piece to another thread takes some microseconds: less work than this stays where it is.
    const long WorthSharing = 32 * 1024;

    readonly List<Batch> batches = [];
    readonly List<Action> others = [];
    readonly WorkerTeam team;
    long total;
    long next;
    long piece;
    bool borrows; // holds arrays or a frame that are not to be kept beyond the step

    public StepPlan() => team = new WorkerTeam(this);

    /// <summary>Adds a parameter's update.</summary>
    public void AddParameter<TRule, T>(in TRule rule, in StepTarget target)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var batch = BatchOf<TRule, T>();
        ref var work = ref batch.Next(rule);
        work.Describe(target);
        total += batch.Include(work.Count);
        borrows |= target.Frame is not null || target.Rows is not null || target.Memory.Values.IsArray || target.Memory.Gradient.IsArray;
    }

    /// <summary>Adds a rule over memory.</summary>
    public void Add<TRule, T>(in TRule rule, in Work work)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var batch = BatchOf<TRule, T>();
        batch.Next(rule) = work;
        total += batch.Include(work.Count);
        borrows = true;
    }

    /// <summary>Adds work that a backend does by itself, on the caller's thread.</summary>
    public void Add(Action work) => others.Add(work);

    /// <summary>Does everything that was added, with up to <paramref name="threads"/> threads, and forgets it.</summary>
    public void Run(int threads)
    {
        try
        {
            next = 0;
            if (total < 2 * WorthSharing)
                threads = 1;
            piece = threads == 1 ? total : Math.Clamp(total / (threads * 8L), WorthSharing / 2, 1 << 20);
            if (total > 0)
                team.Run(threads);
            foreach (var work in others)
                work();
        }
        finally
        {
            Clear();
        }
    }

    /// <summary>Removes what was added. What is known of parameters' own memory stays for their next step.</summary>
    public void Clear()
    {
        foreach (var batch in batches)
            batch.Clear(borrows);
        others.Clear();
        total = 0;
        borrows = false;
    }

    /// <summary>Forgets parameters and states.</summary>
    public void Forget() => batches.Clear();

    void ISharedWork.TakePart()
    {
        while (true)
        {
            long from = Interlocked.Add(ref next, piece) - piece;
            if (from >= total)
                return;
            long to = Math.Min(from + piece, total);
            foreach (var batch in batches)
            {
                if (from < batch.Cost)
                    batch.Run(from, Math.Min(to, batch.Cost));
                from = Math.Max(0, from - batch.Cost);
                to -= batch.Cost;
                if (to <= 0)
                    break;
            }
        }
    }

    Batch<TRule, T> BatchOf<TRule, T>()
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        foreach (var batch in batches)
        {
            if (batch is Batch<TRule, T> match)
                return match;
        }
        var made = new Batch<TRule, T>();
        batches.Add(made);
        return made;
    }

    /// <summary>One parameter's memory: where it lies and how it is stored.</summary>
    public unsafe struct Work
    {
        public Address Param, Grad;
        public byte* S0, S1, S2;
        public ElementType ParamType, GradType, StateType; // real ones: a complex element is two elements here
        public nint Count;

        /// <summary>
        /// Not null: <see cref="Grad"/> is for these rows of parameter and state only, each <see cref="RowSize"/> long, and <see cref="Count"/> is
        /// the number of their elements.
        /// </summary>
        public long[]? Rows;
        public nint RowSize;

        /// <summary>Not null: what is done around the rule. Then there are no <see cref="Rows"/>.</summary>
        public StepFrame? Frame;
        public byte* Average; // the parameter's, to be updated with it; null for none
        public ElementType AverageType;

        // Whose memory it is: then counts, types and state are as they were in its last step. Of none when its gradient was sparse.
        Parameter? parameter;
        StateTensor? state;

        /// <summary>Describes a parameter in this step.</summary>
        public void Describe(in StepTarget target)
        {
            if (parameter != target.Parameter || state != target.S0 || target.Rows is not null)
                DescribeAnew(target);
            Param = target.Memory.Values;
            Grad = target.Rows is { } rows ? rows.Values : target.Memory.Gradient;
            GradType = (target.Rows?.Type ?? target.GradType).Real();
            Frame = target.Frame;
            var average = target.Frame?.TakeAverage(target.Parameter);
            Average = average is null ? null : (byte*)average.Start;
            AverageType = average?.Type.Real() ?? default;
        }

        void DescribeAnew(in StepTarget target)
        {
            var s0 = (HostTensor?)target.S0;
            this = new()
            {
                parameter = target.Rows is null ? target.Parameter : null,
                state = s0,
                S0 = Start(s0),
                S1 = Start(target.S1),
                S2 = Start(target.S2),
                ParamType = target.Parameter.ElementType.Real(),
                StateType = s0?.Type.Real() ?? default,
                Rows = target.Rows?.Indices,
                RowSize = target.Rows?.RowSize ?? 0,
                Count = target.Rows?.Numbers ?? (nint)target.Parameter.Numbers,
            };

            static byte* Start(StateTensor? state) => state is null ? null : (byte*)((HostTensor)state).Start;
        }

        /// <summary>Lets go of arrays and of what is around the rule.</summary>
        public void Return() => (Param, Grad, Rows, Frame) = (default, default, null, null);
    }

    abstract class Batch
    {
        /// <summary>The batch's share of the plan, in elements (a small tensor counts as <see cref="TensorCost"/>).</summary>
        public long Cost { get; protected set; }

        public abstract void Run(long from, long to);

        public abstract void Clear(bool returns);
    }

    sealed class Batch<TRule, T> : Batch
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        struct Item
        {
            public TRule Rule;
            public Work Work;
        }

        Item[] items = new Item[8];
        long[] ends = new long[8]; // where each item's share ends: the running sum of costs
        int count;

        /// <summary>The next item's work, as it was when the item was last used.</summary>
        public ref Work Next(in TRule rule)
        {
            if (count == items.Length)
            {
                Array.Resize(ref items, 2 * count);
                Array.Resize(ref ends, 2 * count);
            }
            items[count].Rule = rule;
            return ref items[count].Work;
        }

        /// <summary>Takes the next item in, which has this many elements; returns what it costs.</summary>
        public long Include(nint elements)
        {
            long cost = Math.Max(elements, TensorCost);
            Cost += cost;
            ends[count++] = Cost;
            return cost;
        }

        public override void Clear(bool returns)
        {
            for (int i = 0; returns && i < count; i++)
                items[i].Work.Return();
            count = 0;
            Cost = 0;
        }

        /// <summary>
        /// Has the processor fetch a tensor's first lines, while the one before it is worked on. By itself it fetches ahead only after a few
        /// lines of each stream, and a small tensor has no more.
        /// </summary>
        static unsafe void Prefetch(in Work work)
        {
            nint bytes = Math.Min(work.Count * work.ParamType.Size(), PrefetchedBytes);
            if (!Sse.IsSupported || work.Rows is not null)
                return;
            // An address that is no longer good does no harm here.
            byte* p = (byte*)Unsafe.AsPointer(ref work.Param.Start), g = (byte*)Unsafe.AsPointer(ref work.Grad.Start);
            for (nint i = 0; i < bytes; i += 64)
            {
                Sse.Prefetch0(p + i);
                Sse.Prefetch0(g + i);
                if (TRule.Slots > 0) Sse.Prefetch0(work.S0 + i);
                if (TRule.Slots > 1) Sse.Prefetch0(work.S1 + i);
                if (TRule.Slots > 2) Sse.Prefetch0(work.S2 + i);
            }
        }

        public override void Run(long from, long to)
        {
            int i = Array.BinarySearch(ends, 0, count, from + 1);
            if (i < 0)
                i = ~i;
            for (long start = i == 0 ? 0 : ends[i - 1]; start < to; start = ends[i++])
            {
                ref var item = ref items[i];
                if (i + 1 < count)
                    Prefetch(items[i + 1].Work);
                nint first = (nint)Math.Max(from - start, 0);
                nint last = (nint)Math.Min(to - start, item.Work.Count);
                if (first < last)
                    HostKernel<TRule, T>.Run(item.Rule, item.Work, first, last, Execution.UsesWideLanes);
            }
        }
    }
}
