using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace OptimSharp.Cuda.Tests;

/// <summary>The driver's functions, as addresses that unmanaged code would have, over <see cref="FakeDevice"/>s: what is above them is run as on a machine with a GPU.</summary>
static unsafe class FakeDriver
{
    const int InvalidValue = 1, InvalidDevice = 101, InvalidContext = 201;

    static readonly List<FakeDevice> devices = [];

    [ThreadStatic]
    static Stack<FakeDevice>? contexts; // that are current on this thread, the last on top

    /// <summary>Whether the tests have a real device instead, by its number in OPTIMSHARP_CUDA_DEVICE. What can be seen of a fake one only is left out then.</summary>
    public static bool IsReal => RealDevice is not null;

    static int? RealDevice { get; } = int.TryParse(Environment.GetEnvironmentVariable("OPTIMSHARP_CUDA_DEVICE"), out int index) ? index : null;

    /// <summary>The driver, with a new device.</summary>
    public static (CudaDevice Device, FakeDevice Fake) Create(FakeDevice? fake = null)
    {
        if (RealDevice is { } real && (fake is null || fake.BytesOfBlock != new FakeDevice().BytesOfBlock))
            return (fake is null ? CudaDevice.Get(real) : CudaDevice.OnLegacyStream(real, fake.BytesOfBlock), new());
        fake ??= new();
        int index;
        lock (devices)
        {
            devices.Add(fake);
            index = devices.Count - 1;
        }
        return (new(new CudaDriver(Find), index) { BytesOfBlock = fake.BytesOfBlock }, fake);
    }

    /// <summary>How many contexts are current on this thread.</summary>
    public static int Contexts => contexts?.Count ?? 0;

    /// <summary>The address of a function; 0: there is none of that name.</summary>
    public static nint Find(string name) => name switch
    {
        "cuInit" => (nint)(delegate* unmanaged<uint, int>)&Init,
        "cuDeviceGetCount" => (nint)(delegate* unmanaged<int*, int>)&GetCount,
        "cuDeviceGet" => (nint)(delegate* unmanaged<int*, int, int>)&Get,
        "cuDeviceGetName" => (nint)(delegate* unmanaged<byte*, int, int, int>)&GetName,
        "cuDeviceGetAttribute" => (nint)(delegate* unmanaged<int*, int, int, int>)&GetAttribute,
        "cuDevicePrimaryCtxRetain" => (nint)(delegate* unmanaged<nint*, int, int>)&Retain,
        "cuCtxPushCurrent_v2" => (nint)(delegate* unmanaged<nint, int>)&Push,
        "cuCtxPopCurrent_v2" => (nint)(delegate* unmanaged<nint*, int>)&Pop,
        "cuModuleLoadDataEx" => (nint)(delegate* unmanaged<nint*, void*, uint, int*, void**, int>)&LoadModule,
        "cuModuleGetFunction" => (nint)(delegate* unmanaged<nint*, nint, byte*, int>)&GetFunction,
        "cuModuleUnload" => (nint)(delegate* unmanaged<nint, int>)&UnloadModule,
        "cuLaunchKernel" => (nint)(delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int>)&Launch,
        "cuMemAlloc_v2" => (nint)(delegate* unmanaged<nint*, nuint, int>)&Allocate,
        "cuMemFree_v2" => (nint)(delegate* unmanaged<nint, int>)&Free,
        "cuMemHostAlloc" => (nint)(delegate* unmanaged<void**, nuint, uint, int>)&AllocatePinned,
        "cuMemFreeHost" => (nint)(delegate* unmanaged<void*, int>)&FreePinned,
        "cuMemcpyHtoDAsync_v2" => (nint)(delegate* unmanaged<nint, void*, nuint, nint, int>)&CopyToDevice,
        "cuMemcpyDtoHAsync_v2" => (nint)(delegate* unmanaged<void*, nint, nuint, nint, int>)&CopyToHost,
        "cuMemcpyDtoDAsync_v2" => (nint)(delegate* unmanaged<nint, nint, nuint, nint, int>)&CopyWithin,
        "cuMemsetD8Async" => (nint)(delegate* unmanaged<nint, byte, nuint, nint, int>)&Set,
        "cuStreamSynchronize" => (nint)(delegate* unmanaged<nint, int>)&Synchronize,
        "cuStreamCreate" => (nint)(delegate* unmanaged<nint*, uint, int>)&CreateStream,
        "cuStreamDestroy_v2" => (nint)(delegate* unmanaged<nint, int>)&DestroyStream,
        "cuStreamWaitEvent" => (nint)(delegate* unmanaged<nint, nint, uint, int>)&StreamAwait,
        "cuEventCreate" => (nint)(delegate* unmanaged<nint*, uint, int>)&CreateEvent,
        "cuEventRecord" => (nint)(delegate* unmanaged<nint, nint, int>)&Record,
        "cuEventSynchronize" => (nint)(delegate* unmanaged<nint, int>)&Await,
        "cuEventDestroy_v2" => (nint)(delegate* unmanaged<nint, int>)&DestroyEvent,
        "cuGetErrorName" => (nint)(delegate* unmanaged<int, byte**, int>)&ErrorName,
        "cuGetErrorString" => (nint)(delegate* unmanaged<int, byte**, int>)&ErrorString,
        _ => 0,
    };

