namespace OptimSharp.Testing;

/// <summary>
/// An optimizer breaks a law. The message names the optimizer with its options, the law, the parameter and element, both values and their bits, and on
/// what parameters it was found.
/// </summary>
public sealed class OptimizerLawException : Exception
{
    internal OptimizerLawException(OptimizerLaw law, string message) : base(message) => Law = law;

    /// <summary>The law.</summary>
    public OptimizerLaw Law { get; }
}
