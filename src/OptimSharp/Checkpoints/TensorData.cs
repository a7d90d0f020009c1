using OptimSharp.Kernels;

namespace OptimSharp;

/// <summary>A tensor of a <see cref="StateDict"/>: shape, element type, and numbers of its own, which never change. May have more than 2³¹ elements.</summary>
public sealed unsafe class TensorData
{
    readonly HostTensor tensor;

    /// <param name="tensor">Nobody else has it.</param>
    internal TensorData(HostTensor tensor) => this.tensor = tensor;

    /// <summary>The type of the elements.</summary>
    public ElementType ElementType => tensor.Type;

    /// <summary>The sizes of its dimensions; empty for a single number.</summary>
    public ReadOnlySpan<long> Shape => tensor.Shape;

    /// <summary>The number of elements.</summary>
    public long Count => tensor.Count;

    /// <summary>A tensor with a copy of these elements, row by row.</summary>
    /// <exception cref="ArgumentException">The type is none of <see cref="OptimSharp.ElementType"/>, a size is negative, or the shape does not have as many elements.</exception>
    public static TensorData Of<T>(ReadOnlySpan<T> values, params ReadOnlySpan<long> shape) where T : unmanaged
    {
        var type = Storage.Find<T>() ?? throw new ArgumentException($"A tensor's elements can't be of type {typeof(T).Name}.", nameof(values));
        long count = 1;
        foreach (long size in shape)
            count = size >= 0 ? checked(count * size) : throw new ArgumentException($"A size in a shape must be ≥ 0, but is {size}.", nameof(shape));
        if (count != values.Length)
            throw new ArgumentException($"The shape [{string.Join(", ", shape.ToArray())}] has {count} elements, but {values.Length} were given.", nameof(values));
        var tensor = new HostTensor(shape, type);
        values.CopyTo(new Span<T>(tensor.Start, values.Length));
        GC.KeepAlive(tensor);
        return new(tensor);
    }

    /// <inheritdoc cref="Of{T}(ReadOnlySpan{T}, ReadOnlySpan{long})"/>
    public static TensorData Of<T>(T[] values, params ReadOnlySpan<long> shape) where T : unmanaged => Of((ReadOnlySpan<T>)values, shape);

    /// <summary>A copy of the elements, row by row.</summary>
    /// <exception cref="InvalidOperationException">The elements are of another type.</exception>
    public T[] ToArray<T>() where T : unmanaged
    {
        if (Storage.Find<T>() != ElementType)
            throw new InvalidOperationException($"The tensor's elements are {ElementType}, not {typeof(T).Name}.");
        var copy = new ReadOnlySpan<T>(tensor.Start, checked((int)Count)).ToArray();
        GC.KeepAlive(tensor);
        return copy;
    }

    /// <summary>A copy of the elements as doubles, row by row. A complex element is two numbers: real part, imaginary part.</summary>
    public double[] ToDoubles()
    {
        var copy = new double[tensor.Numbers];
        tensor.CopyTo(copy);
        return copy;
    }

    /// <summary>Type and shape: <c>tensor([2, 3], Float32)</c>.</summary>
    public override string ToString() => $"tensor([{string.Join(", ", Shape.ToArray())}], {ElementType})";

    /// <summary>A copy of a state tensor.</summary>
    internal static TensorData From(StateTensor state)
    {
        var copy = new HostTensor(state.Shape, state.Type);
        Copy(state, copy);
        return new(copy);
    }

    /// <summary>Sets a state tensor with as many elements, rounded to its type.</summary>
    internal void CopyTo(StateTensor state) => Copy(tensor, state);

    static void Copy(StateTensor from, StateTensor to)
    {
        if (from is HostTensor a && to is HostTensor b)
        {
            const int Chunk = 1024;
            double* numbers = stackalloc double[Chunk];
            var (source, target) = (a.Type.Real(), b.Type.Real());
            if (source == target)
                Buffer.MemoryCopy(a.Start, b.Start, a.Numbers * source.Size(), a.Numbers * source.Size());
            else
            {
                for (long i = 0; i < a.Numbers; i += Chunk)
                {
                    nint n = (nint)Math.Min(Chunk, a.Numbers - i);
                    Storage.Load((byte*)a.Start + i * source.Size(), source, numbers, n);
                    Storage.Save(numbers, (byte*)b.Start + i * target.Size(), target, n);
                }
            }
            GC.KeepAlive(a);
            GC.KeepAlive(b);
            return;
        }
        var all = new double[from.Numbers];
        from.CopyTo(all);
        to.CopyFrom(all);
    }
}
