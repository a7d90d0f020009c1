using System.Runtime.InteropServices;

namespace OptimSharp;

/// <summary>
/// Native memory on a 64-byte boundary, filled by whoever makes it and only read from then on: tensors may share it, as views of one storage
/// do in PyTorch.
/// </summary>
internal unsafe class TensorStorage
{
    readonly void* memory;

    /// <summary>Memory that still holds anything.</summary>
    public TensorStorage(long bytes)
    {
        Bytes = bytes;
        memory = NativeMemory.AlignedAlloc((nuint)Math.Max(bytes, 1), 64);
        if (bytes > 0)
            GC.AddMemoryPressure(bytes);
    }

    /// <summary>Bytes that are elsewhere, for <see cref="DeferredStorage"/>.</summary>
    protected TensorStorage()
    {
    }

    ~TensorStorage()
    {
        NativeMemory.AlignedFree(memory);
        if (memory != null && Bytes > 0)
            GC.RemoveMemoryPressure(Bytes);
    }

    public long Bytes { get; protected init; }

    /// <summary>The first byte, of all. Keep the storage alive (<see cref="GC.KeepAlive"/>) until after the last access.</summary>
    public virtual byte* Start => (byte*)memory;

    /// <summary>Some of the bytes, until the next call.</summary>
    public virtual ReadOnlySpan<byte> Read(long first, int count) => new(Start + first, count);

    /// <summary>Copies some of the bytes.</summary>
    public virtual void CopyTo(byte* to, long first, int count) => Read(first, count).CopyTo(new(to, count));
}
