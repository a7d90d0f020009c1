using System.Diagnostics.CodeAnalysis;

namespace OptimSharp.Rules;

/// <summary>
/// A rule that has to know sums before it can be applied: a norm of the parameter, a count of elements, a scalar product. The engine goes through the
/// memory twice: first it measures, everywhere, and writes nothing; then each rule takes its sums and is applied as any other.
/// </summary>
/// <remarks>
/// Summands are of the type computed in, and sums of them in double, in one order: of a tensor in blocks of 512 elements and chunks of 4,096, whatever the number of threads and the width of the
/// processor's vectors; over tensors in the order of the groups and their parameters. So they have the same bits always. A complex element is two real
/// ones. Of a sparse gradient, only the rows with a gradient are looked at.
/// </remarks>
/// <typeparam name="T">The type computed in: float or double.</typeparam>
public interface IMeasuringRule<T> : IUpdateRule<T>
{
    /// <summary>How many sums the rule needs, in [1, 4]. A constant.</summary>
    static abstract int Sums { get; }

    /// <summary>How many of the slots <see cref="Measure"/> looks at, from <see cref="Cell{L}.S0"/> on; the others are not read from memory, and are zero in it. A constant; all slots, unless the rule says fewer.</summary>
    static virtual int MeasuredSlots => 6;

    /// <summary>What a cell adds to the sums. The cell is a copy: what is written to it is lost, so a rule may run its own <see cref="IUpdateRule{T}.Update"/> to see what will come of it.</summary>
    /// <typeparam name="L">The lane.</typeparam>
    void Measure<L>(ref Cell<L> x, ref CellSums<L> sums) where L : struct, ILane<L, T>;

    /// <summary>Makes coefficients of the sums, on one thread, before the rule is applied.</summary>
    void Take(in MeasuredSums sums);
}

/// <summary>What a place of a parameter adds to the sums of its tensor; zero, unless the rule sets it.</summary>
/// <typeparam name="L">The lane.</typeparam>
[SuppressMessage("Design", "CA1051:Do not declare visible instance fields", Justification = "A rule writes them; as fields they are in registers.")]
public struct CellSums<L>
    where L : struct
{
    /// <summary>A summand of each sum.</summary>
    public L Sum0, Sum1, Sum2, Sum3;
}

/// <summary>Sums over a parameter, and over all parameters of the step that have measuring rules.</summary>
public readonly ref struct MeasuredSums
{
    readonly ReadOnlySpan<double> own, all;

    internal MeasuredSums(ReadOnlySpan<double> own, ReadOnlySpan<double> all, long count)
    {
        this.own = own;
        this.all = all;
        Count = count;
    }

    /// <summary>A sum over this parameter, or over this row (<see cref="ParameterStep{T}.ApplyByRow"/>).</summary>
    public double this[int index] => own[index];

    /// <summary>The same sum over all parameters that are in this step and have measuring rules.</summary>
    /// <exception cref="InvalidOperationException">The rule measures rows.</exception>
    public double OverAll(int index) => all.Length > 0 ? all[index]
        : throw new InvalidOperationException("A rule that is given by ApplyByRow has no sums over all parameters: rows are measured and changed one after the other.");

    /// <summary>How many numbers of this parameter, or of this row, were measured.</summary>
    public long Count { get; }
}
