using System.Runtime.InteropServices;

namespace OptimSharp;

/// <summary>
/// Native memory on a 64-byte boundary, filled by whoever makes it and only read from then on: tensors may share it, as views of one storage
/// do in PyTorch.
/// </summary>
internal sealed unsafe class TensorStorage
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

    ~TensorStorage()
    {
        NativeMemory.AlignedFree(memory);
        if (memory != null && Bytes > 0)
            GC.RemoveMemoryPressure(Bytes);
    }

    public long Bytes { get; }

    /// <summary>The first byte. Keep the storage alive (<see cref="GC.KeepAlive"/>) until after the last access.</summary>
    public byte* Start => (byte*)memory;
}
