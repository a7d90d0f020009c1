using OptimSharp.Engine;

namespace OptimSharp.Cuda.Tests;

/// <summary>Stands for a device: steps are done by kernels in PTX, over a table of chunks, with few blocks and threads, so that each has several turns.</summary>
sealed unsafe class InterpretedDevice
{
    const int Blocks = 2, Threads = 3, RowAt = 64; // rows of others come before

    readonly Dictionary<string, PtxKernel> kernels = [];
    int runs;

    public PtxKernel KernelOf(RecordedStep step)
    {
        if (!kernels.TryGetValue(step.Name, out var kernel))
            kernels.Add(step.Name, kernel = new(StepKernel.Source(step.Recording, step.Types, step.Name)));
        return kernel;
    }

    /// <summary>Does a step of a tensor in five chunks, one of them empty and one of a few elements; every second tensor is said to be where several elements can't be taken at once.</summary>
    public void Run(RecordedStep step, in Streams at, int count)
    {
        int states = step.Recording.States.Length;
        int[] ends = [count / 12 * 4, count / 12 * 4, count / 8 * 4, Math.Max(count - 1, 0) / 4 * 4, count]; // chunks begin where several elements can be taken at once
        nint[] streams = [(nint)at.Param, (nint)at.Grad, (nint)at.S0, (nint)at.S1, (nint)at.S2, (nint)at.S3, (nint)at.S4, (nint)at.S5];
        ElementType[] types = [step.Types.Param, step.Types.Grad, .. Enumerable.Range(0, states).Select(step.Types.State)];
        byte[] rows = new byte[RowAt + ChunkTable.RowSize(states, step.Coefficients.Length)], table = new byte[ends.Length * ChunkTable.EntrySize];
        rows.AsSpan(0, RowAt).Fill(0x7F);
        step.Coefficients.CopyTo(rows.AsSpan(RowAt + ChunkTable.Coefficients(states)));
        fixed (byte* row = rows, entries = table)
        {
            for (int k = 0; k < types.Length; k++)
                *(nint*)(row + RowAt + (k switch { 0 => ChunkTable.Param, 1 => ChunkTable.Grad, _ => ChunkTable.State(k - 2) })) = streams[k];
            *(ulong*)(row + RowAt + ChunkTable.Mask) = runs++ % 2 == 0 ? ChunkTable.MaskOf(streams.AsSpan(0, types.Length)) : 0;
            for (int i = 0, first = 0; i < ends.Length; first = ends[i++])
            {
                byte* entry = entries + i * ChunkTable.EntrySize;
                *(long*)(entry + ChunkTable.Count) = ends[i] - first;
                *(long*)(entry + ChunkTable.First) = first;
                *(long*)(entry + ChunkTable.Row) = RowAt;
            }
            (nint, long)[] memory = [((nint)row, rows.Length), ((nint)entries, table.Length), .. types.Select((type, k) => (streams[k], (long)count * type.Size()))];
            KernelOf(step).Run(Blocks, Threads, [(ulong)entries, (ulong)row, (ulong)ends.Length], memory);
        }
    }
}
