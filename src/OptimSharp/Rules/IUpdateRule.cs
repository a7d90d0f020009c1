namespace OptimSharp.Rules;

/// <summary>
/// The elementwise mathematics of an optimizer, written once over lanes: the same code updates one number, a register of them, or a tensor on a device.
/// </summary>
/// <remarks>
/// A rule is a struct whose fields are the step's coefficients, computed in double and rounded to <typeparamref name="T"/> when the rule is made: a
/// conversion within the loop costs more than the arithmetic. Its only inputs are its fields and the cell: it may not look at anything that changes from
/// element to element, or from call to call. Mark <see cref="Update"/> with <c>[MethodImpl(MethodImplOptions.AggressiveInlining)]</c>.
/// </remarks>
/// <typeparam name="T">The type computed in: float or double. Half types are stored as such and computed in float.</typeparam>
public interface IUpdateRule<T>
{
    /// <summary>How many state tensors the rule uses, in [0, 6]. A constant: what it has not costs nothing.</summary>
    static abstract int Slots { get; }

    /// <summary>One step of a cell: reads parameter, gradient and state; writes the state, and the step or the parameter.</summary>
    /// <typeparam name="L">The lane.</typeparam>
    void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>;
}
