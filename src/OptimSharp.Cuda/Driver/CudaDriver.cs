using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace OptimSharp.Cuda;

/// <summary>The functions of NVIDIA's driver that are used, each checked. All of a device's are called with its context current (<see cref="CudaContext"/>).</summary>
internal sealed unsafe partial class CudaDriver
{
    const int OutOfMemory = 2, InvalidPtx = 218, NoCompiler = 221, UnsupportedPtxVersion = 222, CompilerIsOff = 223;

    /// <summary>Loads the driver of this machine and begins with it.</summary>
    /// <exception cref="CudaException">There is none, or it finds no device.</exception>
    public static CudaDriver Load()
    {
        string name = OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1";
        nint library;
        try
        {
            library = NativeLibrary.Load(name);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            throw new CudaException($"There is no CUDA driver on this machine: {name} {WhyNot(e.Message)}. It comes with NVIDIA's driver for the card.", e);
        }
        return new(function => NativeLibrary.TryGetExport(library, function, out nint address) ? address : 0);
    }

    /// <summary>Of the places and names that a loader says it has tried, those where there was something.</summary>
    internal static string WhyNot(string message)
    {
        string[] said = [.. message.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Skip(1).Where(line => !line.Contains("No such file", StringComparison.Ordinal))];
        return said.Length == 0 ? "was not found" : $"is there, and does not load ({string.Join("; ", said)})";
    }

    /// <param name="find">Gives the address of a function; 0: it is not there.</param>
    public CudaDriver(Func<string, nint> find)
    {
        Bind(find);
        Check(init(0), nameof(init));
    }

    public int DeviceCount => Get((int* value) => deviceGetCount(value), nameof(deviceGetCount));

    public int DeviceAt(int index) => Get((int* value) => deviceGet(value, index), nameof(deviceGet));

    public int Attribute(int device, DeviceAttribute attribute) => Get((int* value) => deviceGetAttribute(value, (int)attribute, device), nameof(deviceGetAttribute));

    public string NameOf(int device)
    {
        byte* name = stackalloc byte[256];
        Check(deviceGetName(name, 256, device), nameof(deviceGetName));
        return Marshal.PtrToStringUTF8((nint)name) ?? "";
    }

    /// <summary>The context that libtorch and others use, too: so their addresses are valid.</summary>
    public nint RetainPrimaryContext(int device) => Get((nint* value) => devicePrimaryCtxRetain(value, device), nameof(devicePrimaryCtxRetain));

    public void PushContext(nint context) => Check(ctxPushCurrent(context), nameof(ctxPushCurrent));

    public void PopContext()
    {
        nint popped;
        _ = ctxPopCurrent(&popped); // fails where a device was lost, which the call before has told
    }

    /// <summary>Compiles a kernel for the device.</summary>
    public nint Compile(string source, string name)
    {
        const int LogBuffer = 5, LogSize = 6, Size = 8192;
        byte[] text = Encoding.ASCII.GetBytes(source + '\0'), function = Encoding.ASCII.GetBytes(name + '\0'), log = new byte[Size];
        int* options = stackalloc int[] { LogBuffer, LogSize };
        nint module, address;
        fixed (byte* image = text, kernel = function, said = log)
        {
            void** values = stackalloc void*[] { said, (void*)Size };
            int result = moduleLoadDataEx(&module, image, 2, options, values);
            if (result is InvalidPtx or UnsupportedPtxVersion)
                throw new CudaException($"{Told(result, nameof(moduleLoadDataEx))} The kernel asks for PTX 6.0, which drivers know since CUDA 9.0. {Encoding.UTF8.GetString(log).TrimEnd('\0', '\n')}", result);
            if (result is NoCompiler or CompilerIsOff)
                throw new CudaException($"{Told(result, nameof(moduleLoadDataEx))} Kernels are compiled by a library of the driver's, {(OperatingSystem.IsWindows() ? "nvptxJITCompiler*.dll" : "libnvidia-ptxjitcompiler.so.1")}, which containers may lack; CUDA_DISABLE_PTX_JIT switches it off.", result);
            Check(result, nameof(moduleLoadDataEx));
            result = moduleGetFunction(&address, module, kernel);
            if (result != 0)
                _ = moduleUnload(module);
            Check(result, nameof(moduleGetFunction));
        }
        return address;
    }

    public void Launch(nint function, int blocks, int threads, nint stream, void** parameters) =>
        Check(launchKernel(function, (uint)blocks, 1, 1, (uint)threads, 1, 1, 0, stream, parameters, null), nameof(launchKernel));

