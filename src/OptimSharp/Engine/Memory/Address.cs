using System.Runtime.InteropServices;
using System.Runtime.CompilerServices;

namespace OptimSharp.Engine;

/// <summary>
/// Where a tensor's elements begin: in a managed array, or at a native address. A managed array is pinned only
/// while a chunk of it is worked on, which costs nothing.
/// </summary>
internal readonly unsafe struct Address : IEquatable<Address>
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

    public static bool operator ==(Address x, Address y) => x.Equals(y);

    public static bool operator !=(Address x, Address y) => !x.Equals(y);

    public bool Equals(Address other) => array == other.array && offset == other.offset;

    public override bool Equals(object? obj) => obj is Address other && Equals(other);

    public override int GetHashCode()
    {
        ulong mixed = ((ulong)offset + (ulong)RuntimeHelpers.GetHashCode(array)) * 0x9E3779B97F4A7C15;
        return (int)(mixed >> 32);
    }

    /// <summary>The place so many bytes behind.</summary>
    public Address Plus(nint bytes) => array is null ? new((void*)(offset + bytes)) : new(array, offset + bytes);

    /// <summary>The first byte. Valid to pin with <c>fixed</c>.</summary>
    public ref byte Start
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ref array is null
            ? ref Unsafe.AsRef<byte>((void*)offset)
            : ref Unsafe.AddByteOffset(ref MemoryMarshal.GetArrayDataReference(array), offset);
    }
}
