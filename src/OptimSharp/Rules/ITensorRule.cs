using System.Numerics;

namespace OptimSharp.Rules;

/// <summary>
/// The mathematics of an optimizer that is not elementwise: it needs means of rows, products, decompositions. Written over
/// <see cref="TensorMath"/>, for one parameter at a time. Its elementwise parts are rules (<see cref="IUpdateRule{T}"/>). What needs a few sums only is better
/// an <see cref="IMeasuringRule{T}"/>.
/// </summary>
/// <typeparam name="T">The type computed in: float or double.</typeparam>
public interface ITensorRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>One step of a parameter: reads the gradient, reads and writes values and state. What it leaves in the gradient may be lost.</summary>
    void Update(in TensorCell<T> x, TensorMath math);
}

/// <summary>
/// What a tensor rule sees of a parameter, in the type computed in: all of it, as a batch of matrices of its last two dimensions. A parameter of one dimension is
/// one row, a single number is one row of one column. Of a complex parameter the last dimension is twice as long: real and imaginary parts.
/// </summary>
/// <typeparam name="T">The type computed in.</typeparam>
public readonly struct TensorCell<T>
    where T : unmanaged
{
    /// <summary>The parameter.</summary>
    public Matrices<T> Param { get; internal init; }

    /// <summary>The gradient.</summary>
    public Matrices<T> Grad { get; internal init; }

    /// <summary>The tensors of the state, in the order in which they were given with the rule.</summary>
    public Matrices<T> S0 { get; internal init; }

    /// <inheritdoc cref="S0"/>
    public Matrices<T> S1 { get; internal init; }

    /// <inheritdoc cref="S0"/>
    public Matrices<T> S2 { get; internal init; }

    /// <inheritdoc cref="S0"/>
    public Matrices<T> S3 { get; internal init; }

    /// <inheritdoc cref="S0"/>
    public Matrices<T> S4 { get; internal init; }

    /// <inheritdoc cref="S0"/>
    public Matrices<T> S5 { get; internal init; }

    /// <summary>The lists of matrices of the state (<see cref="StateEntry.Matrices"/>), in the order in which they were given with the rule.</summary>
    public MatrixList<T> L0 { get; internal init; }

    /// <inheritdoc cref="L0"/>
    public MatrixList<T> L1 { get; internal init; }
}
