using OptimSharp.Engine;

namespace OptimSharp;

/// <summary>One thing that an optimizer remembers of a parameter, as its state dict has it.</summary>
/// <param name="Key">PyTorch's name.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Optional">Whether a parameter that has a state may lack it.</param>
internal readonly record struct StateEntry(string Key, StateKind Kind = StateKind.Tensor, bool Optional = false)
{
    /// <summary>The count of steps.</summary>
    public static StateEntry Step { get; } = new("step", StateKind.Step);
}

/// <summary>What kind of thing an entry of a parameter's state is.</summary>
internal enum StateKind
{
    /// <summary>A <see cref="StateTensor"/>.</summary>
    Tensor,

    /// <summary>The count of steps.</summary>
    Step,

    /// <summary>A number.</summary>
    Number,

    /// <summary>A whole number.</summary>
    Whole,

    /// <summary>A list of tensors.</summary>
    Tensors,

    /// <summary>A list of single numbers, each a tensor in double precision.</summary>
    Numbers,

    /// <summary>Something that PyTorch saves and does not need.</summary>
    Ignored,
}
