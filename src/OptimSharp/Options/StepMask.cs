namespace OptimSharp;

/// <summary>Which elements of a step are taken: an option of optimizers with a momentum. Decay that is not in the step is not masked.</summary>
public enum StepMask
{
    /// <summary>All.</summary>
    None,

    /// <summary>Those that go down the gradient, made larger for the others (<see cref="Rules.Cautious{TRule, T}"/>). One more pass over memory.</summary>
    Cautious,

    /// <summary>All, each down the gradient: the momentum says how far, the gradient where to (<see cref="Rules.Grams{TRule, T}"/>).</summary>
    Grams,
}
