namespace OptimSharp;

/// <summary>What becomes of the gradients after a <see cref="TrainingStep"/>.</summary>
public enum GradientsAfter
{
    /// <summary>Parameters have none until the next is computed, as after <see cref="Optimizer.ZeroGrad"/>.</summary>
    Dropped,

    /// <summary>They are set to zeros, in the pass that used them: their memory is used again.</summary>
    Zeroed,

    /// <summary>They stay, as the rule saw them: unscaled, averaged and clipped. After a step that was left out, as they were.</summary>
    Kept,
}
