using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using OptimSharp.Engine;

namespace OptimSharp;

/// <summary>A parameter over plain .NET or native memory. Made by <see cref="Parameter.Of{T}(string, T[], ReadOnlySpan{long})"/>.</summary>
/// <typeparam name="T">float, double, <see cref="Half"/>, <see cref="BFloat16"/>, <see cref="Complex64"/> or <see cref="System.Numerics.Complex"/>.</typeparam>
[SuppressMessage("Design", "CA1001", Justification = "Borrowed memory has nothing to give back.")]
public sealed unsafe class Parameter<T> : Parameter where T : unmanaged
{
    readonly Memory<T> memory; // empty for native memory
    readonly MemoryHandle pin; // for memory that is not an array
    readonly Address values;
    Memory<T>? gradient;
    SparseGradient<T>? sparse;
    MemoryHandle gradientPin, indexPin;
    SparseRows rows;
    Address gradientBuffer;
    bool hasGradient;
    BorrowedMemory<T>? taken; // a gradient that this library computed
    T[]? own; // the array that UseGradient gives out, kept over ZeroGrad

    internal Parameter(string name, Memory<T> values, ReadOnlySpan<long> shape)
        : base(name, shape.IsEmpty && values.Length != 1 ? [values.Length] : shape, TypeOf(name))
    {
        if (values.Length != Count)
            throw new ArgumentException($"Parameter {this} has {Count} elements by its shape, but {values.Length} values were given.", nameof(values));
        memory = values;
        this.values = BufferOf(values, ref pin);
        Identity = IdentityOf(values);
    }

    internal Parameter(string name, T* values, ReadOnlySpan<long> shape) : base(name, shape, TypeOf(name))
    {
        ArgumentNullException.ThrowIfNull(values);
        this.values = new(values);
        Identity = Count == 0 ? this : new MemoryIdentity(null, (nint)values, Count, ElementType);
    }

    /// <summary>Lets go of memory that had to be pinned.</summary>
    ~Parameter()
    {
        pin.Dispose();
        gradientPin.Dispose();
        indexPin.Dispose();
    }

    /// <summary>The values: what was given when the parameter was made. Empty for native memory.</summary>
    public Memory<T> Values => memory;

    /// <summary>
    /// The gradient of the loss by the values, row by row; null: none, and the next step leaves the parameter out.
    /// Assigning an array does not copy it. For native memory see <see cref="SetGradient"/>.
    /// </summary>
    /// <remarks>
    /// An array that is null is no gradient: it becomes empty memory, and empty memory is none for a parameter that has elements. A setter that throws,
    /// also where memory can't be pinned, leaves the gradient as it was.
    /// </remarks>
    /// <exception cref="ArgumentException">The gradient's length is not the parameter's. Nothing was changed.</exception>
    public Memory<T>? Gradient
    {
        get => gradient;
        set
        {
            if (value is { IsEmpty: true } && Count > 0)
                value = null;
            if (value is { } given && given.Length != Count)
                throw new ArgumentException($"The gradient of parameter {this} must have {Count} elements, but has {given.Length}.", nameof(value));
            MemoryHandle pinned = default;
            Address buffer = value is { } present ? BufferOf(present, ref pinned) : default;
            Forget();
            (gradient, gradientPin, gradientBuffer, hasGradient) = (value, pinned, buffer, value is not null);
        }
    }

    /// <summary>
    /// A gradient of some rows only, for <see cref="SGD"/>, <see cref="Adagrad"/>, <see cref="SparseAdam"/>; null: none, or a
    /// dense one. It takes the place of <see cref="Gradient"/>, and the other way round. Nothing is copied.
    /// </summary>
    /// <exception cref="ArgumentException">The rows are not as long as indices and shape say, or the parameter is a single number. Nothing was changed.</exception>
    public SparseGradient<T>? SparseGradient
    {
        get => sparse;
        set
        {
            if (value is not { } given)
            {
                if (sparse is not null)
                    Forget();
                return;
            }
            if (Shape.IsEmpty)
                throw new ArgumentException($"Parameter {this} is a single number and has no rows: give a dense gradient.", nameof(value));
            long rowSize = Shape[0] == 0 ? 0 : Count / Shape[0];
            if (given.Rows.Length != (Int128)given.Indices.Length * rowSize)
                throw new ArgumentException($"The sparse gradient of parameter {this} must have {given.Indices.Length} × {rowSize} elements for its {given.Indices.Length} indices, but has {given.Rows.Length}.", nameof(value));
            MemoryHandle pinnedIndices = default, pinnedRows = default;
            SparseRows parts;
            try
            {
                parts = new(BufferOf(MemoryMarshal.AsMemory(given.Indices), ref pinnedIndices), BufferOf(MemoryMarshal.AsMemory(given.Rows), ref pinnedRows), given.Indices.Length);
            }
            catch
            {
                pinnedIndices.Dispose();
                throw;
            }
            Forget();
            (sparse, rows, indexPin, gradientPin, hasGradient) = (value, parts, pinnedIndices, pinnedRows, true);
        }
    }

