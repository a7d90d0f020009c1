using System.Buffers;
using System.Runtime.InteropServices;

namespace OptimSharp.Testing;

/// <summary>Where in memory a host parameter and its gradient are put. A step must not depend on it.</summary>
internal abstract class HostLayout
{
    /// <summary>Arrays of their own.</summary>
    public static HostLayout Arrays { get; } = new ArrayLayout(0);

    /// <summary>The middle of arrays, after this many other elements.</summary>
    public static HostLayout ArraysAt(int offset) => new ArrayLayout(offset);

    /// <summary>Memory of a manager that has to be asked for its address.</summary>
    public static HostLayout Managed { get; } = new ManagedLayout();

    /// <summary>Native memory, this many elements after a 64-byte boundary.</summary>
    public static HostLayout NativeAt(int offset) => new NativeLayout(offset);

    /// <summary>A parameter of zeros without gradient.</summary>
    public abstract HostParameter<T> Create<T>(string name, long[] shape, int count) where T : unmanaged;

    sealed class ArrayLayout(int offset) : HostLayout
    {
        public override HostParameter<T> Create<T>(string name, long[] shape, int count) => new FromMemory<T>(
            name, shape, new T[offset + count + offset].AsMemory(offset, count), new T[offset + count + offset].AsMemory(offset, count));
    }

    sealed class ManagedLayout : HostLayout
    {
        public override HostParameter<T> Create<T>(string name, long[] shape, int count) =>
            new FromMemory<T>(name, shape, new Manager<T>(count).Memory, new Manager<T>(count).Memory);

        sealed unsafe class Manager<T>(int count) : MemoryManager<T> where T : unmanaged
        {
            readonly T[] array = GC.AllocateArray<T>(count, pinned: true);

            public override Span<T> GetSpan() => array;

            public override MemoryHandle Pin(int elementIndex = 0) => new((T*)Marshal.UnsafeAddrOfPinnedArrayElement(array, 0) + elementIndex);

            public override void Unpin()
            {
            }

            protected override void Dispose(bool disposing)
            {
            }
        }
    }

    sealed unsafe class NativeLayout(int offset) : HostLayout
    {
        public override HostParameter<T> Create<T>(string name, long[] shape, int count) =>
            new Native<T>(name, shape, count, Allocate<T>(count), Allocate<T>(count));

        T* Allocate<T>(int count) where T : unmanaged
        {
            nuint bytes = (nuint)(offset + count) * (nuint)sizeof(T);
            void* memory = NativeMemory.AlignedAlloc(Math.Max(bytes, 1), 64);
            NativeMemory.Clear(memory, bytes);
            return (T*)memory + offset;
        }

        sealed class Native<T>(string name, long[] shape, int count, T* values, T* gradient)
            : FromPointers<T>(name, shape, count, values, gradient) where T : unmanaged
        {
            public override void Dispose()
            {
                NativeMemory.AlignedFree((byte*)ValuesAt - ((nint)ValuesAt & 63));
                NativeMemory.AlignedFree((byte*)GradientAt - ((nint)GradientAt & 63));
                base.Dispose();
            }
        }
    }
}
