namespace OptimSharp.Engine;

// Gradients in host memory: threads go over their chunks.
internal sealed unsafe partial class GradientPass
{
    /// <summary>The entry that a chunk is of: the last one with no more chunks before it.</summary>
    int EntryOf(nint chunk)
    {
        int low = 0, high = count - 1;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            if (entries[middle].ChunksBefore <= chunk)
                low = middle;
            else
                high = middle - 1;
        }
        return low;
    }

    struct GatherLoop : ILoopBody
    {
        public GradientPass Pass;
        public NormOrder Order;
        public GradientChange Change;
        public bool Changes;
        public double* Partial;

        public readonly void Run(nint first, nint last)
        {
            int i = Pass.EntryOf(first);
            for (nint chunk = first; chunk < last; chunk++)
            {
                ref var entry = ref Pass.At(ref i, chunk, out nint start, out nint n);
                fixed (byte* memory = &entry.Memory.Start)
                    Partial[chunk] = GradientChunk.Gather(memory + start * entry.Type.Real().Size(), entry.Type, n, Order, Change, Changes);
            }
        }
    }

    struct ChangeLoop : ILoopBody
    {
        public GradientPass Pass;
        public GradientChange Change;

        public readonly void Run(nint first, nint last)
        {
            int i = Pass.EntryOf(first);
            for (nint chunk = first; chunk < last; chunk++)
            {
                ref var entry = ref Pass.At(ref i, chunk, out nint start, out nint n);
                if (entry.IsShared)
                    continue;
                fixed (byte* memory = &entry.Memory.Start)
                {
                    byte* at = memory + start * entry.Type.Real().Size();
                    Change.Apply(at, at, entry.Type.Real(), n);
                }
            }
        }
    }

    /// <summary>The entry of a chunk, from that of an earlier chunk on, and the chunk's place in it.</summary>
    ref Entry At(ref int i, nint chunk, out nint start, out nint n)
    {
        while (chunk >= entries[i].ChunksBefore + entries[i].Chunks)
            i++;
        start = (chunk - entries[i].ChunksBefore) * Chunk;
        n = Math.Min(Chunk, entries[i].Count - start);
        return ref entries[i];
    }
}
