using System.Buffers;
using System.Numerics;
using System.Runtime.InteropServices;
using OptimSharp.Engine;

namespace OptimSharp.Cuda;

/// <summary>Numbers in a GPU's memory as a parameter: the optimizer changes them there, by kernels that are made from its rule. Made by <see cref="CudaParameters.OnCuda"/>.</summary>
/// <remarks>The memory is the caller's: it must stay for as long as the parameter is used, and what is written to it by others must come before a step in the order of the device's <see cref="CudaDevice.Stream"/>.</remarks>
public sealed unsafe class CudaParameter : Parameter, ICudaPlaced
{
    nint gradient;
    (nint Indices, nint Rows, int Count)? sparse;
    CudaMemory? own; // a gradient that was copied here
    void* copy; // of a sparse gradient, while it is open: its indices, and its rows behind them

    internal CudaParameter(string name, nint address, ElementType type, CudaDevice device, ReadOnlySpan<long> shape) : base(name, shape, type)
    {
        if (!type.IsTrainable())
            throw new ArgumentException($"Parameter '{name}' would have elements of type {type}; optimizers change Float32, Float64, Float16, BFloat16, Complex64 and Complex128.", nameof(type));
        Address = Check(address, nameof(address));
        Device = device;
        Identity = Count == 0 ? this : (device.Index, address);
    }

    /// <summary>Where the first element is (<c>CUdeviceptr</c>).</summary>
    public nint Address { get; }

    /// <summary>The device whose memory it is.</summary>
    public CudaDevice Device { get; }

    /// <summary>
    /// Where the gradient is, in the same device's memory: as many elements, of the same type, row by row; 0: there is none, and the next step leaves the parameter out.
    /// </summary>
    /// <exception cref="ArgumentException">The address is not a multiple of an element's size. Nothing was changed.</exception>
    public nint Gradient
    {
        get => gradient;
        set
        {
            gradient = value == 0 ? 0 : Check(value, nameof(value));
            sparse = null;
            own?.Dispose();
            own = null;
        }
    }

    /// <summary>
    /// Sets a gradient of some rows only, for <see cref="SGD"/>, <see cref="Adagrad"/>, <see cref="SparseAdam"/>. It takes the place of <see cref="Gradient"/>, and the other way round. Rows may come in any order, one
    /// of them any number of times; in a step they are sorted and added up on the host.
    /// </summary>
    /// <param name="indices">Where the rows' numbers in the parameter's first dimension are, in the device's memory: 64 bits each.</param>
    /// <param name="rows">Where the rows are, one after the other, in the parameter's type.</param>
    /// <param name="count">How many rows.</param>
    /// <exception cref="ArgumentException">The parameter is a single number, or an address is no multiple of what it stands for. Nothing was changed.</exception>
    public void SetSparseGradient(nint indices, nint rows, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (Shape.Length == 0)
            throw new ArgumentException($"Parameter {this} is a single number: it has no rows.", nameof(rows));
        if (count > 0 && (indices == 0 || indices % sizeof(long) != 0))
            throw new ArgumentException($"The {count} indices of a sparse gradient of parameter {this} must be at a multiple of {sizeof(long)}, but begin at 0x{indices:x}.", nameof(indices));
        int size = ElementType.Real().Size();
        if (count > 0 && (rows == 0 || rows % size != 0))
            throw new ArgumentException($"The {count} rows of a sparse gradient of parameter {this} must be at a multiple of {size}, but begin at 0x{rows:x}.", nameof(rows));
        Gradient = 0;
        sparse = (indices, rows, count);
    }

    /// <inheritdoc/>
    public override bool HasGradient => gradient != 0 || sparse is not null;

    long RowBytes => Shape[0] == 0 ? 0 : Bytes / Shape[0];

    internal override (long Count, long Bytes)? GradientSize => sparse is { } rows ? (RowBytes / ElementType.Size() * rows.Count, (RowBytes + sizeof(long)) * rows.Count) : base.GradientSize;

    internal override Backend Backend => HasStateOnHost ? Device.Offload : Device.Backend;

    ParameterPlace? ICudaPlaced.Place => new(Address, gradient);

    internal override object Identity { get; }

    internal override MemoryExtent? Extent(ICollection<MemoryHandle> pins) => Count == 0 ? null : new((long)1 << 32 | (uint)Device.Index, Address, ElementType.Size(), Shape.ToArray(), null);

    internal override Address Locate() => default;

