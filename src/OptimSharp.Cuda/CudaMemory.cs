using System.Runtime.InteropServices;

namespace OptimSharp.Cuda;

/// <summary>Memory of a device. It is given back when this is disposed, or collected.</summary>
public sealed unsafe class CudaMemory : IDisposable
{
    nint address;

    internal CudaMemory(CudaDevice device, long bytes)
    {
        Device = device;
        Bytes = bytes;
        using var scope = device.Enter();
        address = device.Driver.Allocate(Math.Max(bytes, 1));
        device.Driver.Clear(address, bytes, device.Stream);
    }

    /// <summary>Gives the memory back.</summary>
    ~CudaMemory() => Free();

    /// <summary>Whose memory it is.</summary>
    public CudaDevice Device { get; }

    /// <summary>How many bytes it has.</summary>
    public long Bytes { get; }

    /// <summary>Its address on the device (<c>CUdeviceptr</c>), a multiple of 256.</summary>
    /// <exception cref="ObjectDisposedException">It was disposed.</exception>
    public nint Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(address == 0, this);
            return address;
        }
    }

    /// <summary>Copies from host memory, in the order of the device's <see cref="CudaDevice.Stream"/>. Returns when the source may be changed again.</summary>
    /// <typeparam name="T">The type of the elements.</typeparam>
    /// <param name="source">The elements, which may be fewer than there is room for.</param>
    /// <exception cref="ArgumentException">There is no room for all.</exception>
    public void CopyFrom<T>(ReadOnlySpan<T> source) where T : unmanaged
    {
        var bytes = MemoryMarshal.AsBytes(source);
        if (bytes.Length > Bytes)
            throw new ArgumentException($"{bytes.Length} bytes do not fit in device memory of {Bytes} bytes.", nameof(source));
        fixed (byte* from = bytes)
            CopyFrom(from, bytes.Length);
        GC.KeepAlive(this); // else it may be given back before the copy
    }

    /// <summary>Copies to host memory, when all before it in the order of the device's <see cref="CudaDevice.Stream"/> is done.</summary>
    /// <typeparam name="T">The type of the elements.</typeparam>
    /// <param name="destination">Where the first elements go, as many as it has room for.</param>
    /// <exception cref="ArgumentException">There are not as many.</exception>
    public void CopyTo<T>(Span<T> destination) where T : unmanaged
    {
        var bytes = MemoryMarshal.AsBytes(destination);
        if (bytes.Length > Bytes)
            throw new ArgumentException($"Device memory of {Bytes} bytes does not have {bytes.Length} bytes.", nameof(destination));
        fixed (byte* to = bytes)
            CopyTo(to, bytes.Length);
        GC.KeepAlive(this);
    }

    /// <summary>Copies from other memory of the same device, in the order of its <see cref="CudaDevice.Stream"/>. Returns before it is done.</summary>
    /// <param name="source">The other memory, which may have fewer bytes.</param>
    /// <exception cref="ArgumentException">There is no room for all, or it is another device's.</exception>
    public void CopyFrom(CudaMemory source)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (source.Device != Device)
            throw new ArgumentException($"The memory is of {source.Device}, but is to be copied within {Device}.", nameof(source));
        if (source.Bytes > Bytes)
            throw new ArgumentException($"{source.Bytes} bytes do not fit in device memory of {Bytes} bytes.", nameof(source));
        Copy(Device, Address, source.Address, source.Bytes);
    }

    internal void CopyFrom(void* from, long bytes) => Copy(Device, Address, from, bytes);

    internal void CopyTo(void* to, long bytes) => Copy(Device, to, Address, bytes);

    internal static void Copy(CudaDevice device, nint to, void* from, long bytes)
    {
        if (bytes == 0)
            return;
        using var scope = device.Enter();
        device.Driver.CopyToDevice(to, from, bytes, device.Stream);
        device.Driver.Synchronize(device.Stream); // the source may be pinned
    }

    internal static void Copy(CudaDevice device, void* to, nint from, long bytes)
    {
        if (bytes == 0)
            return;
        using var scope = device.Enter();
        device.Driver.CopyToHost(to, from, bytes, device.Stream);
        device.Driver.Synchronize(device.Stream);
    }

    internal static void Copy(CudaDevice device, nint to, nint from, long bytes)
    {
        if (bytes == 0)
            return;
        using var scope = device.Enter();
        device.Driver.CopyWithin(to, from, bytes, device.Stream);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    void Free()
    {
        if (address == 0)
            return;
        try
        {
            using var scope = Device.Enter();
            Device.Driver.Free(address);
        }
        catch (CudaException)
        {
            // The device was lost, and its memory with it.
        }
        address = 0;
    }
}
