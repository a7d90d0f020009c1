using System.Runtime.CompilerServices;
using OptimSharp.Engine;

namespace OptimSharp;

/// <summary>
/// A tensor of a <see cref="StateDict"/>: shape, element type, and numbers of its own, which never change. May have more than 2³¹ elements, and
/// any type that PyTorch has, whole numbers and bool too.
/// </summary>
/// <remarks>
/// Tensors that shared memory when they were saved, as views of each other, share it here too, and are saved so again.
/// </remarks>
public sealed unsafe partial class TensorData
{
    readonly long[] shape, strides;

    /// <param name="storage">Nobody changes it any more.</param>
    /// <param name="type">The type of the elements.</param>
    /// <param name="offset">Where the first element is, in elements.</param>
    /// <param name="shape">The sizes of the dimensions.</param>
    /// <param name="strides">How far it is to the next element of each dimension, in elements. All that can be reached is in the storage.</param>
    internal TensorData(TensorStorage storage, ElementType type, long offset, long[] shape, long[] strides)
    {
        (Storage, ElementType, Offset, this.shape, this.strides) = (storage, type, offset, shape, strides);
        Count = CountOf(shape);
    }

    /// <param name="storage">Nobody changes it any more. It has these elements, row by row.</param>
    /// <param name="type">The type of the elements.</param>
    /// <param name="shape">The sizes of the dimensions.</param>
    internal TensorData(TensorStorage storage, ElementType type, ReadOnlySpan<long> shape)
        : this(storage, type, 0, shape.ToArray(), RowByRow(shape))
    {
    }

    /// <summary>The type of the elements.</summary>
    public ElementType ElementType { get; }

    /// <summary>The sizes of its dimensions; empty for a single number.</summary>
    public ReadOnlySpan<long> Shape => shape;

    /// <summary>The number of elements.</summary>
    public long Count { get; }

    /// <summary>The bytes that its elements take, row by row; of those that it shares memory with, or repeats, each counts.</summary>
    public long Bytes => Count * ElementType.Size();

    /// <summary>The memory, of this tensor alone or shared.</summary>
    internal TensorStorage Storage { get; }

    /// <summary>Where the first element is in the memory, in elements.</summary>
    internal long Offset { get; }

    /// <summary>How far it is to the next element of each dimension, in elements.</summary>
    internal ReadOnlySpan<long> Strides => strides;

    /// <summary>Whether the elements are in the memory row by row, without gaps.</summary>
    internal bool IsContiguous
    {
        get
        {
            long expected = 1;
            for (int i = shape.Length - 1; i >= 0; i--)
            {
                if (shape[i] != 1 && strides[i] != expected)
                    return Count == 0;
                expected *= shape[i];
            }
            return true;
        }
    }

    /// <summary>How many real numbers it holds: two for a complex element.</summary>
    long Numbers => Count * ElementType.Parts();

    /// <summary>A tensor with a copy of these elements, row by row.</summary>
    /// <exception cref="ArgumentException">The type is none of <see cref="OptimSharp.ElementType"/>, a size is negative, or the shape does not have as many elements.</exception>
    public static TensorData Of<T>(ReadOnlySpan<T> values, params ReadOnlySpan<long> shape) where T : unmanaged
    {
        var type = Engine.Storage.Find<T>() ?? throw new ArgumentException($"A tensor's elements can't be of type {typeof(T)}.", nameof(values)); // with its namespace: there are several BFloat16
        Int128 count = 1; // of which 2⁶⁴ is already too many
        foreach (long size in shape)
            count = size >= 0 ? Int128.Min(count * size, (Int128)1 << 64) : throw new ArgumentException($"A size in a shape must be ≥ 0, but is {size}.", nameof(shape));
        if (count != values.Length)
            throw new ArgumentException($"The shape [{string.Join(", ", shape.ToArray())}] has {count} elements, but {values.Length} were given.", nameof(values));
        fixed (T* start = values)
            return From(start, type, shape);
    }

    /// <inheritdoc cref="Of{T}(ReadOnlySpan{T}, ReadOnlySpan{long})"/>
    public static TensorData Of<T>(T[] values, params ReadOnlySpan<long> shape) where T : unmanaged => Of((ReadOnlySpan<T>)values, shape);

