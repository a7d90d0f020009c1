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
    public ElementType Compute => Param.Compute();

    /// <summary>What a value is stored as where an operation reads it.</summary>
    public ElementType Of(Operation operation) => operation switch
    {
        Operation.Param => Param,
        Operation.Grad => Grad,
        Operation.State => State,
        _ => throw new ArgumentOutOfRangeException(nameof(operation), operation, "Nothing is read."),
    };

    /// <summary>The types in a name.</summary>
    public override string ToString() => string.Join('_', new[] { Param, Grad, State }.Distinct().Count() == 1 ? [Param] : new[] { Param, Grad, State }).ToLowerInvariant();
}
