using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using OptimSharp.Engine;

namespace OptimSharp.Distributed;

/// <summary>The sums of this rank's shards: those subtrees of the tree over all shards that lie in its shards. Each gradient is added as it comes.</summary>
sealed unsafe class LocalSums(GradientLayout layout)
{
    readonly List<TreeNode> nodes = [];
    readonly List<Sum> sums = []; // one a node
    readonly Stack<NativeBuffer> spare = [];
    readonly TensorOps ops = new();
    readonly bool[] opened = new bool[layout.Parameters.Length];
    readonly HostMemory[] gradients = new HostMemory[layout.Parameters.Length];
    readonly NativeBuffer[] copies = new NativeBuffer[layout.Parameters.Length]; // of gradients on other devices

    /// <summary>A sum of some shards' gradients, of the parameters that had one.</summary>
    public sealed class Sum(NativeBuffer? buffer, bool[] present)
    {
        public NativeBuffer? Buffer { get; } = buffer;

        public bool[] Present { get; } = present;

        public bool IsEmpty => Buffer is null;

        public byte* Start(GradientLayout layout) => (byte*)Buffer!.Ensure(layout.SumOffsets[^1]);
    }

    public IReadOnlyList<Sum> Sums => sums;

    /// <summary>Forgets all sums.</summary>
    public void Clear()
    {
        foreach (var sum in sums)
            GiveBack(sum);
        sums.Clear();
        nodes.Clear();
    }

    /// <summary>Takes in a shard that gives nothing.</summary>
    public void AddNothing(int shard) => Push(new(0, shard), new(null, new bool[opened.Length]));

    /// <summary>Takes the gradients out of the parameters, as those of a shard.</summary>
    public void AddGradients(int shard)
    {
        Open();
        try
        {
            var node = new TreeNode(0, shard);
            if (nodes.Count > 0 && nodes[^1].IsLeftOf(node) && !sums[^1].IsEmpty)
            {
                var left = sums[^1];
                Take(left.Start(layout), left.Present);
                Array.ForEach([.. Enumerable.Range(0, opened.Length).Where(i => opened[i])], i => left.Present[i] = true);
                sums.RemoveAt(sums.Count - 1);
                nodes.RemoveAt(nodes.Count - 1);
                Push(node.Parent, left);
                return;
            }
            var buffer = spare.TryPop(out var free) ? free : new();
            var sum = new Sum(buffer, [.. opened]);
            Take(sum.Start(layout), new bool[opened.Length]);
            Push(node, sum);
        }
        finally
        {
            Close();
        }
    }

    /// <summary>x ← x + y, one after the other, in the type of sums.</summary>
    public static void Add(byte* x, byte* y, ElementType type, int count)
    {
        if (type == ElementType.Float64)
            TensorPrimitives.Add(new ReadOnlySpan<double>(x, count), new ReadOnlySpan<double>(y, count), new Span<double>(x, count));
        else
            TensorPrimitives.Add(new ReadOnlySpan<float>(x, count), new ReadOnlySpan<float>(y, count), new Span<float>(x, count));
    }

    void Push(TreeNode node, Sum sum)
    {
        sums.Add(sum);
        ShardTree.Add(nodes, node, (left, right) =>
        {
            sums[left] = Merge(sums[left], sums[right]);
            sums.RemoveAt(right);
        });
    }

    Sum Merge(Sum left, Sum right)
    {
        if (left.IsEmpty || right.IsEmpty)
            return left.IsEmpty ? right : left;
        ops.For(new AddLoop { Layout = layout, X = left.Start(layout), Y = right.Start(layout), XHas = left.Present, YHas = right.Present }, layout.Chunks, GradientChunk.Size);
        for (int i = 0; i < left.Present.Length; i++)
            left.Present[i] |= right.Present[i];
        GiveBack(right);
        return left;
    }

    void GiveBack(Sum sum)
    {
        if (sum.Buffer is { } buffer)
            spare.Push(buffer);
    }

