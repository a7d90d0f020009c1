using System.Buffers;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using OptimSharp.Engine;

namespace OptimSharp;

/// <summary>
/// Numbers that an optimizer changes: values, and the gradient that says in which direction. Over plain .NET memory
/// (<see cref="Of{T}(string, T[], ReadOnlySpan{long})"/>), or a TorchSharp tensor (package OptimSharp.Torch).
/// </summary>
[SuppressMessage("Naming", "CA1724", Justification = "The field's word for it.")]
public abstract class Parameter
{
    const int Widest = 16; // bytes of an element of any type, in which a copy or a state may be kept

    readonly long[] shape;

    internal Parameter(string name, ReadOnlySpan<long> shape, ElementType elementType, long? numbers = null)
    {
        ArgumentNullException.ThrowIfNull(name);
        Int128 count = 1; // of which 2⁶⁴ is already too many
        foreach (long size in shape)
            count = size >= 0 ? Int128.Min(count * size, (Int128)1 << 64) : throw new ArgumentException($"Parameter '{name}': a size in a shape must be ≥ 0, but is {size}.", nameof(shape));
        if (count * Widest > nint.MaxValue)
            throw new ArgumentException($"Parameter '{name}' would have more elements by its shape, [{string.Join(", ", shape.ToArray())}], than there can be memory for.", nameof(shape));
        Name = name;
        this.shape = shape.ToArray();
        Count = (long)count;
        Numbers = numbers ?? Count * elementType.Parts();
        ElementType = elementType;
    }

    /// <summary>The name, as in a model (<c>"conv1.weight"</c>). Empty when it has none.</summary>
    public string Name { get; }

    /// <summary>The sizes of its dimensions; empty for a single number.</summary>
    public ReadOnlySpan<long> Shape => shape;

    /// <summary>The number of elements.</summary>
    public long Count { get; }

    /// <summary>The type of its elements.</summary>
    public ElementType ElementType { get; }

    /// <summary>How many real numbers it is: two for a complex element. Of a <see cref="ParameterPart"/>, how many this rank has.</summary>
    internal long Numbers { get; }

    /// <summary>The shape of what is held here: of a <see cref="ParameterPart"/>, of its stretch.</summary>
    internal virtual ReadOnlySpan<long> HeldShape => shape;

    /// <summary>Whether there is a gradient. A parameter without one is left out of a step: no decay, no step count.</summary>
    public abstract bool HasGradient { get; }