    /// <inheritdoc/>
    public override bool HasGradient => hasGradient;

    internal override (long Count, long Bytes)? GradientSize =>
        sparse is { } given ? (given.Rows.Length, given.Indices.Length * (long)sizeof(long) + given.Rows.Length * (long)sizeof(T)) : base.GradientSize;

    /// <summary>Takes the gradient from native memory, of as many elements as the parameter has; null: none.</summary>
    public void SetGradient(T* gradient)
    {
        Gradient = null;
        gradientBuffer = new(gradient);
        hasGradient = gradient != null;
    }

    /// <summary>The gradient, to be added to: the present one, or zeros where there was none.</summary>
    /// <exception cref="InvalidOperationException">The parameter has more elements than a span can have, or its gradient is sparse or in native memory.</exception>
    public Span<T> UseGradient()
    {
        if (gradient is null)
        {
            if (HasGradient)
                throw new InvalidOperationException($"The gradient of parameter {this} is sparse or in native memory: write there.");
            if (Count > Array.MaxLength)
                throw new InvalidOperationException($"Parameter {this} has more elements than a span can have: set its gradient in native memory.");
            if (own is null)
                own = new T[Count];
            else
                Array.Clear(own);
            Gradient = own;
        }
        return gradient!.Value.Span;
    }

    internal override Backend Backend => HostBackend.Instance;

    internal override object Identity { get; }

    internal override MemoryExtent? Extent(ICollection<MemoryHandle> pins)
    {
        if (!memory.IsEmpty)
            pins.Add(memory.Pin());
        fixed (byte* start = &values.Start)
            return new(0, (nint)start, sizeof(T), [Count], null);
    }

    internal override Address Locate() => values;

    internal override bool BeginStep(GradientUse use, out HostMemory memory)
    {
        memory = new(values, gradientBuffer, sparse is null ? null : rows);
        return HasGradient;
    }

    internal override void Read<TNumber>(TNumber* to, bool ofGradient)
    {
        if (ofGradient && !hasGradient)
        {
            NativeMemory.Clear(to, checked((nuint)Numbers * (nuint)sizeof(TNumber)));
        }
        else if (ofGradient && sparse is not null)
        {
            var touched = new TouchedRows();
            touched.Collect(this, rows);
            touched.Spread(to, (nint)Numbers);
        }
        else
        {
            fixed (byte* from = &(ofGradient ? gradientBuffer : values).Start)
                Storage.Load(from, ElementType.Real(), to, (nint)Numbers);
        }
        GC.KeepAlive(this); // memory may be pinned for as long as the parameter lives
    }

    internal override void Write<TNumber>(TNumber* from)
    {
        fixed (byte* to = &values.Start)
            Storage.Save(from, to, ElementType.Real(), (nint)Numbers);
        GC.KeepAlive(this);
    }

    internal override void TakeGradient(byte* from)
    {
        if (Count > int.MaxValue)
        {
            SetGradient((T*)from);
            return;
        }
        if (taken?.Start != from)
            taken = new((T*)from, (int)Count);
        Gradient = taken.Memory;
    }

    internal override void ZeroGrad(bool setToNull)
    {
        if (!HasGradient)
            return;
        if (setToNull)
        {
            Gradient = null;
            return;
        }
        if (sparse is not null)
        {
            SparseGradient = new(default, default); // no rows: zero everywhere
            return;
        }
        fixed (byte* start = &gradientBuffer.Start)
            NativeMemory.Clear(start, checked((nuint)Count * (nuint)sizeof(T)));
        GC.KeepAlive(this);
    }

    static ElementType TypeOf(string name) => Storage.Find<T>() is { } type && type.IsTrainable() ? type : throw new ArgumentException(
        $"Parameter '{name}' has elements of type {typeof(T)}, but they must be float, double, Half, BFloat16, Complex64 or Complex.");

    /// <summary>No memory is in two places: parameters without elements are each one of its own.</summary>
    object IdentityOf(Memory<T> memory)
    {
        if (memory.IsEmpty)
            return this;
        if (MemoryMarshal.TryGetArray<T>(memory, out var array))
            return new MemoryIdentity(array.Array, array.Offset, Count, ElementType);
        return MemoryMarshal.TryGetMemoryManager<T, MemoryManager<T>>(memory, out var manager, out int start, out _)
            ? new MemoryIdentity(manager, start, Count, ElementType) : this;
    }

    void Forget()
    {
        gradientPin.Dispose();
        indexPin.Dispose();
        (gradientPin, indexPin) = (default, default);
        (gradient, sparse) = (null, null);
        gradientBuffer = default;
        hasGradient = false;
    }

    static Address BufferOf<TItem>(Memory<TItem> memory, ref MemoryHandle pin) where TItem : unmanaged
    {
        if (MemoryMarshal.TryGetArray<TItem>(memory, out var array))
            return new(array.Array!, checked((nint)array.Offset * sizeof(TItem)));
        pin = memory.Pin();
        return new(pin.Pointer);
    }
}
