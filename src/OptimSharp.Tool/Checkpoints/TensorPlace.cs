namespace OptimSharp.Tool;

/// <summary>What two names of one tensor have alike, as tied weights: the memory, and how it is looked at. Views of other parts of it are other tensors.</summary>
readonly record struct TensorPlace(TensorStorage Storage, ElementType Type, long Offset, string Shape, string Strides)
{
    public static TensorPlace Of(TensorData tensor) =>
        new(tensor.Storage, tensor.ElementType, tensor.Offset, string.Join(' ', tensor.Shape.ToArray()), string.Join(' ', tensor.Strides.ToArray()));
}