    /// <summary>A parameter over an array: the optimizer changes the array's elements.</summary>
    /// <param name="name">The name, for messages and state dicts.</param>
    /// <param name="values">The values, row by row. Not copied.</param>
    /// <param name="shape">The sizes of the dimensions; left out: one dimension, or a single number for one value.</param>
    /// <exception cref="ArgumentException">The shape does not have as many elements as there are values, or the type
    /// is not float, double, <see cref="Half"/>, <see cref="BFloat16"/>, <see cref="Complex64"/> or <see cref="System.Numerics.Complex"/>.</exception>
    public static Parameter<T> Of<T>(string name, T[] values, params ReadOnlySpan<long> shape) where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(values);
        return new(name, values.AsMemory(), shape);
    }

    /// <summary>A parameter over memory: the optimizer changes its elements.</summary>
    /// <inheritdoc cref="Of{T}(string, T[], ReadOnlySpan{long})"/>
    public static Parameter<T> Of<T>(string name, Memory<T> values, params ReadOnlySpan<long> shape) where T : unmanaged =>
        new(name, values, shape);

    /// <summary>
    /// A parameter over native memory of any length. The memory must stay where it is for as long as the parameter is used.
    /// </summary>
    /// <inheritdoc cref="Of{T}(string, T[], ReadOnlySpan{long})"/>
    public static unsafe Parameter<T> Of<T>(string name, T* values, params ReadOnlySpan<long> shape) where T : unmanaged =>
        new(name, values, shape);

    /// <summary>
    /// A parameter without memory, as on PyTorch's <c>"meta"</c> device: to know what an optimizer of it would take (<see cref="Optimizer.MemoryReport"/>) before there is anything. Optimizers of any kind are made of such, with rules for
    /// groups, options and precisions as ever. Steps and state dicts of them are refused; <see cref="Optimizer.Rebind"/> puts parameters with numbers in their place.
    /// </summary>
    /// <param name="name">The name, for group rules.</param>
    /// <param name="shape">The sizes of the dimensions; none for a single number.</param>
    /// <param name="type">The type of its elements.</param>
    /// <exception cref="ArgumentException">A size is negative, there are too many elements, or optimizers don't change elements of the type.</exception>
    public static Parameter Meta(string name, ReadOnlySpan<long> shape, ElementType type = ElementType.Float32) => new MetaParameter(name, shape, type);

    /// <summary>
    /// Whether optimizers keep its state in host memory, though the parameter is elsewhere (<see cref="Offload.WithStateOnHost"/>). Of a parameter in host memory it says nothing.
    /// </summary>
    public bool HasStateOnHost { get; internal set; }

    /// <summary>The name in quotes, with the shape: what messages call it.</summary>
    public override string ToString() =>
        $"{(Name.Length == 0 ? "unnamed" : $"'{Name}'")} [{string.Join(", ", shape)}] {ElementType}";

    /// <summary>For messages on two parameters that are the same one: how the other is called, when it is called otherwise.</summary>
    internal string OtherName(Parameter other) => other.Name == Name ? "" : $", also as {other}";

    /// <summary>Whether it has no memory (<see cref="Meta"/>), and is for planning only.</summary>
    public virtual bool IsMeta => false;

    /// <summary>How many elements of a gradient are stored, and the bytes that they take; null when there is none. One of a parameter without memory is planned: a dense one.</summary>
    internal virtual (long Count, long Bytes)? GradientSize => HasGradient || IsMeta ? (Count, Count * ElementType.Size()) : null;

    /// <summary>What owns its storage and runs rules on it.</summary>
    internal abstract Backend Backend { get; }

    /// <summary>What makes two parameters the same one, compared by <see cref="object.Equals(object)"/>: the tensor, or the memory, that they stand for.</summary>
    internal virtual object Identity => this;

    /// <summary>Where the elements are, so that parameters that share some can be found; null when that can't be told.</summary>
    /// <param name="pins">What keeps the memory in its place, for the caller to dispose.</param>
    internal virtual MemoryExtent? Extent(ICollection<MemoryHandle> pins) => null;

    /// <summary>
    /// Opens the parameter for a step. Checks that values and gradient are what they are taken for, and can be used in this way, and throws when not,
    /// before anything is changed. False when there is no gradient. Each call that returns true is followed by one of
    /// <see cref="EndStep"/>, unless <see cref="HostMemory.IsPlain"/> says that there is nothing to close.
    /// </summary>
    /// <param name="use">What is done with the gradient's memory.</param>
    /// <param name="memory">Where values and gradient lie, for host memory; else both are null.</param>
    internal abstract bool BeginStep(GradientUse use, out HostMemory memory);

    /// <summary>Closes what <see cref="BeginStep"/> opened.</summary>
    internal virtual void EndStep()
    {
    }

    /// <summary>
    /// During a step: takes what was changed in the copy that <see cref="BeginStep"/> had to make of the gradient over into the gradient.
    /// </summary>
    internal virtual void KeepGradient()
    {
    }

    /// <summary>During a step: what tells the gradient's memory from another's, for a gradient that is not in host memory.</summary>
    internal virtual unsafe void* LocateGradient() => throw new UnreachableException();

    /// <summary>
    /// Copies all values, or the gradient (zeros when there is none; a sparse one with its zeros), to host memory in the compute
    /// type. A complex element is two numbers. For use outside of a step, or inside for a parameter that is not in host memory.
    /// </summary>
    internal abstract unsafe void Read<T>(T* to, bool ofGradient) where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>Sets all values, rounded to the element type.</summary>
    internal abstract unsafe void Write<T>(T* from) where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>
    /// Where the values lie in host memory; null when they lie elsewhere. Throws when the parameter can't be used any more, or is another one than it was
    /// taken for.
    /// </summary>
    internal abstract Address Locate();

    /// <summary>Whether the values are still there.</summary>
    internal virtual bool IsUsable => true;

    /// <summary>Copies all values to a tensor of the same shape, rounded to its type. Between equal types bits stay.</summary>
    internal virtual unsafe void CopyTo(StateTensor target)
    {
        var values = Locate();
        if (target is HostTensor host && !values.IsNull)
        {
            fixed (byte* from = &values.Start)
                Conversion.Run(from, ElementType.Real(), host.Start, host.Type.Real(), (nint)Numbers);
            GC.KeepAlive(host);
            GC.KeepAlive(this); // the memory may be pinned for as long as the parameter lives
            return;
        }
        using var copy = new HostTensor([Numbers], ElementType.Float64);
        Read((double*)copy.Start, ofGradient: false);
        target.Write((double*)copy.Start);
    }

    /// <summary>Sets all values from a tensor of the same shape, rounded. Between equal types bits stay.</summary>
    internal virtual unsafe void CopyFrom(StateTensor source)
    {
        var values = Locate();
        if (source is HostTensor host && !values.IsNull)
        {
            fixed (byte* to = &values.Start)
                Conversion.Run(host.Start, host.Type.Real(), to, ElementType.Real(), (nint)Numbers);
            GC.KeepAlive(host);
            GC.KeepAlive(this);
            return;
        }
        using var copy = new HostTensor([Numbers], ElementType.Float64);
        source.Read((double*)copy.Start);
        Write((double*)copy.Start);
    }

    /// <summary>Prepares the thread for a closure that computes gradients. Null when there is nothing to prepare.</summary>
    internal virtual IDisposable? EnterClosure() => null;

    /// <summary>Sets the gradient: dense, of the parameter's type.</summary>
    /// <param name="from">The elements, row by row. They stay there, and as they are, for as long as the gradient is used.</param>
    internal abstract unsafe void TakeGradient(byte* from);

    /// <summary>Throws when <see cref="ZeroGrad"/> would.</summary>
    internal virtual void CheckZeroGrad(bool setToNull)
    {
    }

    /// <summary>Removes the gradient, or sets it to zeros.</summary>
    internal abstract void ZeroGrad(bool setToNull);
}

/// <summary>Where a host parameter's values and gradient lie during a step.</summary>
/// <param name="Values">The values.</param>
/// <param name="Gradient">The gradient, when it is dense.</param>
/// <param name="Rows">The gradient, when it is sparse.</param>
/// <param name="IsCopy">Whether the gradient is a copy, made because the original can't be used as it lies: it may be changed without effect.</param>
internal readonly record struct HostMemory(Address Values, Address Gradient, SparseRows? Rows = null, bool IsCopy = false)
{
    /// <summary>Whether nothing was made to open it.</summary>
    public bool IsPlain => !IsCopy && Rows is null;
}

/// <summary>
/// A sparse gradient as it comes: rows of the parameter's first dimension, in any order, the same one any number of times.
/// Indices are not checked yet.
/// </summary>
/// <param name="Indices">Which rows: 64-bit numbers.</param>
/// <param name="Values">The rows, one after the other, in the parameter's type.</param>
/// <param name="Count">How many rows.</param>
internal readonly record struct SparseRows(Address Indices, Address Values, int Count);