    internal override bool BeginStep(GradientUse use, out HostMemory memory)
    {
        memory = default;
        if (sparse is not { } rows)
            return HasGradient;
        long indices = (long)rows.Count * sizeof(long), values = rows.Count * RowBytes;
        copy = NativeMemory.Alloc((nuint)Math.Max(indices + values, 1));
        try
        {
            CudaMemory.Copy(Device, copy, rows.Indices, indices);
            CudaMemory.Copy(Device, (byte*)copy + indices, rows.Rows, values);
        }
        catch
        {
            EndStep();
            throw;
        }
        memory = new(default, default, new(new(copy), new((byte*)copy + indices), rows.Count), IsCopy: true);
        return true;
    }

    internal override void EndStep()
    {
        NativeMemory.Free(copy);
        copy = null;
    }

    internal override void KeepGradient()
    {
        if (sparse is { } rows && copy != null)
            CudaMemory.Copy(Device, rows.Rows, (byte*)copy + (long)rows.Count * sizeof(long), rows.Count * RowBytes);
    }

    internal override void* LocateGradient() => (void*)gradient;

    internal override void Read<T>(T* to, bool ofGradient)
    {
        if (ofGradient && sparse is { } rows)
            ReadSparse(to, rows);
        else if (ofGradient && gradient == 0)
            NativeMemory.Clear(to, checked((nuint)Numbers * (nuint)sizeof(T)));
        else
            Staging.Read(Device, ofGradient ? gradient : Address, ElementType.Real(), to, Numbers);
    }

    void ReadSparse<T>(T* to, (nint Indices, nint Rows, int Count) rows) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        long[] indices = new long[rows.Count];
        long size = RowBytes / ElementType.Real().Size();
        T[] row = new T[size];
        NativeMemory.Clear(to, checked((nuint)Numbers * (nuint)sizeof(T)));
        fixed (long* index = indices)
        fixed (T* numbers = row)
        {
            CudaMemory.Copy(Device, index, rows.Indices, (long)rows.Count * sizeof(long));
            for (int i = 0; i < rows.Count; i++)
            {
                Staging.Read(Device, rows.Rows + (nint)(i * RowBytes), ElementType.Real(), numbers, size);
                for (long k = 0; k < size; k++)
                    to[indices[i] * size + k] += numbers[k];
            }
        }
    }

    internal override void Write<T>(T* from) => Staging.Write(Device, from, Address, ElementType.Real(), Numbers);

    internal override void CopyTo(StateTensor target)
    {
        if (target is CudaState state && state.IsBeside(this) && state.Type == ElementType)
            CudaMemory.Copy(Device, state.Address, Address, Bytes);
        else if (target is HostTensor host && host.Type == ElementType)
            CudaMemory.Copy(Device, host.Start, Address, Bytes);
        else
            base.CopyTo(target);
        GC.KeepAlive(target);
    }

    internal override void CopyFrom(StateTensor source)
    {
        if (source is CudaState state && state.IsBeside(this) && state.Type == ElementType)
            CudaMemory.Copy(Device, Address, state.Address, Bytes);
        else if (source is HostTensor host && host.Type == ElementType)
            CudaMemory.Copy(Device, Address, host.Start, Bytes);
        else
            base.CopyFrom(source);
        GC.KeepAlive(source);
    }

    internal override void TakeGradient(byte* from)
    {
        var copy = Device.Allocate(Bytes);
        copy.CopyFrom(from, Bytes);
        Gradient = copy.Address;
        own = copy;
    }

    internal override void ZeroGrad(bool setToNull)
    {
        if (setToNull)
        {
            Gradient = 0;
        }
        else if (gradient != 0)
        {
            using var scope = Device.Enter();
            Device.Driver.Clear(gradient, Bytes, Device.Stream);
        }
        else if (sparse is { } rows)
        {
            using var scope = Device.Enter();
            Device.Driver.Clear(rows.Rows, rows.Count * RowBytes, Device.Stream);
        }
    }

    long Bytes => Count * ElementType.Size();

    nint Check(nint address, string argument)
    {
        int size = ElementType.Real().Size();
        if (address == 0 && Count > 0)
            throw new ArgumentException($"Parameter {this} has {Count} elements, but no address.", argument);
        if ((ulong)address > ulong.MaxValue - (ulong)Bytes)
            throw new ArgumentException($"Parameter {this} has {Bytes} bytes, which do not fit behind address 0x{address:x}.", argument);
        return address % size == 0 ? address : throw new ArgumentException($"Elements of parameter {this} must be at multiples of {size}, but begin at 0x{address:x}.", argument);
    }
}
