namespace OptimSharp;

// One optimizer of several, and what it is a part of.
public abstract partial class Optimizer
{
    /// <summary>The optimizers that step together in a step of this one: itself, unless it is one of several.</summary>
    internal virtual ReadOnlySpan<Optimizer> Parts => self;

    /// <summary>The optimizer of several that this one is a part of; null when it is none's.</summary>
    internal CombinedOptimizer? CombinedIn { get; private set; }

    /// <summary>Makes it a part of another optimizer: they are used one at a time, and whichever is disposed, all are.</summary>
    internal void JoinTo(CombinedOptimizer combined) => (CombinedIn, Turn) = (combined, combined.Turn);

    /// <summary>The optimizer that a group's parameters are stepped by.</summary>
    internal virtual Optimizer PartOf(ParameterGroup group) => this;
}
