using TorchSharp;

namespace OptimSharp.Torch;

/// <summary>The element types in TorchSharp's terms, and back.</summary>
internal static class ElementTypes
{
    public static torch.ScalarType ToScalarType(this ElementType type) => type switch
    {
        ElementType.Float32 => torch.ScalarType.Float32,
        ElementType.Float64 => torch.ScalarType.Float64,
        ElementType.Float16 => torch.ScalarType.Float16,
        ElementType.BFloat16 => torch.ScalarType.BFloat16,
        ElementType.Complex64 => torch.ScalarType.ComplexFloat32,
        ElementType.Complex128 => torch.ScalarType.ComplexFloat64,
        ElementType.Bool => torch.ScalarType.Bool,
        ElementType.UInt8 => torch.ScalarType.Byte,
        ElementType.Int8 => torch.ScalarType.Int8,
        ElementType.Int16 => torch.ScalarType.Int16,
        ElementType.Int32 => torch.ScalarType.Int32,
        ElementType.Int64 => torch.ScalarType.Int64,
        ElementType.UInt16 or ElementType.UInt32 or ElementType.UInt64 or (>= ElementType.Float8E4M3FN and <= ElementType.Float8E8M0FNU) =>
            throw new NotSupportedException($"TorchSharp has no tensors of {type}."),
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "No element type."),
    };

    /// <summary>Null for a type that tensors of a state dict can't have.</summary>
    public static ElementType? ToElementType(this torch.ScalarType type) => type switch
    {
        torch.ScalarType.Float32 => ElementType.Float32,
        torch.ScalarType.Float64 => ElementType.Float64,
        torch.ScalarType.Float16 => ElementType.Float16,
        torch.ScalarType.BFloat16 => ElementType.BFloat16,
        torch.ScalarType.ComplexFloat32 => ElementType.Complex64,
        torch.ScalarType.ComplexFloat64 => ElementType.Complex128,
        torch.ScalarType.Bool => ElementType.Bool,
        torch.ScalarType.Byte => ElementType.UInt8,
        torch.ScalarType.Int8 => ElementType.Int8,
        torch.ScalarType.Int16 => ElementType.Int16,
        torch.ScalarType.Int32 => ElementType.Int32,
        torch.ScalarType.Int64 => ElementType.Int64,
        _ => null,
    };
}
