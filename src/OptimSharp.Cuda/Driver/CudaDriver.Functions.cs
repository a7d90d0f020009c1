namespace OptimSharp.Cuda;

// The functions' addresses and signatures, by cuda.h of CUDA 9.0 and later. All return a CUresult, 0 for success.
internal sealed unsafe partial class CudaDriver
{
    // The driver's name of each.
    static readonly Dictionary<string, string> Functions = new()
    {
        [nameof(init)] = "cuInit",
        [nameof(deviceGetCount)] = "cuDeviceGetCount",
        [nameof(deviceGet)] = "cuDeviceGet",
        [nameof(deviceGetName)] = "cuDeviceGetName",
        [nameof(deviceGetAttribute)] = "cuDeviceGetAttribute",
        [nameof(devicePrimaryCtxRetain)] = "cuDevicePrimaryCtxRetain",
        [nameof(ctxPushCurrent)] = "cuCtxPushCurrent_v2",
        [nameof(ctxPopCurrent)] = "cuCtxPopCurrent_v2",
        [nameof(moduleLoadDataEx)] = "cuModuleLoadDataEx",
        [nameof(moduleGetFunction)] = "cuModuleGetFunction",
        [nameof(moduleUnload)] = "cuModuleUnload",
        [nameof(launchKernel)] = "cuLaunchKernel",
        [nameof(memAlloc)] = "cuMemAlloc_v2",
        [nameof(memFree)] = "cuMemFree_v2",
        [nameof(memHostAlloc)] = "cuMemHostAlloc",
        [nameof(memFreeHost)] = "cuMemFreeHost",
        [nameof(memcpyHtoDAsync)] = "cuMemcpyHtoDAsync_v2",
        [nameof(memcpyDtoHAsync)] = "cuMemcpyDtoHAsync_v2",
        [nameof(memcpyDtoDAsync)] = "cuMemcpyDtoDAsync_v2",
        [nameof(memsetD8Async)] = "cuMemsetD8Async",
        [nameof(streamSynchronize)] = "cuStreamSynchronize",
        [nameof(streamCreate)] = "cuStreamCreate",
        [nameof(streamDestroy)] = "cuStreamDestroy_v2",
        [nameof(streamWaitEvent)] = "cuStreamWaitEvent",
        [nameof(eventCreate)] = "cuEventCreate",
        [nameof(eventRecord)] = "cuEventRecord",
        [nameof(eventSynchronize)] = "cuEventSynchronize",
        [nameof(eventDestroy)] = "cuEventDestroy_v2",
        [nameof(getErrorName)] = "cuGetErrorName",
        [nameof(getErrorString)] = "cuGetErrorString",
    };

    delegate* unmanaged<uint, int> init;
    delegate* unmanaged<int*, int> deviceGetCount;
    delegate* unmanaged<int*, int, int> deviceGet;
    delegate* unmanaged<byte*, int, int, int> deviceGetName;
    delegate* unmanaged<int*, int, int, int> deviceGetAttribute;
    delegate* unmanaged<nint*, int, int> devicePrimaryCtxRetain;
    delegate* unmanaged<nint, int> ctxPushCurrent;
    delegate* unmanaged<nint*, int> ctxPopCurrent;
    delegate* unmanaged<nint*, void*, uint, int*, void**, int> moduleLoadDataEx;
    delegate* unmanaged<nint*, nint, byte*, int> moduleGetFunction;
    delegate* unmanaged<nint, int> moduleUnload;
    delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int> launchKernel;
    delegate* unmanaged<nint*, nuint, int> memAlloc;
    delegate* unmanaged<nint, int> memFree;
    delegate* unmanaged<void**, nuint, uint, int> memHostAlloc;
    delegate* unmanaged<void*, int> memFreeHost;
    delegate* unmanaged<nint, void*, nuint, nint, int> memcpyHtoDAsync;
    delegate* unmanaged<void*, nint, nuint, nint, int> memcpyDtoHAsync;
    delegate* unmanaged<nint, nint, nuint, nint, int> memcpyDtoDAsync;
    delegate* unmanaged<nint, byte, nuint, nint, int> memsetD8Async;
    delegate* unmanaged<nint, int> streamSynchronize;
    delegate* unmanaged<nint*, uint, int> streamCreate;
    delegate* unmanaged<nint, int> streamDestroy;
    delegate* unmanaged<nint, nint, uint, int> streamWaitEvent;
    delegate* unmanaged<nint*, uint, int> eventCreate;
    delegate* unmanaged<nint, nint, int> eventRecord;
    delegate* unmanaged<nint, int> eventSynchronize;
    delegate* unmanaged<nint, int> eventDestroy;
    delegate* unmanaged<int, byte**, int> getErrorName;
    delegate* unmanaged<int, byte**, int> getErrorString;

