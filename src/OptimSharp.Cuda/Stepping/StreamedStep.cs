using System.Numerics;
using System.Runtime.InteropServices;
using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp.Cuda;

/// <summary>
/// A step of parameters whose state is in host memory. Values and gradients come over block by block, the host's rules update them, and values go back, all at a time: while one block is
/// updated, the next ones come and the last one goes.
/// </summary>
internal sealed unsafe class StreamedStep(CudaDevice device) : ICollectedWork, ISharedWork
{
    /// <summary>How many numbers a thread takes at once: a multiple of the blocks that state is kept in.</summary>
    const int Part = 1 << 14;

    const int Alignment = 64;

    readonly List<StreamedItem> items = []; // some of them from steps before, for reuse
    readonly List<Stretch> stretches = [];
    readonly List<int> blocks = []; // where in them each block begins, and behind the last
    readonly BlockPipe pipe = new(device);
    WorkerTeam? team;
    int count; // items in this step
    int block; // that is being updated
    int next;  // part of it

    /// <summary>A stretch of a parameter within a block.</summary>
    /// <param name="Item">The parameter's.</param>
    /// <param name="First">The first number of it.</param>
    /// <param name="Count">How many.</param>
    /// <param name="Values">Where in the block its values are, in bytes.</param>
    /// <param name="Gradients">And its gradients.</param>
    /// <param name="FirstPart">Which part of the block begins here.</param>
    readonly record struct Stretch(StreamedItem Item, long First, long Count, long Values, long Gradients, int FirstPart)
    {
        public int Parts => (int)((Count + Part - 1) / Part);
    }

    /// <summary>Plans an update.</summary>
    public void Plan<TRule, T>(in TRule rule, in StepTarget target, in ParameterPlace place)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (count == items.Count)
            items.Add(new StreamedItem<TRule, T>());
        else if (items[count] is not StreamedItem<TRule, T>)
            items[count] = new StreamedItem<TRule, T>();
        ((StreamedItem<TRule, T>)items[count++]).Describe(rule, target, place);
    }

    public void Reserve()
    {
        if (count == 0)
            return;
        using var scope = device.Enter();
        pipe.Open();
    }

    public void Run(ref bool hasBegun)
    {
        if (count == 0)
            return;
        Cut();
        int last = blocks.Count - 1;
        if (last < 0)
            return; // no parameter has an element
        team ??= new(this);
        using var scope = device.Enter();
        pipe.Begin();
        for (int fetched = 0; block < last; block++)
        {
            for (; fetched < Math.Min(last, block + BlockPipe.Blocks); fetched++)
                Fetch(fetched);
            pipe.Await(block);
            next = 0;
            hasBegun = true;
            team.Run(Numbers(block) < 4 * Part ? 1 : Execution.ThreadCount);
            Send(block);
        }
        pipe.End(last - 1);
    }

    /// <summary>Cuts the parameters into stretches, and these into blocks. A parameter is cut between parts only.</summary>
    void Cut()
    {
        long used = 0;
        int parts = 0;
        for (int i = 0; i < count; i++)
        {
            var item = items[i];
            for (long first = 0, taken; first < item.Count; first += taken)
            {
                long left = item.Count - first, room = Math.Max(0, pipe.BytesOfBlock - used - 2 * Alignment) / (item.ParamSize + item.GradSize);
                taken = left <= room ? left : room / Part * Part;
                if (taken == 0 || blocks.Count == 0)
                    blocks.Add(stretches.Count);
                if (taken == 0)
                {
                    (used, parts) = (0, 0);
                    continue;
                }
                long gradients = used + Aligned(taken * item.ParamSize);
                stretches.Add(new(item, first, taken, used, gradients, parts));
                parts += stretches[^1].Parts;
                used = gradients + Aligned(taken * item.GradSize);
            }
        }
        if (blocks.Count > 0)
            blocks.Add(stretches.Count);
    }

    static long Aligned(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    Span<Stretch> StretchesOf(int block) => CollectionsMarshal.AsSpan(stretches)[blocks[block]..blocks[block + 1]];

    long Numbers(int block)
    {
        long numbers = 0;
        foreach (ref var stretch in StretchesOf(block))
            numbers += stretch.Count;
        return numbers;
    }

    void Fetch(int block)
    {
        byte* to = pipe.BeginFetch(block);
        foreach (ref var stretch in StretchesOf(block))
        {
            var item = stretch.Item;
            pipe.Fetch(to + stretch.Values, item.Place.Param + (nint)(stretch.First * item.ParamSize), stretch.Count * item.ParamSize);
            pipe.Fetch(to + stretch.Gradients, item.Place.Grad + (nint)(stretch.First * item.GradSize), stretch.Count * item.GradSize);
        }
        pipe.EndFetch(block);
    }

    void Send(int block)
    {
        byte* from = pipe.MemoryOf(block);
        foreach (ref var stretch in StretchesOf(block))
            pipe.Send(stretch.Item.Place.Param + (nint)(stretch.First * stretch.Item.ParamSize), from + stretch.Values, stretch.Count * stretch.Item.ParamSize);
        pipe.EndSend(block);
    }

    void ISharedWork.TakePart()
    {
        var stretches = StretchesOf(block);
        byte* memory = pipe.MemoryOf(block);
        int at = 0;
        while (true)
        {
            int part = Interlocked.Increment(ref next) - 1;
            while (at < stretches.Length && part >= stretches[at].FirstPart + stretches[at].Parts)
                at++;
            if (at == stretches.Length)
                return;
            ref var stretch = ref stretches[at];
            long first = (long)(part - stretch.FirstPart) * Part, numbers = Math.Min(Part, stretch.Count - first);
            stretch.Item.Update(stretch.First + first, numbers, memory + stretch.Values + first * stretch.Item.ParamSize, memory + stretch.Gradients + first * stretch.Item.GradSize);
        }
    }

    public void Clear()
    {
        count = block = 0;
        stretches.Clear();
        blocks.Clear();
    }

    public void Dispose() => pipe.Dispose();
}

/// <summary>A parameter in a streamed step.</summary>
internal abstract unsafe class StreamedItem
{
    public ParameterPlace Place { get; protected set; }

    public long Count { get; protected set; }

    /// <summary>The bytes of a value, and of a gradient's number.</summary>
    public int ParamSize { get; protected set; }

    public int GradSize { get; protected set; }

    /// <summary>Updates some numbers, which are in host memory.</summary>
    public abstract void Update(long first, long count, byte* values, byte* gradients);
}

internal sealed unsafe class StreamedItem<TRule, T> : StreamedItem
    where TRule : struct, IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    TRule rule;
    Work work;

    public void Describe(in TRule rule, in StepTarget target, in ParameterPlace place)
    {
        this.rule = rule;
        work.Describe(target);
        (Place, Count, ParamSize, GradSize) = (place, work.Count, work.ParamType.Size(), work.GradType.Size());
    }

    public override void Update(long first, long count, byte* values, byte* gradients) =>
        HostKernel<TRule, T>.Range(rule, work, values - first * ParamSize, gradients, (nint)first, 0, (nint)count, Execution.UsesWideLanes);
}
