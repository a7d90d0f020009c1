using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace OptimSharp.Cuda;

/// <summary>An NVIDIA GPU, through its driver alone: no toolkit, and nothing else native, is needed.</summary>
/// <remarks>
/// It works in the device's primary context, as libtorch and the CUDA runtime do: so their addresses are valid here. Work is done in the order of <see cref="Stream"/>, and a step returns
/// before its kernels have run.
/// </remarks>
public sealed class CudaDevice
{
    const nint PerThread = 2;
    const long UsualBlock = 8 << 20;

    static readonly Lock Gate = new();
    static readonly Dictionary<int, CudaDevice> Devices = [];
    static CudaDriver? system;

    readonly nint context;
    readonly ConcurrentDictionary<string, Lazy<nint>> kernels = [];

    internal CudaDevice(CudaDriver driver, int index)
    {
        int count = driver.DeviceCount;
        if (index < 0 || index >= count)
            throw new ArgumentOutOfRangeException(nameof(index), index, count == 0 ? "The CUDA driver finds no device." : $"The CUDA driver finds {count} {(count == 1 ? "device" : "devices")}: an index must be in [0, {count - 1}].");
        Driver = driver;
        Index = index;
        int device = driver.DeviceAt(index);
        Name = driver.NameOf(device);
        ComputeCapability = new(driver.Attribute(device, DeviceAttribute.ComputeCapabilityMajor), driver.Attribute(device, DeviceAttribute.ComputeCapabilityMinor));
        Multiprocessors = driver.Attribute(device, DeviceAttribute.Multiprocessors);
        if (ComputeCapability.Major < 6)
            throw new CudaException($"{this} has compute capability {ComputeCapability}, but the kernels need 6.0 (Pascal) or higher.");
        context = driver.RetainPrimaryContext(device);
        Backend = new(this);
        Offload = new(this, Backend);
        Gradients = new(this);
    }

    /// <summary>How many devices the driver finds; 0 where there is no driver.</summary>
    public static int Count
    {
        get
        {
            try
            {
                return System.DeviceCount;
            }
            catch (CudaException)
            {
                return 0;
            }
        }
    }

    /// <summary>A device by its number, as the driver counts them (<c>CUDA_VISIBLE_DEVICES</c>). The same object each time.</summary>
    /// <param name="index">The number, in [0, <see cref="Count"/> − 1].</param>
    /// <exception cref="CudaException">There is no driver, or the device is older than Pascal.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such device.</exception>
    public static CudaDevice Get(int index = 0)
    {
        lock (Gate)
        {
            if (!Devices.TryGetValue(index, out var device))
                Devices.Add(index, device = new(System, index));
            return device;
        }
    }

    /// <summary>A device beside the one that users have, whose stream stays the legacy default one: that of TorchSharp's tensors.</summary>
    internal static CudaDevice OnLegacyStream(int index, long bytesOfBlock = UsualBlock) => new(System, index) { BytesOfBlock = bytesOfBlock };

    static CudaDriver System
    {
        get
        {
            lock (Gate)
                return system ??= CudaDriver.Load();
        }
    }

    /// <summary>Its number.</summary>
    public int Index { get; }

    /// <summary>What the driver calls it.</summary>
    public string Name { get; }

    /// <summary>Which generation it is: 6.0 for the first Pascal, 9.0 for Hopper.</summary>
    public Version ComputeCapability { get; }

    /// <summary>The stream (<c>CUstream</c>, <c>cudaStream_t</c>) in whose order everything is done. 0, the default, is the legacy default stream, which waits for all others that are not marked as independent. The default stream of each thread, 2, is refused. TorchSharp's tensors are stepped on the legacy default stream, whatever this is.</summary>
    /// <exception cref="ArgumentException">It is 2.</exception>
    [SuppressMessage("Naming", "CA1711", Justification = "The field's word for it.")]
    public nint Stream
    {
        get;
        set => field = value != PerThread ? value : throw new ArgumentException("The default stream of each thread (2) is another one on each thread, so that steps on it would have no order. Give a stream that was created.", nameof(value));
    }

    internal CudaDriver Driver { get; }

    internal int Multiprocessors { get; }

    internal CudaBackend Backend { get; }

    /// <summary>For parameters whose state is in host memory.</summary>
    internal CudaOffload Offload { get; }

    /// <summary>How many bytes of values and gradients come to the host at once where state is there.</summary>
    internal long BytesOfBlock { get; init; } = UsualBlock;

    internal CudaGradients Gradients { get; }

    /// <summary>Memory of the device, set to zeros.</summary>
    /// <param name="bytes">How many bytes, ≥ 0.</param>
    /// <exception cref="CudaException">There is too little.</exception>
    public CudaMemory Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        return new(this, bytes);
    }

    /// <summary>Waits until all that was begun in the order of <see cref="Stream"/> is done.</summary>
    /// <exception cref="CudaException">Something of it failed.</exception>
    public void Synchronize()
    {
        using var scope = Enter();
        Driver.Synchronize(Stream);
    }

    /// <summary>Number and name.</summary>
    public override string ToString() => $"cuda:{Index} ({Name})";

    /// <summary>Makes the device current on this thread.</summary>
    internal CudaContext Enter() => new(Driver, context);

    /// <summary>A kernel, compiled when it is first asked for. The device is current.</summary>
    /// <param name="name">Its name, which no other kernel has.</param>
    /// <param name="source">Gives its source.</param>
    internal nint Kernel(string name, Func<string, string> source)
    {
        var kernel = kernels.GetOrAdd(name, _ => new(() => Driver.Compile(source(name), name))); // by one thread, however many ask
        try
        {
            return kernel.Value;
        }
        catch
        {
            kernels.TryRemove(new(name, kernel)); // for another attempt
            throw;
        }
    }
}
