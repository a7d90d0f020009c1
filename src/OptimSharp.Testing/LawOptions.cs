namespace OptimSharp.Testing;

/// <summary>What a law is checked on. The defaults fit an elementwise optimizer and take a few seconds.</summary>
public sealed record LawOptions
{
    /// <summary>
    /// Whether each element's step depends on that element alone, as Adam's does; not so for an optimizer that needs norms, means or products of whole
    /// tensors. Default true. Elementwise optimizers have two laws more (<see cref="OptimizerLaws.Cuts"/>, <see cref="OptimizerLaws.NotANumber"/>), and
    /// get infinite, tiny and huge numbers.
    /// </summary>
    public bool Elementwise { get; init; } = true;

    /// <summary>
    /// Whether a parameter's step depends on other parameters: on a norm over all of them, say. Default false. The law <see cref="OptimizerLaws.Groups"/> is not
    /// asked of such an optimizer.
    /// </summary>
    public bool SumsOverAll { get; init; }

    /// <summary>The element types of parameters; null, the default: all that the optimizer takes, which is found by trying. Named types must be taken.</summary>
    public IReadOnlyList<ElementType>? ElementTypes { get; init; }

    /// <summary>
    /// What the optimizer's state is kept in; null, the default: <see cref="StatePrecision.Compute"/>, and for half types <see cref="StatePrecision.Parameter"/>, too. State in blocks is cut otherwise where a tensor is, and
    /// loses a block by a NaN: say that such an optimizer is not <see cref="Elementwise"/>, and name <see cref="Sizes"/> from 4,096 elements on.
    /// </summary>
    public IReadOnlyList<StatePrecision>? StatePrecisions { get; init; }

    /// <summary>How bfloat16 parameters are kept; null, the default: as the optimizer has it. With <see cref="ParameterPrecision.Stochastic"/>, say that it is not <see cref="Elementwise"/>: elements' places count.</summary>
    public ParameterPrecision? ParameterPrecision { get; init; }

    /// <summary>
    /// How many elements each parameter has, ≥ 0; matrices may get some fewer. Null, the default: sizes of each law's own, around the widths of registers
    /// and, for <see cref="OptimizerLaws.Threads"/>, large enough for several threads to take part.
    /// </summary>
    public IReadOnlyList<int>? Sizes { get; init; }

    /// <summary>How many steps are taken, ≥ 2. Default 3. More are needed for a rule that changes later, after a warm-up say.</summary>
    public int Steps { get; init; } = 3;

    /// <summary>What the made-up numbers begin from. The same seed makes the same numbers on every machine. Default 1.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Whether nothing else runs in this process: then allocations of all threads are counted, not only those of the thread that steps.</summary>
    internal bool Alone { get; init; }

    internal void Check()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Steps, 2);
        if (Sizes is { } sizes && (sizes.Count == 0 || sizes.Any(n => n < 0)))
            throw new ArgumentException("Sizes must be numbers ≥ 0, one at least.", nameof(Sizes));
        if (StatePrecisions is { Count: 0 })
            throw new ArgumentException("StatePrecisions must name a precision, or be null for the usual ones.", nameof(StatePrecisions));
        if (ElementTypes is { Count: 0 })
            throw new ArgumentException("ElementTypes must name a type, or be null for all that the optimizer takes.", nameof(ElementTypes));
    }
}
