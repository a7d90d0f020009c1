namespace OptimSharp.Cuda;

/// <summary>Parameters in a GPU's memory.</summary>
public static class CudaParameters
{
    extension(Parameter)
    {
        /// <summary>A parameter over a device's memory, of whatever made it: the optimizer changes its elements there.</summary>
        /// <param name="name">The name, for messages and state dicts.</param>
        /// <param name="address">Where the first element is (<c>CUdeviceptr</c>), row by row from there on. Not copied.</param>
        /// <param name="type">The type of the elements.</param>
        /// <param name="device">Whose memory it is; null: the first device.</param>
        /// <param name="shape">The sizes of the dimensions; none for a single number.</param>
        /// <exception cref="ArgumentException">The address is 0, or no multiple of an element's size; or optimizers don't change elements of the type.</exception>
        /// <exception cref="CudaException">There is no device, or none that is new enough.</exception>
        public static CudaParameter OnCuda(string name, nint address, ElementType type, CudaDevice? device, params ReadOnlySpan<long> shape) =>
            new(name, address, type, device ?? CudaDevice.Get(), shape);
    }
}
