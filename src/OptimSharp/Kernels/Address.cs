using System.Runtime.InteropServices;
using System.Runtime.CompilerServices;

namespace OptimSharp.Kernels;

/// <summary>
/// Where a tensor's elements begin: in a managed array, or at a native address. A managed array is pinned only
/// while a chunk of it is worked on, which costs nothing.
/// </summary>
internal readonly unsafe struct Address
{
    readonly Array? array;
    readonly nint offset; // in bytes: from the array's first element, or the address itself

    public Address(void* address) => offset = (nint)address;

    public Address(Array array, nint byteOffset)
    {
        this.array = array;
        offset = byteOffset;
    }

    public bool IsNull => array is null && offset == 0;

    public bool IsArray => array is not null;

    /// <summary>The first byte. Valid to pin with <c>fixed</c>.</summary>
    public ref byte Start
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ref array is null
            ? ref Unsafe.AsRef<byte>((void*)offset)
            : ref Unsafe.AddByteOffset(ref MemoryMarshal.GetArrayDataReference(array), offset);
    }
}
