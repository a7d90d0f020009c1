using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace OptimSharp.Rules;

/// <summary>What a rule sees of one place of a parameter: its value, its gradient and its state.</summary>
/// <typeparam name="L">The lane: see <see cref="ILane{TSelf, T}"/>.</typeparam>
[SuppressMessage("Design", "CA1051:Do not declare visible instance fields", Justification = "A rule writes them; as fields they are in registers.")]
public struct Cell<L>
    where L : struct
{
    /// <summary>The parameter θ. What a rule leaves here, less <see cref="Step"/>, is its new value.</summary>
    public L Param;

    /// <summary>The gradient g. What a rule leaves here is lost.</summary>
    public L Grad;

    /// <summary>What is taken off the parameter in the end: θ ← θ − step. Zero, unless the rule sets it.</summary>
    public L Step;

    /// <summary>The state's tensors, in the order in which they were given with the rule. What a rule leaves here is kept for the next step.</summary>
    public L S0, S1, S2, S3, S4, S5;

    /// <summary>A state by its number, in [0, 5]; for rules over rules. Give a constant, and it costs nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly L State(int index) => index switch
    {
        0 => S0,
        1 => S1,
        2 => S2,
        3 => S3,
        4 => S4,
        _ => S5,
    };

    /// <summary>Sets a state by its number, in [0, 5]; for rules over rules. Give a constant, and it costs nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetState(int index, L value)
    {
        switch (index)
        {
            case 0: S0 = value; break;
            case 1: S1 = value; break;
            case 2: S2 = value; break;
            case 3: S3 = value; break;
            case 4: S4 = value; break;
            default: S5 = value; break;
        }
    }
}