    public nint Allocate(long bytes)
    {
        nint address;
        int result = memAlloc(&address, (nuint)bytes);
        if (result == OutOfMemory)
        {
            GC.Collect(); // memory that nobody has any more is given back by finalizers
            GC.WaitForPendingFinalizers();
            result = memAlloc(&address, (nuint)bytes);
        }
        CheckMemory(result, nameof(memAlloc), bytes, "the device's memory");
        return address;
    }

    /// <summary>Gives memory back, without an error: it is gone in any case.</summary>
    public void Free(nint address) => _ = memFree(address);

    /// <summary>Host memory that the device reads by itself.</summary>
    public void* AllocatePinned(long bytes)
    {
        void* memory;
        CheckMemory(memHostAlloc(&memory, (nuint)bytes, 0), nameof(memHostAlloc), bytes, "pinned host memory");
        return memory;
    }

    void CheckMemory(int result, string function, long bytes, string of)
    {
        if (result == OutOfMemory)
            throw new CudaException(string.Create(CultureInfo.InvariantCulture, $"{Told(result, function)} {bytes:N0} bytes of {of} were asked for."), result);
        Check(result, function);
    }

    public void FreePinned(void* memory) => _ = memFreeHost(memory);

    public void CopyToDevice(nint to, void* from, long bytes, nint stream) => Check(memcpyHtoDAsync(to, from, (nuint)bytes, stream), nameof(memcpyHtoDAsync));

    public void CopyToHost(void* to, nint from, long bytes, nint stream) => Check(memcpyDtoHAsync(to, from, (nuint)bytes, stream), nameof(memcpyDtoHAsync));

    public void CopyWithin(nint to, nint from, long bytes, nint stream) => Check(memcpyDtoDAsync(to, from, (nuint)bytes, stream), nameof(memcpyDtoDAsync));

    public void Clear(nint to, long bytes, nint stream)
    {
        if (bytes > 0)
            Check(memsetD8Async(to, 0, (nuint)bytes, stream), nameof(memsetD8Async));
    }

    public void Synchronize(nint stream) => Check(streamSynchronize(stream), nameof(streamSynchronize));

    /// <summary>A stream that does not wait for the legacy default stream.</summary>
    public nint CreateStream()
    {
        const uint NonBlocking = 1;
        return Get((nint* value) => streamCreate(value, NonBlocking), nameof(streamCreate));
    }

    public void DestroyStream(nint stream) => _ = streamDestroy(stream);

    public nint CreateEvent()
    {
        const uint DisableTiming = 2;
        return Get((nint* value) => eventCreate(value, DisableTiming), nameof(eventCreate));
    }

    public void Record(nint @event, nint stream) => Check(eventRecord(@event, stream), nameof(eventRecord));

    public void Await(nint @event) => Check(eventSynchronize(@event), nameof(eventSynchronize));

    /// <summary>Has a stream wait for what was recorded last in an event; for nothing, when nothing was.</summary>
    public void Await(nint @event, nint stream) => Check(streamWaitEvent(stream, @event, 0), nameof(streamWaitEvent));

    public void DestroyEvent(nint @event) => _ = eventDestroy(@event);

    delegate int Getter<T>(T* value) where T : unmanaged;

    T Get<T>(Getter<T> call, string function) where T : unmanaged
    {
        T value;
        Check(call(&value), function);
        return value;
    }

    void Check(int result, string function)
    {
        if (result != 0)
            throw new CudaException(Told(result, function), result);
    }

    string Told(int result, string function) => $"The CUDA driver's {Functions[function]} failed: {Text(result, getErrorName) ?? "error"} ({result}), {Text(result, getErrorString) ?? "of which it says no more"}.{(IsLost(result) ? " The device is lost to this process, with all that was in its memory: only a new process can use it." : "")}";

    /// <summary>Whether it is an error after which every call fails: memory that can't be corrected, and what kernels may not do.</summary>
    static bool IsLost(int result) => result is 214 or 700 or 702 or 710 or >= 714 and <= 719;

    static string? Text(int result, delegate* unmanaged<int, byte**, int> of)
    {
        byte* text = null;
        return of(result, &text) == 0 ? Marshal.PtrToStringUTF8((nint)text) : null;
    }
}

/// <summary>What is asked about a device, by the driver's numbers.</summary>
internal enum DeviceAttribute
{
    Multiprocessors = 16,
    ComputeCapabilityMajor = 75,
    ComputeCapabilityMinor = 76,
}