    static FakeDevice? Current => contexts is { Count: > 0 } ? contexts.Peek() : null;

    static int Do(Func<FakeDevice, int> call, [CallerMemberName] string function = "") => Current is { } device ? device.Do(function, () => call(device)) : InvalidContext;

    static FakeDevice? DeviceAt(int index)
    {
        lock (devices)
            return index >= 0 && index < devices.Count ? devices[index] : null;
    }

    [UnmanagedCallersOnly]
    static int Init(uint flags) => flags == 0 ? 0 : InvalidValue;

    [UnmanagedCallersOnly]
    static int GetCount(int* count)
    {
        lock (devices)
            *count = devices.Count;
        return 0;
    }

    [UnmanagedCallersOnly]
    static int Get(int* device, int index)
    {
        *device = index + 1000;
        return DeviceAt(index) is null ? InvalidDevice : 0;
    }

    [UnmanagedCallersOnly]
    static int GetName(byte* name, int length, int device)
    {
        byte[] text = System.Text.Encoding.UTF8.GetBytes(DeviceAt(device - 1000)!.Name + '\0');
        text.CopyTo(new Span<byte>(name, length));
        return 0;
    }

    [UnmanagedCallersOnly]
    static int GetAttribute(int* value, int attribute, int device)
    {
        var fake = DeviceAt(device - 1000)!;
        *value = attribute switch { 16 => 2, 75 => fake.ComputeCapability.Major, 76 => fake.ComputeCapability.Minor, _ => -1 };
        return 0;
    }

    [UnmanagedCallersOnly]
    static int Retain(nint* context, int device)
    {
        *context = device + 1000;
        return DeviceAt(device - 1000) is null ? InvalidDevice : 0;
    }

    [UnmanagedCallersOnly]
    static int Push(nint context)
    {
        if (DeviceAt((int)context - 2000) is not { } device)
            return InvalidContext;
        (contexts ??= new()).Push(device);
        return 0;
    }

    [UnmanagedCallersOnly]
    static int Pop(nint* context)
    {
        *context = 0;
        return contexts is { Count: > 0 } && contexts.Pop() is not null ? 0 : InvalidContext;
    }

    [UnmanagedCallersOnly]
    static int LoadModule(nint* module, void* image, uint options, int* keys, void** values)
    {
        string source = Marshal.PtrToStringUTF8((nint)image)!;
        int result = Do(device => device.Compile(module, source), nameof(LoadModule));
        if (result != 0 && options == 2 && keys[0] == 5 && keys[1] == 6 && (long)values[1] > 16)
            "ptxas says no.\0"u8.CopyTo(new Span<byte>(values[0], (int)values[1]));
        return result;
    }

    [UnmanagedCallersOnly]
    static int GetFunction(nint* function, nint module, byte* name) => Do(device => device.FunctionOf(function, module, Marshal.PtrToStringUTF8((nint)name)!), nameof(GetFunction));

    [UnmanagedCallersOnly]
    static int UnloadModule(nint module) => Do(device => device.Unload(module), nameof(UnloadModule));