    /// <summary>A copy of the elements, row by row. Those of the 8-bit floating-point types come as their codes, a <see cref="byte"/> each.</summary>
    /// <exception cref="InvalidOperationException">The elements are of another type.</exception>
    public T[] ToArray<T>() where T : unmanaged
    {
        if (Engine.Storage.Find<T>() != ElementType && !(typeof(T) == typeof(byte) && Engine.Float8.Has(ElementType)))
            throw new InvalidOperationException($"The tensor's elements are {ElementType}, not {typeof(T)}.");
        var copy = new T[checked((int)Count)];
        fixed (T* to = copy)
            CopyTo((byte*)to, 0, Count);
        if (typeof(T) == typeof(bool))
        {
            foreach (ref bool flag in Unsafe.As<bool[]>(copy).AsSpan()) // a file may have any byte there
                flag = Unsafe.As<bool, byte>(ref flag) != 0;
        }
        return copy;
    }

    /// <summary>A copy of the elements as doubles, row by row. A complex element is two numbers: real part, imaginary part. True is 1.</summary>
    public double[] ToDoubles()
    {
        var copy = new double[Numbers];
        fixed (double* to = copy)
            ReadDoubles(to);
        return copy;
    }

    /// <summary>Whether the two are views of one memory, as tied weights are: in a PyTorch file they are then one storage.</summary>
    public bool SharesMemoryWith(TensorData other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Storage == other.Storage;
    }

    /// <summary>
    /// A tensor of the same numbers in another floating-point type, rounded to the nearest, of two equally near ones to the even. What is beyond the type's range becomes what
    /// PyTorch makes of it: in <see cref="ElementType.Float8E4M3FN"/> the largest number, in the other types infinity or not a number.
    /// </summary>
    /// <param name="type">A floating-point type, of 8 bits or more.</param>
    /// <exception cref="ArgumentException">The type is none of them, or the numbers are complex.</exception>
    public TensorData To(ElementType type)
    {
        if (type is not (ElementType.Float32 or ElementType.Float64 or ElementType.Float16 or ElementType.BFloat16) && !Float8.Has(type))
            throw new ArgumentException($"A tensor can be converted to floating-point types, but not to {type}.", nameof(type));
        if (ElementType.IsComplex())
            throw new ArgumentException($"A tensor of {ElementType} can't be converted to {type}.", nameof(type));
        if (type == ElementType)
            return this;
        var storage = new TensorStorage(checked(Count * type.Size()));
        ReadDoubles((numbers, at, count) => Engine.Storage.Save((double*)numbers, storage.Start + at * type.Size(), type, count));
        return new(storage, type, shape);
    }

    /// <summary>A tensor of an 8-bit floating-point type with these codes, row by row.</summary>
    /// <exception cref="ArgumentException">The type is none of 8-bit floats, or the shape does not fit.</exception>
    public static TensorData OfCodes(ReadOnlySpan<byte> codes, ElementType type, params ReadOnlySpan<long> shape)
    {
        var tensor = Of(codes, shape);
        return Float8.Has(type) ? new(tensor.Storage, type, shape) : throw new ArgumentException($"There are codes of 8-bit floating-point types, but not of {type}.", nameof(type));
    }

    /// <summary>Type and shape: <c>tensor([2, 3], Float32)</c>.</summary>
    public override string ToString() => $"tensor([{string.Join(", ", shape)}], {ElementType})";

    /// <summary>A tensor with a copy of the elements from <paramref name="start"/> on, row by row.</summary>
    internal static TensorData From(void* start, ElementType type, ReadOnlySpan<long> shape)
    {
        long bytes = checked(CountOf(shape) * type.Size());
        var storage = new TensorStorage(bytes);
        Buffer.MemoryCopy(start, storage.Start, bytes, bytes);
        return new(storage, type, shape);
    }

