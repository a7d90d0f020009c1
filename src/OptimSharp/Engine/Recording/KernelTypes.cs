namespace OptimSharp.Engine;

/// <summary>What a kernel's numbers are stored as: all real types, of which the compute type is one.</summary>
/// <param name="Param">The parameter's.</param>
/// <param name="Grad">The gradient's.</param>
/// <param name="State">The states'.</param>
internal readonly record struct KernelTypes(ElementType Param, ElementType Grad, ElementType State)
{
    /// <summary>All numbers of one type.</summary>
    public KernelTypes(ElementType type) : this(type, type, type)
    {
    }

    /// <summary>The type computed in.</summary>
    /// <exception cref="NotSupportedException">It is not the same for all of them, or they are not real.</exception>
    public ElementType Compute => new[] { Param, Grad, State }.All(Fits) ? Param.Compute() : throw new NotSupportedException($"There are no kernels for numbers stored as {Param}, {Grad}, {State}.");

    /// <summary>What a value is stored as where an operation reads it.</summary>
    public ElementType Of(Operation operation) => operation switch
    {
        Operation.Param => Param,
        Operation.Grad => Grad,
        Operation.State => State,
        _ => throw new ArgumentOutOfRangeException(nameof(operation), operation, "Nothing is read."),
    };

    bool Fits(ElementType type) => type.IsTrainable() && !type.IsComplex() && type.Compute() == Param.Compute();

    /// <summary>The types in a name.</summary>
    public override string ToString() => string.Join('_', new[] { Param, Grad, State }.Distinct().Count() == 1 ? [Param] : new[] { Param, Grad, State }).ToLowerInvariant();
}
