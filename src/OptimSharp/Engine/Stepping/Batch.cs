using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>The work of one rule in a plan.</summary>
internal abstract class Batch
{
    /// <summary>The batch's part of the plan, in elements (a small tensor counts as more than it has).</summary>
    public long Cost { get; protected set; }

    /// <summary>Does what lies between two places of the batch's part.</summary>
    public abstract void Run(long from, long to);

    /// <summary>The same for the sums that a measuring rule needs. Others need none.</summary>
    public virtual void Measure(long from, long to)
    {
    }

    public abstract void Clear(bool returns);
}

internal class Batch<TRule, T> : Batch
    where TRule : struct, IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    // A tensor costs about as much as this many elements before its first element is touched.
    const int TensorCost = 64;

    // How much of the next tensor is fetched ahead.
    const int PrefetchedBytes = 1024;

    internal struct Item
    {
        public TRule Rule;
        public Work Work;
    }

    Item[] items = new Item[8];
    long[] ends = new long[8]; // where each item's part ends: the running sum of costs
    int count;

    protected int Count => count;

    protected ref Item At(int i) => ref items[i];

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

    public override void Run(long from, long to)
    {
        // As Within, written out: with thousands of small tensors an enumerator shows.
        int i = First(from);
        for (long start = i == 0 ? 0 : ends[i - 1]; start < to; start = ends[i++])
        {
            ref var item = ref items[i];
            if (i + 1 < count)
                Prefetch(items[i + 1].Work);
            nint first = (nint)Math.Max(from - start, 0), last = (nint)Math.Min(to - start, item.Work.Count);
            if (item.Work.HasBlocks)
                (first, last) = BlockFormats.Whole(first, last, item.Work.Count);
            if (first < last)
                HostKernel<TRule, T>.Run(item.Rule, item.Work, first, last, Execution.UsesWideLanes);
        }
    }

    /// <summary>The items that have elements between two places, and which.</summary>
    protected Ranges Within(long from, long to) => new(this, First(from), from, to);

    int First(long from)
    {
        int i = Array.BinarySearch(ends, 0, count, from + 1);
        return i < 0 ? ~i : i;
    }

    protected struct Ranges(Batch<TRule, T> batch, int next, long from, long to)
    {
        long start = next == 0 ? 0 : batch.ends[next - 1];

        public (int Item, nint First, nint Last) Current { get; private set; }

        public readonly Ranges GetEnumerator() => this;

        public bool MoveNext()
        {
            while (start < to)
            {
                int i = next++;
                nint first = (nint)Math.Max(from - start, 0), last = (nint)Math.Min(to - start, batch.items[i].Work.Count);
                start = batch.ends[i];
                if (first >= last)
                    continue;
                Current = (i, first, last);
                return true;
            }
            return false;
        }
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
            if (TRule.Slots > 3) Sse.Prefetch0(work.S3 + i);
            if (TRule.Slots > 4) Sse.Prefetch0(work.S4 + i);
            if (TRule.Slots > 5) Sse.Prefetch0(work.S5 + i);
        }
    }
}