    [UnmanagedCallersOnly]
    static int Launch(nint function, uint x, uint y, uint z, uint threadsX, uint threadsY, uint threadsZ, uint shared, nint stream, void** parameters, void** extra) =>
        y == 1 && z == 1 && threadsY == 1 && threadsZ == 1 && shared == 0 && extra == null ? Do(device => device.Launch(function, x, threadsX, stream, parameters), nameof(Launch)) : InvalidValue;

    [UnmanagedCallersOnly]
    static int Allocate(nint* address, nuint bytes) => Do(device => device.Allocate(address, bytes), nameof(Allocate));

    [UnmanagedCallersOnly]
    static int Free(nint address) => Do(device => device.Free(address), nameof(Free));

    [UnmanagedCallersOnly]
    static int AllocatePinned(void** address, nuint bytes, uint flags) => Do(device => device.AllocatePinned(address, bytes), nameof(AllocatePinned));

    [UnmanagedCallersOnly]
    static int FreePinned(void* address) => Do(device => device.FreePinned(address), nameof(FreePinned));

    [UnmanagedCallersOnly]
    static int CopyToDevice(nint to, void* from, nuint bytes, nint stream) => Do(device => device.CopyToDevice(to, from, bytes, stream), nameof(CopyToDevice));

    [UnmanagedCallersOnly]
    static int CopyToHost(void* to, nint from, nuint bytes, nint stream) => Do(device => device.CopyToHost(to, from, bytes, stream), nameof(CopyToHost));

    [UnmanagedCallersOnly]
    static int CopyWithin(nint to, nint from, nuint bytes, nint stream) => Do(device => device.CopyWithin(to, from, bytes, stream), nameof(CopyWithin));

    [UnmanagedCallersOnly]
    static int Set(nint to, byte value, nuint bytes, nint stream) => Do(device => device.Clear(to, value, bytes, stream), nameof(Set));

    [UnmanagedCallersOnly]
    static int Synchronize(nint stream) => Do(device => device.Synchronize(stream), nameof(Synchronize));

    [UnmanagedCallersOnly]
    static int CreateStream(nint* created, uint flags) => flags == 1 ? Do(device => device.CreateStream(created), nameof(CreateStream)) : InvalidValue;

    [UnmanagedCallersOnly]
    static int DestroyStream(nint destroyed) => Do(device => device.DestroyStream(destroyed), nameof(DestroyStream));

    [UnmanagedCallersOnly]
    static int StreamAwait(nint stream, nint awaited, uint flags) => flags == 0 ? Do(device => device.Await(awaited, stream), nameof(StreamAwait)) : InvalidValue;

    [UnmanagedCallersOnly]
    static int CreateEvent(nint* created, uint flags) => Do(device => device.CreateEvent(created), nameof(CreateEvent));

    [UnmanagedCallersOnly]
    static int Record(nint recorded, nint stream) => Do(device => device.Record(recorded, stream), nameof(Record));

    [UnmanagedCallersOnly]
    static int Await(nint awaited) => Do(device => device.Await(awaited), nameof(Await));

    [UnmanagedCallersOnly]
    static int DestroyEvent(nint destroyed) => Do(device => device.DestroyEvent(destroyed), nameof(DestroyEvent));

    [UnmanagedCallersOnly]
    static int ErrorName(int result, byte** text) => Text(result switch { 2 => "CUDA_ERROR_OUT_OF_MEMORY\0"u8, 218 => "CUDA_ERROR_INVALID_PTX\0"u8, 700 => "CUDA_ERROR_ILLEGAL_ADDRESS\0"u8, _ => default }, text);

    [UnmanagedCallersOnly]
    static int ErrorString(int result, byte** text) => Text(result switch { 2 => "out of memory\0"u8, 218 => "a PTX JIT compilation failed\0"u8, 700 => "an illegal memory access was encountered\0"u8, _ => default }, text);

    static int Text(ReadOnlySpan<byte> literal, byte** text)
    {
        if (literal.IsEmpty)
            return InvalidValue;
        *text = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(literal)); // in the assembly's data
        return 0;
    }
}
