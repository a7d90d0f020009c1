using System.Numerics;
using System.Runtime.InteropServices;

namespace OptimSharp.Engine;

/// <summary>One tensor of an optimizer's state, in the storage of a backend.</summary>
internal abstract class StateTensor(ReadOnlySpan<long> shape, ElementType type) : IDisposable
{
    readonly long[] shape = shape.ToArray();

    public ReadOnlySpan<long> Shape => shape;

    public ElementType Type { get; } = type;

    public long Count { get; } = CountOf(shape);

    /// <summary>How many real numbers it holds: two for a complex element.</summary>
    public long Numbers => checked(Count * Type.Parts());

    /// <summary>How it is kept in blocks; <see cref="BlockFormat.None"/> for plain numbers.</summary>
    public virtual BlockFormat Format => BlockFormat.None;

    /// <summary>The memory that it takes.</summary>
    public virtual long Bytes => Count * Type.Size();

    /// <summary>Sets every number (of a complex element: both parts).</summary>
    public abstract void Fill(double value);

    /// <summary>Copies all numbers out, converted. The span has <see cref="Numbers"/> elements.</summary>
    public abstract void CopyTo(Span<double> destination);

    /// <summary>Sets all numbers, rounded to <see cref="Type"/>. The span has <see cref="Numbers"/> elements.</summary>
    public abstract void CopyFrom(ReadOnlySpan<double> source);

    public abstract void Dispose();

    static long CountOf(ReadOnlySpan<long> shape)
    {
        Int128 count = 1;
        foreach (long size in shape)
            count = Int128.Min(count * size, (Int128)1 << 64); // of which 2⁶⁴ is already too many, unless a size is 0
        return checked((long)count);
    }

    /// <summary>Copies all numbers to host memory, in the compute type.</summary>
    public virtual unsafe void Read<T>(T* to) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var numbers = new double[Numbers];
        CopyTo(numbers);
        for (long i = 0; i < numbers.LongLength; i++)
            to[i] = T.CreateTruncating(numbers[i]);
    }

    /// <summary>Sets all numbers from host memory, rounded to <see cref="Type"/>.</summary>
    public virtual unsafe void Write<T>(T* from) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var numbers = new double[Numbers];
        for (long i = 0; i < numbers.LongLength; i++)
            numbers[i] = double.CreateTruncating(from[i]);
        CopyFrom(numbers);
    }
}

/// <summary>State in native memory on 64-byte boundaries: it never moves, and may have more than 2³¹ elements.</summary>
/// <remarks>
/// A step reads parameter, gradient and state side by side. Big arrays that an allocator lays out one after the other begin at the same place of a
/// page, and at distances at which the processor takes their lines for each other: on the machine measured (docs/design/engine.md) a step
/// was 1.4 times as slow. So a big state tensor begins on a 2 MiB boundary, and each at another place behind it.
/// </remarks>
internal sealed unsafe class HostTensor : StateTensor
{
    const long Big = 1 << 16;
    const long Boundary = 2 << 20;
    const int Stagger = 1088, Places = 7; // a stagger is 17 cache lines

    static int next;

    void* block;
    void* memory;
    readonly long bytes;

    public HostTensor(ReadOnlySpan<long> shape, ElementType type) : base(shape, type)
    {
        bytes = Math.Max(checked(Count * type.Size()), 1);
        int place = bytes < Big ? 0 : Stagger * (1 + (int)((uint)Interlocked.Increment(ref next) % Places));
        block = NativeMemory.AlignedAlloc((nuint)bytes + (nuint)place, bytes < Big ? 64 : (nuint)Math.Min(Boundary, (long)System.Numerics.BitOperations.RoundUpToPowerOf2((ulong)bytes)));
        memory = (byte*)block + place;
        NativeMemory.Clear(memory, (nuint)bytes);
        GC.AddMemoryPressure(bytes);
    }

    ~HostTensor() => Free();

    public Address Address => new(Start);

    public void* Start => memory != null ? memory : throw new ObjectDisposedException(nameof(HostTensor), "The state was freed.");

    public override void Fill(double value)
    {
        var type = Type.Real();
        for (long i = 0, count = Numbers; i < count; i++)
            Storage.Save(&value, (byte*)Start + i * type.Size(), type, 1);
        GC.KeepAlive(this);
    }

    public override void CopyTo(Span<double> destination)
    {
        fixed (double* to = destination)
            Storage.Load(Start, Type.Real(), to, (nint)destination.Length);
        GC.KeepAlive(this);
    }

    public override void CopyFrom(ReadOnlySpan<double> source)
    {
        fixed (double* from = source)
            Storage.Save(from, Start, Type.Real(), (nint)source.Length);
        GC.KeepAlive(this);
    }

    public override void Read<T>(T* to)
    {
        Storage.Load(Start, Type.Real(), to, (nint)Numbers);
        GC.KeepAlive(this);
    }

    public override void Write<T>(T* from)
    {
        Storage.Save(from, Start, Type.Real(), (nint)Numbers);
        GC.KeepAlive(this);
    }

    public override void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    void Free()
    {
        if (memory == null)
            return;
        NativeMemory.AlignedFree(block);
        block = memory = null;
        GC.RemoveMemoryPressure(bytes);
    }
}
