namespace OptimSharp;

/// <summary>
/// A gradient that is zero but for some rows of the parameter's first dimension: what an embedding has of a batch. A row may
/// come several times, in any order; its gradient is the sum, in the order given.
/// </summary>
/// <param name="Indices">Which rows, each from 0 to the size of the parameter's first dimension, not included.</param>
/// <param name="Rows">These rows' gradients, one after the other.</param>
/// <typeparam name="T">The parameter's element type.</typeparam>
public readonly record struct SparseGradient<T>(ReadOnlyMemory<long> Indices, ReadOnlyMemory<T> Rows) where T : unmanaged;
