namespace OptimSharp.Engine;

/// <summary>What a kernel's numbers are stored as: all real types, of which the compute type is one.</summary>
internal readonly record struct KernelTypes
{
    const int Bits = 8; // of a state's type in their list

    readonly ulong states;

    /// <param name="param">The parameter's.</param>
    /// <param name="grad">The gradient's.</param>
    /// <param name="state">That of all states.</param>
    public KernelTypes(ElementType param, ElementType grad, ElementType state)
    {
        (Param, Grad) = (param, grad);
        states = (ulong)state * 0x0101_0101_0101;
    }

    /// <summary>All numbers of one type.</summary>
    public KernelTypes(ElementType type) : this(type, type, type)
    {
    }

    /// <summary>The parameter's.</summary>
    public ElementType Param { get; }

    /// <summary>The gradient's.</summary>
    public ElementType Grad { get; }

    /// <summary>The type computed in.</summary>
    /// <exception cref="NotSupportedException">It is not the same for all of them, or they are not real.</exception>
    public ElementType Compute => All().All(Fits) ? Param.Compute() : throw new NotSupportedException($"There are no kernels for numbers stored as {string.Join(", ", All().Distinct())}.");

    /// <summary>That of a state.</summary>
    public ElementType State(int slot) => (ElementType)(states >> Bits * slot & 0xFF);

    /// <summary>The same with another type for a state.</summary>
    public KernelTypes With(int slot, ElementType type) => new(this, states & ~(0xFFul << Bits * slot) | (ulong)type << Bits * slot);

    KernelTypes(KernelTypes other, ulong states) : this(other.Param, other.Grad, default) => this.states = states;

    /// <summary>What a value is stored as where an operation reads it.</summary>
    /// <param name="operation">The operation.</param>
    /// <param name="slot">Which state, for one of a state.</param>
    public ElementType Of(Operation operation, int slot) => operation switch
    {
        Operation.Param => Param,
        Operation.Grad => Grad,
        Operation.State => State(slot),
        _ => throw new ArgumentOutOfRangeException(nameof(operation), operation, "Nothing is read."),
    };

    ElementType[] All() => [Param, Grad, State(0), State(1), State(2), State(3), State(4), State(5)];

    bool Fits(ElementType type) => type.IsTrainable() && !type.IsComplex() && type.Compute() == Param.Compute();

    /// <summary>The types in a name.</summary>
    public override string ToString()
    {
        var all = All();
        ElementType[] named = all.Distinct().Count() == 1 ? [Param] : all[2..].Distinct().Count() == 1 ? all[..3] : all;
        return string.Join('_', named).ToLowerInvariant();
    }
}
