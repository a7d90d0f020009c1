namespace OptimSharp;

/// <summary>What memory is taken for.</summary>
public enum MemoryUse
{
    /// <summary>The parameters' values.</summary>
    Parameters,

    /// <summary>The gradients that are there.</summary>
    Gradients,

    /// <summary>What the optimizer remembers.</summary>
    State,

    /// <summary>Copies of parameters that are kept between steps: averages, the slow weights of <see cref="Lookahead"/>, what <see cref="SAM"/> comes back to.</summary>
    Copies,
}

/// <summary>A line of a <see cref="MemoryReport"/>: tensors of one group, for one use, kept in one way.</summary>
/// <param name="Use">What they are.</param>
/// <param name="Owner">The class of what they belong to: <c>"AdamW"</c>.</param>
/// <param name="Group">The number of the parameter group; null for what belongs to none.</param>
/// <param name="Name">The name of a state as in state dicts (<c>"exp_avg"</c>), or of copies; empty for parameters and gradients.</param>
/// <param name="Precision">How numbers are kept: the name of an <see cref="ElementType"/>, or that of a <see cref="StatePrecision"/> of blocks.</param>
/// <param name="Tensors">How many tensors.</param>
/// <param name="Count">How many elements they have together.</param>
/// <param name="Bytes">What they take; with few bits, codes and scales.</param>
public sealed record MemoryEntry(MemoryUse Use, string Owner, int? Group, string Name, string Precision, int Tensors, long Count, long Bytes);