    void Take(byte* to, bool[] has) =>
        ops.For(new TakeLoop { Layout = layout, To = to, Has = has, Opened = opened, Gradients = gradients }, layout.Chunks, GradientChunk.Size);

    void Open()
    {
        Array.Clear(opened);
        int i = 0;
        try
        {
            for (; i < opened.Length; i++)
            {
                var parameter = layout.Parameters[i];
                if (!parameter.BeginStep(GradientUse.Read, out gradients[i]))
                    continue;
                opened[i] = true;
                if (gradients[i].Rows is not null)
                    throw new InvalidOperationException($"The gradient of parameter {parameter} is sparse, and ranks exchange dense ones: make it dense, as Embedding without sparse does.");
                if (gradients[i].Gradient.IsNull && parameter.Count > 0)
                    gradients[i] = new(default, new(Copy(i)));
            }
        }
        catch
        {
            Close(keeps: true);
            throw;
        }
    }

    void* Copy(int i)
    {
        var parameter = layout.Parameters[i];
        void* copy = (copies[i] ??= new()).Ensure((nint)parameter.Numbers * layout.ValueSize(i));
        using var all = new HostTensor([parameter.Numbers], layout.SumType(i));
        if (layout.SumType(i) == ElementType.Float64)
            parameter.Read((double*)all.Start, ofGradient: true);
        else
            parameter.Read((float*)all.Start, ofGradient: true);
        if (layout.SumType(i) == ElementType.Float64)
            Storage.Save((double*)all.Start, copy, parameter.ElementType.Real(), (nint)parameter.Numbers);
        else
            Storage.Save((float*)all.Start, copy, parameter.ElementType.Real(), (nint)parameter.Numbers);
        return copy;
    }

    void Close(bool keeps = false)
    {
        for (int i = 0; i < opened.Length; i++)
        {
            if (!opened[i])
                continue;
            var parameter = layout.Parameters[i];
            parameter.EndStep();
            if (!keeps)
                parameter.ZeroGrad(setToNull: true);
            gradients[i] = default;
        }
    }

    /// <summary>x ← x + y for what both have; what y alone has is copied.</summary>
    struct AddLoop : ILoopBody
    {
        public GradientLayout Layout;
        public byte* X, Y;
        public bool[] XHas, YHas;

        public readonly void Run(nint first, nint last)
        {
            for (nint chunk = first; chunk < last; chunk++)
            {
                var (p, from, count) = Layout[chunk];
                if (!YHas[p])
                    continue;
                int size = Layout.SumSize(p);
                nint at = Layout.SumOffsets[p] + (nint)from * size;
                if (XHas[p])
                    Add(X + at, Y + at, Layout.SumType(p), count);
                else
                    NativeMemory.Copy(Y + at, X + at, (nuint)(count * size));
            }
        }
    }

    /// <summary>Copies gradients, or adds them to what is there, widened to the type of sums.</summary>
    struct TakeLoop : ILoopBody
    {
        public GradientLayout Layout;
        public byte* To;
        public bool[] Has, Opened;
        public HostMemory[] Gradients;

        public readonly void Run(nint first, nint last)
        {
            double* block = stackalloc double[GradientChunk.Size];
            for (nint chunk = first; chunk < last; chunk++)
            {
                var (p, from, count) = Layout[chunk];
                if (!Opened[p])
                    continue;
                byte* to = To + Layout.SumOffsets[p] + (nint)from * Layout.SumSize(p);
                byte* widened = Has[p] ? (byte*)block : to;
                var (type, sum) = (Layout.Parameters[p].ElementType.Real(), Layout.SumType(p));
                fixed (byte* start = &Gradients[p].Gradient.Start)
                {
                    byte* source = start + (nint)from * type.Size();
                    if (type == sum && Has[p])
                        widened = source;
                    else if (sum == ElementType.Float64)
                        Storage.Load(source, type, (double*)widened, count);
                    else
                        Storage.Load(source, type, (float*)widened, count);
                    if (Has[p])
                        Add(to, widened, sum, count);
                }
            }
        }
    }
}
