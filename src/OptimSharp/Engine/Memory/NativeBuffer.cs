using System.Runtime.InteropServices;

namespace OptimSharp.Engine;

/// <summary>Native memory on 64-byte boundaries that is kept between uses, and grows when more is asked for.</summary>
internal sealed unsafe class NativeBuffer
{
    void* memory;
    nint size;

    ~NativeBuffer() => NativeMemory.AlignedFree(memory);

    /// <summary>At least this many bytes. What was in it is lost when it has to grow.</summary>
    public void* Ensure(nint bytes)
    {
        if (bytes > size || memory == null)
        {
            NativeMemory.AlignedFree(memory);
            memory = null;
            size = 0;
            memory = NativeMemory.AlignedAlloc((nuint)Math.Max(bytes, 64), 64);
            size = bytes;
        }
        return memory;
    }
}
