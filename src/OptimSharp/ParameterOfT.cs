using System.Buffers;
using System.Runtime.InteropServices;
using OptimSharp.Kernels;

namespace OptimSharp;

/// <summary>A parameter over plain .NET or native memory. Made by <see cref="Parameter.Of{T}(string, T[], ReadOnlySpan{long})"/>.</summary>
/// <typeparam name="T">float, double, <see cref="Half"/> or <see cref="BFloat16"/>.</typeparam>
public sealed unsafe class Parameter<T> : Parameter where T : unmanaged
{
    readonly Memory<T> memory; // empty for native memory
    readonly MemoryHandle pin; // for memory that is not an array
    readonly Address values;
    Memory<T>? gradient;
    MemoryHandle gradientPin;
    Address gradientBuffer;
    bool hasGradient;
    T[]? own; // the array that UseGradient gives out, kept over ZeroGrad

    internal Parameter(string name, Memory<T> values, ReadOnlySpan<long> shape)
        : base(name, shape.IsEmpty && values.Length != 1 ? [values.Length] : shape, Storage.Of<T>())
    {
        if (values.Length != Count)
            throw new ArgumentException($"Parameter {this} has {Count} elements by its shape, but {values.Length} values were given.", nameof(values));
        memory = values;
        this.values = BufferOf(values, ref pin);
    }

    internal Parameter(string name, T* values, ReadOnlySpan<long> shape) : base(name, shape, Storage.Of<T>())
    {
        ArgumentNullException.ThrowIfNull(values);
        this.values = new(values);
    }

    /// <summary>Lets go of memory that had to be pinned.</summary>
    ~Parameter()
    {
        pin.Dispose();
        gradientPin.Dispose();
    }

    /// <summary>The values: what was given when the parameter was made. Empty for native memory.</summary>
    public Memory<T> Values => memory;

    /// <summary>
    /// The gradient of the loss by the values, row by row; null: none, and the next step leaves the parameter out.
    /// Assigning an array does not copy it. For native memory see <see cref="SetGradient"/>.
    /// </summary>
    /// <exception cref="ArgumentException">The gradient's length is not the parameter's.</exception>
    public Memory<T>? Gradient
    {
        get => gradient;
        set
        {
            if (value is { } given && given.Length != Count)
                throw new ArgumentException($"The gradient of parameter {this} must have {Count} elements, but has {given.Length}.", nameof(value));
            gradientPin.Dispose();
            gradientPin = default;
            gradient = value;
            gradientBuffer = value is { } present ? BufferOf(present, ref gradientPin) : default;
            hasGradient = value is not null;
        }
    }

    /// <inheritdoc/>
    public override bool HasGradient => hasGradient;

    /// <summary>Takes the gradient from native memory, of as many elements as the parameter has; null: none.</summary>
    public void SetGradient(T* gradient)
    {
        Gradient = null;
        gradientBuffer = new(gradient);
        hasGradient = gradient != null;
    }

    /// <summary>The gradient, to be added to: the present one, or zeros where there was none.</summary>
    /// <exception cref="InvalidOperationException">The parameter has more elements than a span can have, or its gradient is in native memory.</exception>
    public Span<T> UseGradient()
    {
        if (gradient is null)
        {
            if (HasGradient || Count > Array.MaxLength)
                throw new InvalidOperationException($"The gradient of parameter {this} is in native memory: write there.");
            if (own is null)
                own = new T[Count];
            else
                Array.Clear(own);
            Gradient = own;
        }
        return gradient!.Value.Span;
    }

    internal override Backend Backend => HostBackend.Instance;

    internal override bool BeginStep(out HostMemory memory)
    {
        memory = new(values, gradientBuffer);
        return HasGradient;
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
        fixed (byte* start = &gradientBuffer.Start)
            NativeMemory.Clear(start, (nuint)Count * (nuint)sizeof(T));
    }

    static Address BufferOf(Memory<T> memory, ref MemoryHandle pin)
    {
        if (MemoryMarshal.TryGetArray<T>(memory, out var array))
            return new(array.Array!, array.Offset * sizeof(T));
        pin = memory.Pin();
        return new(pin.Pointer);
    }
}