    /// <summary>A copy of a state tensor.</summary>
    internal static TensorData From(StateTensor state)
    {
        if (state is HostTensor host)
        {
            var copy = From(host.Start, host.Type, host.Shape);
            GC.KeepAlive(host);
            return copy;
        }
        var storage = new TensorStorage(checked(state.Count * state.Type.Size()));
        var numbers = new double[state.Numbers];
        state.CopyTo(numbers);
        fixed (double* from = numbers)
            Engine.Storage.Save(from, storage.Start, state.Type.Real(), (nint)state.Numbers);
        return new(storage, state.Type, state.Shape);
    }

    /// <summary>Sets a state tensor with as many elements, rounded to its type.</summary>
    internal void CopyTo(StateTensor state)
    {
        if (state is HostTensor host)
        {
            var (source, target) = (ElementType.Real(), host.Type.Real());
            if (source == target)
                CopyTo((byte*)host.Start, 0, Count);
            else
                ReadDoubles((numbers, at, count) => Engine.Storage.Save((double*)numbers, (byte*)host.Start + at * target.Size(), target, count));
            GC.KeepAlive(host);
            return;
        }
        state.CopyFrom(ToDoubles());
    }

    /// <summary>Copies some of the elements, row by row, to memory.</summary>
    /// <param name="to">Room for <paramref name="count"/> elements of this tensor's type.</param>
    /// <param name="first">The first element to copy, counted row by row.</param>
    /// <param name="count">How many to copy.</param>
    internal void CopyTo(byte* to, long first, long count)
    {
        int size = ElementType.Size();
        if (count == 0)
            return;
        if (IsContiguous)
        {
            const int Piece = 1 << 30;
            for (long done = 0, bytes = count * size; done < bytes; done += Piece)
            {
                int part = (int)Math.Min(Piece, bytes - done);
                Storage.CopyTo(to + done, (Offset + first) * size + done, part);
            }
            GC.KeepAlive(this);
            return;
        }
        var index = new long[shape.Length];
        long at = Offset, rest = first;
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            (rest, index[i]) = Math.DivRem(rest, shape[i]);
            at += index[i] * strides[i];
        }
        byte* start = Storage.Start;
        for (byte* end = to + count * size; ;)
        {
            Unsafe.CopyBlockUnaligned(to, start + at * size, (uint)size);
            to += size;
            if (to == end)
                break;
            for (int i = shape.Length - 1; ; i--)
            {
                at += strides[i];
                if (++index[i] < shape[i])
                    break;
                at -= strides[i] * shape[i];
                index[i] = 0;
            }
        }
        GC.KeepAlive(this);
    }

    /// <summary>Has its bytes in memory from now on, where they were in a file (<see cref="CheckpointLoadOptions.OnDemand"/>).</summary>
    internal void Fetch()
    {
        _ = Storage.Start;
        GC.KeepAlive(this);
    }

    /// <summary>The product of the sizes. The caller has checked that it is a number of 64 bits.</summary>
    static long CountOf(ReadOnlySpan<long> shape)
    {
        long count = 1;
        foreach (long size in shape)
            count *= size;
        return count;
    }

    static long[] RowByRow(ReadOnlySpan<long> shape)
    {
        var strides = new long[shape.Length];
        long stride = 1;
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride = (long)Int128.Min((Int128)stride * Math.Max(shape[i], 1), long.MaxValue); // too large only where there is no element
        }
        return strides;
    }

    void ReadDoubles(double* to) => ReadDoubles((numbers, at, count) => Buffer.MemoryCopy((void*)numbers, to + at, count * sizeof(double), count * sizeof(double)));

    /// <summary>Gives all real numbers as doubles, in pieces: their address, the first one's index, how many.</summary>
    void ReadDoubles(Action<nint, long, int> take)
    {
        const int Piece = 512;
        byte* elements = stackalloc byte[Piece * 16];
        double* numbers = stackalloc double[Piece * 2];
        int parts = ElementType.Parts();
        for (long first = 0; first < Count; first += Piece)
        {
            int count = (int)Math.Min(Piece, Count - first);
            CopyTo(elements, first, count);
            Engine.Storage.Load(elements, ElementType.Real(), numbers, count * parts);
            take((nint)numbers, first * parts, count * parts);
        }
    }
}
