using OptimSharp.Engine;

namespace OptimSharp.Cuda.Tests;

/// <summary>Stands for a device: steps are done by kernels in PTX, over a table of chunks, with few blocks and threads, so that each has several turns.</summary>
sealed unsafe class InterpretedDevice
{
    const int Blocks = 2, Threads = 3, RowAt = 64; // rows of others come before

    readonly Dictionary<string, PtxKernel> kernels = [];

    public PtxKernel KernelOf(RecordedStep step)
    {
        if (!kernels.TryGetValue(step.Name, out var kernel))
            kernels.Add(step.Name, kernel = new(PtxSource.Kernel(step.Recording, step.Types, step.Name)));
        return kernel;
    }

    /// <summary>Does a step of a tensor in five chunks, one of them empty and one of a single element.</summary>
    public void Run(RecordedStep step, in Streams at, int count)
    {
        int states = step.Recording.States.Length, size = ChunkTable.EntrySize(states);
        int[] ends = [count / 3, count / 3, count / 3 + 1, count / 2, count];
        byte[] rows = [.. Enumerable.Repeat((byte)0x7F, RowAt), .. step.Coefficients], table = new byte[ends.Length * size];
        nint[] streams = [(nint)at.Param, (nint)at.Grad, (nint)at.S0, (nint)at.S1, (nint)at.S2, (nint)at.S3, (nint)at.S4, (nint)at.S5];
        ElementType[] types = [step.Types.Param, step.Types.Grad, .. Enumerable.Repeat(step.Types.State, states)];
        fixed (byte* row = rows, entries = table)
        {
            for (int i = 0, first = 0; i < ends.Length; first = ends[i++])
            {
                byte* entry = entries + i * size;
                *(long*)(entry + ChunkTable.Count) = ends[i] - first;
                *(long*)(entry + ChunkTable.Row) = RowAt;
                for (int k = 0; k < types.Length; k++)
                    *(nint*)(entry + (k switch { 0 => ChunkTable.Param, 1 => ChunkTable.Grad, _ => ChunkTable.State(k - 2) })) = streams[k] + first * types[k].Size();
            }
            (nint, long)[] memory = [((nint)row, rows.Length), ((nint)entries, table.Length), .. types.Select((type, k) => (streams[k], (long)count * type.Size()))];
            KernelOf(step).Run(Blocks, Threads, [(ulong)entries, (ulong)row, (ulong)ends.Length], memory);
        }
    }
}
