using OptimSharp.Cuda;

namespace OptimSharp;

/// <summary>
/// <c>Parameter.Of(…)</c> in programs in which <c>Parameter</c> means TorchSharp's, as the package's aliases have it: parameters over plain memory are made by the same words
/// there as in programs without TorchSharp. In the namespace that has <see cref="Parameter"/>, so that it is at hand wherever that was.
/// </summary>
public static class ParameterExtensions
{
    extension(TorchSharp.Modules.Parameter)
    {
        /// <inheritdoc cref="Parameter.Of{T}(string, T[], ReadOnlySpan{long})"/>
        public static Parameter<T> Of<T>(string name, T[] values, params ReadOnlySpan<long> shape) where T : unmanaged => Parameter.Of(name, values, shape);

        /// <inheritdoc cref="Parameter.Of{T}(string, Memory{T}, ReadOnlySpan{long})"/>
        public static Parameter<T> Of<T>(string name, Memory<T> values, params ReadOnlySpan<long> shape) where T : unmanaged => Parameter.Of(name, values, shape);

        /// <inheritdoc cref="Parameter.Of{T}(string, T*, ReadOnlySpan{long})"/>
        public static unsafe Parameter<T> Of<T>(string name, T* values, params ReadOnlySpan<long> shape) where T : unmanaged => Parameter.Of(name, values, shape);

        /// <inheritdoc cref="Parameter.Meta"/>
        public static Parameter Meta(string name, ReadOnlySpan<long> shape, ElementType type = ElementType.Float32) => Parameter.Meta(name, shape, type);

        /// <inheritdoc cref="CudaParameters.OnCuda"/>
        public static CudaParameter OnCuda(string name, nint address, ElementType type, CudaDevice? device, params ReadOnlySpan<long> shape) => Parameter.OnCuda(name, address, type, device, shape);
    }
}
