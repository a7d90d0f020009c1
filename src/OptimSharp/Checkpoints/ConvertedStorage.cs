using System.Runtime.InteropServices;
using OptimSharp.Engine;

namespace OptimSharp;

/// <summary>The numbers of another storage in another type, converted where they are used.</summary>
internal sealed unsafe class ConvertedStorage : TensorStorage
{
    const int Piece = 4096;

    [ThreadStatic]
    static byte[]? buffer;

    readonly TensorStorage source;
    readonly ElementType from, to;
    readonly Lazy<TensorStorage> whole;

    public ConvertedStorage(TensorStorage source, ElementType from, ElementType to) : base(checked(source.Bytes / from.Size() * to.Size()), isElsewhere: true)
    {
        (this.source, this.from, this.to) = (source, from, to);
        whole = new(ReadWhole, LazyThreadSafetyMode.ExecutionAndPublication);
    }

    /// <summary>All bytes, which are in memory from now on.</summary>
    public override byte* Start => whole.Value.Start;

    public override ReadOnlySpan<byte> Read(long first, int count)
    {
        if (buffer is null || buffer.Length < count)
            buffer = new byte[count];
        fixed (byte* start = buffer)
            CopyTo(start, first, count);
        return buffer.AsSpan(0, count);
    }

    /// <param name="target">Where they go.</param>
    /// <param name="first">At the beginning of an element.</param>
    /// <param name="count">Of whole elements.</param>
    public override void CopyTo(byte* target, long first, int count)
    {
        int size = to.Size(), wide = from.Size(), elements = count / size;
        byte* read = (byte*)NativeMemory.Alloc(Piece * sizeof(double));
        double* numbers = (double*)NativeMemory.Alloc(Piece * sizeof(double));
        try
        {
            for (int done = 0; done < elements; done += Piece)
            {
                int part = Math.Min(Piece, elements - done);
                source.CopyTo(read, (first / size + done) * wide, part * wide);
                Engine.Storage.Load(read, from, numbers, part);
                Engine.Storage.Save(numbers, target + (long)done * size, to, part);
            }
        }
        finally
        {
            NativeMemory.Free(read);
            NativeMemory.Free(numbers);
        }
    }

    TensorStorage ReadWhole()
    {
        var all = new TensorStorage(Bytes);
        for (long at = 0; at < Bytes; at += 1 << 20)
            CopyTo(all.Start + at, at, (int)Math.Min(1 << 20, Bytes - at));
        return all;
    }
}
