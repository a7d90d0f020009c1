using System.Runtime.InteropServices;
using OptimSharp.Cuda;

namespace OptimSharp.CudaSpeed;

/// <summary>The driver's functions without anything behind them: kernels are not run and nothing is copied. What is left of a step is the host's time, on a machine without a card.</summary>
static unsafe class IdleDriver
{
    public static CudaDevice Device { get; } = new(new CudaDriver(Find), 0);

    static nint Find(string name) => name switch
    {
        "cuDeviceGetCount" => (nint)(delegate* unmanaged<int*, int>)&One,
        "cuDeviceGet" => (nint)(delegate* unmanaged<int*, int, int>)&Get,
        "cuDeviceGetName" => (nint)(delegate* unmanaged<byte*, int, int, int>)&Name,
        "cuDeviceGetAttribute" => (nint)(delegate* unmanaged<int*, int, int, int>)&Attribute,
        "cuDevicePrimaryCtxRetain" => (nint)(delegate* unmanaged<nint*, int, int>)&Retain,
        "cuModuleLoadDataEx" => (nint)(delegate* unmanaged<nint*, void*, uint, int*, void**, int>)&Load,
        "cuModuleGetFunction" => (nint)(delegate* unmanaged<nint*, nint, byte*, int>)&Function,
        "cuMemAlloc_v2" => (nint)(delegate* unmanaged<nint*, nuint, int>)&Allocate,
        "cuMemHostAlloc" => (nint)(delegate* unmanaged<void**, nuint, uint, int>)&AllocatePinned,
        "cuEventCreate" => (nint)(delegate* unmanaged<nint*, uint, int>)&Event,
        _ => (nint)(delegate* unmanaged<int>)&Nothing, // the caller clears the arguments, in both calling conventions of 64-bit processors
    };

    [UnmanagedCallersOnly]
    static int Nothing() => 0;

    [UnmanagedCallersOnly]
    static int One(int* count)
    {
        *count = 1;
        return 0;
    }

    [UnmanagedCallersOnly]
    static int Get(int* device, int index)
    {
        *device = index;
        return 0;
    }

    [UnmanagedCallersOnly]
    static int Name(byte* name, int length, int device)
    {
        "no card\0"u8.CopyTo(new Span<byte>(name, length));
        return 0;
    }

    [UnmanagedCallersOnly]
    static int Attribute(int* value, int attribute, int device)
    {
        *value = attribute == 16 ? 132 : 9; // multiprocessors; compute capability
        return 0;
    }

    [UnmanagedCallersOnly]
    static int Retain(nint* context, int device) => Give(context);

    [UnmanagedCallersOnly]
    static int Load(nint* module, void* image, uint options, int* keys, void** values) => Give(module);

    [UnmanagedCallersOnly]
    static int Function(nint* function, nint module, byte* name) => Give(function);

    [UnmanagedCallersOnly]
    static int Event(nint* made, uint flags) => Give(made);

    static int Give(nint* handle)
    {
        *handle = 1;
        return 0;
    }

    static nint next = 1 << 20;

    [UnmanagedCallersOnly]
    static int Allocate(nint* address, nuint bytes)
    {
        *address = next; // nobody looks there
        next += (nint)bytes + 511 & ~255;
        return 0;
    }

    [UnmanagedCallersOnly]
    static int AllocatePinned(void** memory, nuint bytes, uint flags)
    {
        *memory = NativeMemory.Alloc(bytes);
        return 0;
    }
}
