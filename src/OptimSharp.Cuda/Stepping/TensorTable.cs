using System.Runtime.InteropServices;

namespace OptimSharp.Cuda;

/// <summary>The tensors of one launch: their rows, which are new in each step, and the table of their chunks, which stays on the device as long as their sizes do (<see cref="ChunkTable"/>).</summary>
/// <param name="device">The device.</param>
/// <param name="states">How many states the rule has.</param>
/// <param name="coefficients">The bytes of its coefficients.</param>
/// <param name="chunk">How many elements a chunk has, a multiple of <see cref="ChunkTable.Width"/>.</param>
internal sealed unsafe class TensorTable(CudaDevice device, int states, int coefficients, int chunk) : IDisposable
{
    readonly int rowSize = ChunkTable.RowSize(states, coefficients);
    readonly List<long> counts = [], tableCounts = [];
    byte[] rows = [];
    CudaMemory? table;
    int chunks, mark;

    /// <summary>How many tensors there are in this step.</summary>
    public int Count => counts.Count;

    /// <summary>Their rows.</summary>
    public ReadOnlySpan<byte> Rows => rows.AsSpan(0, counts.Count * rowSize);

    /// <summary>How many chunks a tensor has.</summary>
    public int ChunksOf(long count) => checked((int)((count + chunk - 1) / chunk));

    /// <summary>Adds a tensor.</summary>
    /// <param name="at">Where it is.</param>
    /// <param name="row">Its coefficients.</param>
    public void Add(in Places at, ReadOnlySpan<byte> row)
    {
        int start = checked(counts.Count * rowSize);
        if (rows.Length < start + rowSize)
            Array.Resize(ref rows, (int)Math.Min(Array.MaxLength, Math.Max(8L * rowSize, 2L * rows.Length)));
        counts.Add(at.Count);
        var words = MemoryMarshal.Cast<byte, nint>(rows.AsSpan(start, rowSize));
        words[ChunkTable.Param / ChunkTable.Word] = at.Param;
        words[ChunkTable.Grad / ChunkTable.Word] = at.Grad;
        for (int slot = 0; slot < states; slot++)
            words[ChunkTable.State(slot) / ChunkTable.Word] = at.States[slot];
        words[ChunkTable.Mask / ChunkTable.Word] = (nint)ChunkTable.MaskOf(words[(ChunkTable.Param / ChunkTable.Word)..(ChunkTable.Coefficients(states) / ChunkTable.Word)]);
        row.CopyTo(rows.AsSpan(start + ChunkTable.Coefficients(states), coefficients));
    }

    /// <summary>Takes memory for a table of the tensors, and leaves the table that is there where it does. The device is current.</summary>
    public void Reserve()
    {
        int all = 0;
        foreach (long count in counts)
            all = checked(all + ChunksOf(count));
        Reserve((long)all * ChunkTable.EntrySize);
    }

    void Reserve(long bytes)
    {
        if (table is not null && table.Bytes >= bytes)
            return;
        tableCounts.Clear(); // until a new one is there
        chunks = 0;
        table?.Dispose();
        table = null;
        table = device.Allocate(bytes);
    }

    /// <summary>The table on the device, and how many chunks it has. The device is current.</summary>
    public (nint Address, int Chunks) Open()
    {
        if (table is not null && counts.Count == tableCounts.Count && CollectionsMarshal.AsSpan(counts).SequenceEqual(CollectionsMarshal.AsSpan(tableCounts)))
            return (table.Address, chunks);
        int all = 0;
        foreach (long count in counts)
            all = checked(all + ChunksOf(count));
        long[] entries = new long[(long)all * (ChunkTable.EntrySize / ChunkTable.Word)];
        long at = 0;
        for (int i = 0; i < counts.Count; i++)
        {
            for (long first = 0; first < counts[i]; first += chunk, at += ChunkTable.EntrySize / ChunkTable.Word)
            {
                entries[at + ChunkTable.Count / ChunkTable.Word] = Math.Min(chunk, counts[i] - first);
                entries[at + ChunkTable.First / ChunkTable.Word] = first;
                entries[at + ChunkTable.Row / ChunkTable.Word] = (long)i * rowSize;
            }
        }
        long bytes = entries.LongLength * ChunkTable.Word;
        Reserve(bytes);
        tableCounts.Clear(); // until the new one is there
        chunks = 0;
        fixed (long* from = entries)
            table!.CopyFrom(from, bytes);
        tableCounts.AddRange(counts);
        chunks = all;
        return (table.Address, chunks);
    }

    /// <summary>What is added from here on may be taken out by <see cref="Return"/>.</summary>
    public void Mark() => mark = counts.Count;

    /// <summary>Takes out what was added since <see cref="Mark"/>; all, where that was not called since the table was empty.</summary>
    public void Return() => counts.RemoveRange(mark, counts.Count - mark);

    /// <summary>Forgets the tensors, and keeps the table.</summary>
    public void Clear()
    {
        counts.Clear();
        mark = 0;
    }

    public void Dispose() => table?.Dispose();
}
