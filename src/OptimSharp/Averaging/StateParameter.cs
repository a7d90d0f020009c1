using OptimSharp.Kernels;

namespace OptimSharp;

/// <summary>A host tensor as a parameter.</summary>
internal static unsafe class StateParameter
{
    /// <summary>The tensor must be kept alive for as long as the parameter is used.</summary>
    public static Parameter Over(HostTensor tensor) => tensor.Type switch
    {
        ElementType.Float32 => Parameter.Of("", (float*)tensor.Start, tensor.Shape),
        ElementType.Float64 => Parameter.Of("", (double*)tensor.Start, tensor.Shape),
        ElementType.Float16 => Parameter.Of("", (Half*)tensor.Start, tensor.Shape),
        ElementType.BFloat16 => Parameter.Of("", (BFloat16*)tensor.Start, tensor.Shape),
        ElementType.Complex64 => Parameter.Of("", (Complex64*)tensor.Start, tensor.Shape),
        _ => Parameter.Of("", (System.Numerics.Complex*)tensor.Start, tensor.Shape),
    };
}
