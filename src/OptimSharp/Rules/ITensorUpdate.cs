using System.Numerics;
using OptimSharp.Engine;

namespace OptimSharp.Rules;

/// <summary>
/// The mathematics of an optimizer that is not elementwise: it needs a norm, means of rows, products. Written over
/// <see cref="TensorOps"/>, on one parameter at a time. Elementwise parts are rules here too.
/// </summary>
/// <typeparam name="T">The type computed in: float or double.</typeparam>
internal interface ITensorUpdate<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>One step of a parameter: reads the gradient, reads and writes values and state.</summary>
    void Update(in WholeTensor<T> x, TensorOps ops);
}

/// <summary>A parameter in a step, all of it, in the compute type: a batch of matrices, of one row when it has one dimension or none.</summary>
internal unsafe struct WholeTensor<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public T* Param, Grad, S0, S1;
    public nint Batch, Rows, Columns;

    public readonly nint Count => Batch * Rows * Columns;
}
