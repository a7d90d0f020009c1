namespace OptimSharp.Rules;

/// <summary>
/// The elementwise mathematics of one optimizer, written once over lanes.
/// Implementations are structs whose fields are the step's coefficients, computed in double and rounded to
/// <typeparamref name="T"/> when the rule is made: a conversion inside the loop costs more than the arithmetic.
/// </summary>
/// <typeparam name="T">The type computed in: float or double. The half types are stored as such and computed in float.</typeparam>
internal interface IUpdateRule<T>
{
    /// <summary>How many state tensors the rule uses (0 to 3). A constant: unused slots fold away.</summary>
    static abstract int Slots { get; }

    /// <summary>One step of a cell: reads parameter, gradient and state, writes parameter and state.</summary>
    void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>;
}

/// <summary>What a rule sees of one place of a parameter: its value, its gradient and its state.</summary>
internal struct Cell<L>
{
    public L Param, Grad, S0, S1, S2;
}

/// <summary>A choice that is known when a rule is compiled, so that the other branch costs nothing.</summary>
internal interface IFlag
{
    static abstract bool On { get; }
}

internal readonly struct On : IFlag
{
    static bool IFlag.On => true;
}

internal readonly struct Off : IFlag
{
    static bool IFlag.On => false;
}
