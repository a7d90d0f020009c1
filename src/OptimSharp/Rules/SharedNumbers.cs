using OptimSharp.Engine;

namespace OptimSharp.Rules;

/// <summary>
/// Numbers of groups (<see cref="Optimizer{TOptions}.GroupEntries"/>) that are one for all of them: an estimate for the whole model. Each group has them in <c>param_groups</c>, as reference implementations do. They
/// are read from the first group, and set in all, also in those that have no gradient in this step. As with <see cref="GroupNumbers"/>, what is set holds once the step has succeeded.
/// </summary>
public sealed class SharedNumbers
{
    readonly StepContext context;
    readonly int first, last; // the groups: from, and up to (not included)

    internal SharedNumbers(StepContext context, int first, int last) => (this.context, this.first, this.last) = (context, first, last);

    /// <summary>A number. It is read as it was before this step, or as it starts with; what is set is there from the next step on.</summary>
    /// <exception cref="InvalidOperationException">The optimizer's <see cref="Optimizer{TOptions}.GroupEntries"/> do not list it.</exception>
    public double this[StateEntry entry]
    {
        get => context.NumbersOf(first)[entry];
        set
        {
            for (int i = first; i < last; i++)
                context.NumbersOf(i)[entry] = value;
        }
    }

    /// <summary>A number as it was before this step, or what it starts with, when that depends on options.</summary>
    /// <exception cref="InvalidOperationException">The optimizer's <see cref="Optimizer{TOptions}.GroupEntries"/> do not list it.</exception>
    public double Get(StateEntry entry, double initial) => context.NumbersOf(first).Get(entry, initial);
}
