namespace OptimSharp.Tool.Tests;

/// <summary>Tensors of one dimension.</summary>
static class Vector
{
    public static TensorData Of<T>(T[] values) where T : unmanaged => TensorData.Of(values, values.Length);
}
