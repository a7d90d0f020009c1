namespace OptimSharp.Testing;

/// <summary>Where a case's parameters are: in host memory, in TorchSharp's tensors… The same cases run on each.</summary>
internal interface IParameterSource
{
    /// <summary>What messages call it.</summary>
    string Name { get; }

    /// <summary>Makes a parameter.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="shape">The sizes of its dimensions; empty for a single number.</param>
    /// <param name="type">The type of its elements.</param>
    /// <param name="values">Row by row, exactly representable or to be rounded to nearest; complex ones as pairs (re, im).</param>
    /// <exception cref="NotSupportedException">This source has no such parameters.</exception>
    GoldenParameter Create(string name, long[] shape, ElementType type, double[] values);
}

/// <summary>A parameter of a case.</summary>
internal abstract class GoldenParameter : IDisposable
{
    /// <summary>What the optimizer gets.</summary>
    public abstract Parameter Parameter { get; }

    /// <summary>Sets a dense gradient (values as in <see cref="IParameterSource.Create"/>), or removes it.</summary>
    public abstract void SetGradient(double[]? values);

    /// <summary>Sets a gradient of rows of the first dimension; one index may come several times.</summary>
    /// <exception cref="NotSupportedException">This source has no such gradients.</exception>
    public virtual void SetSparseGradient(long[] indices, double[][] rows) =>
        throw new NotSupportedException("Sparse gradients are not supported here.");

    /// <summary>The values now; complex ones as pairs.</summary>
    public abstract double[] Values();

    /// <summary>The dense gradient as it is now: a step must not change it. Null when there is none or it is not dense.</summary>
    public abstract double[]? Gradient();

    /// <summary>The gradient as it is now; a sparse one with its zeros, and zeros where there is none.</summary>
    public abstract double[] GradientNow();

    public virtual void Dispose() => GC.SuppressFinalize(this);
}