    void Bind(Func<string, nint> find)
    {
        init = (delegate* unmanaged<uint, int>)Find(find, nameof(init));
        deviceGetCount = (delegate* unmanaged<int*, int>)Find(find, nameof(deviceGetCount));
        deviceGet = (delegate* unmanaged<int*, int, int>)Find(find, nameof(deviceGet));
        deviceGetName = (delegate* unmanaged<byte*, int, int, int>)Find(find, nameof(deviceGetName));
        deviceGetAttribute = (delegate* unmanaged<int*, int, int, int>)Find(find, nameof(deviceGetAttribute));
        devicePrimaryCtxRetain = (delegate* unmanaged<nint*, int, int>)Find(find, nameof(devicePrimaryCtxRetain));
        ctxPushCurrent = (delegate* unmanaged<nint, int>)Find(find, nameof(ctxPushCurrent));
        ctxPopCurrent = (delegate* unmanaged<nint*, int>)Find(find, nameof(ctxPopCurrent));
        moduleLoadDataEx = (delegate* unmanaged<nint*, void*, uint, int*, void**, int>)Find(find, nameof(moduleLoadDataEx));
        moduleGetFunction = (delegate* unmanaged<nint*, nint, byte*, int>)Find(find, nameof(moduleGetFunction));
        moduleUnload = (delegate* unmanaged<nint, int>)Find(find, nameof(moduleUnload));
        launchKernel = (delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int>)Find(find, nameof(launchKernel));
        memAlloc = (delegate* unmanaged<nint*, nuint, int>)Find(find, nameof(memAlloc));
        memFree = (delegate* unmanaged<nint, int>)Find(find, nameof(memFree));
        memHostAlloc = (delegate* unmanaged<void**, nuint, uint, int>)Find(find, nameof(memHostAlloc));
        memFreeHost = (delegate* unmanaged<void*, int>)Find(find, nameof(memFreeHost));
        memcpyHtoDAsync = (delegate* unmanaged<nint, void*, nuint, nint, int>)Find(find, nameof(memcpyHtoDAsync));
        memcpyDtoHAsync = (delegate* unmanaged<void*, nint, nuint, nint, int>)Find(find, nameof(memcpyDtoHAsync));
        memcpyDtoDAsync = (delegate* unmanaged<nint, nint, nuint, nint, int>)Find(find, nameof(memcpyDtoDAsync));
        memsetD8Async = (delegate* unmanaged<nint, byte, nuint, nint, int>)Find(find, nameof(memsetD8Async));
        streamSynchronize = (delegate* unmanaged<nint, int>)Find(find, nameof(streamSynchronize));
        streamCreate = (delegate* unmanaged<nint*, uint, int>)Find(find, nameof(streamCreate));
        streamDestroy = (delegate* unmanaged<nint, int>)Find(find, nameof(streamDestroy));
        streamWaitEvent = (delegate* unmanaged<nint, nint, uint, int>)Find(find, nameof(streamWaitEvent));
        eventCreate = (delegate* unmanaged<nint*, uint, int>)Find(find, nameof(eventCreate));
        eventRecord = (delegate* unmanaged<nint, nint, int>)Find(find, nameof(eventRecord));
        eventSynchronize = (delegate* unmanaged<nint, int>)Find(find, nameof(eventSynchronize));
        eventDestroy = (delegate* unmanaged<nint, int>)Find(find, nameof(eventDestroy));
        getErrorName = (delegate* unmanaged<int, byte**, int>)Find(find, nameof(getErrorName));
        getErrorString = (delegate* unmanaged<int, byte**, int>)Find(find, nameof(getErrorString));
    }

    static nint Find(Func<string, nint> find, string function) => find(Functions[function]) is not 0 and var address ? address
        : throw new CudaException($"The CUDA driver of this machine has no function {Functions[function]}: it is older than CUDA 9.0, or not NVIDIA's.");
}
