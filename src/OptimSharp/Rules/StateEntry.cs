using OptimSharp.Engine;

namespace OptimSharp.Rules;

/// <summary>
/// One thing that an optimizer remembers of a parameter, under the name that state dicts and checkpoints have. An optimizer declares each once, as a static
/// field, lists them (<see cref="Optimizer{TOptions}.StateEntries"/>), and gives its rules those that they work with.
/// </summary>
public sealed class StateEntry
{
    StateEntry(string key, StateKind kind, bool optional)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        (Key, Kind, IsOptional) = (key, kind, optional);
    }

    /// <summary>The count of the parameter's steps: <c>"step"</c>.</summary>
    public static StateEntry Step { get; } = new("step", StateKind.Step, false);

    /// <summary>A tensor of numbers, in the precision that the group's <see cref="OptimizerOptions.PrecisionOf"/> its name says.</summary>
    /// <param name="key">The name; PyTorch's or the reference implementation's, so that its checkpoints load.</param>
    /// <param name="shape">Its sizes.</param>
    /// <param name="initial">What every element starts with.</param>
    /// <param name="optional">Whether a parameter that has a state may lack it: because options say whether it is needed.</param>
    /// <param name="range">What is known of its numbers, for precisions of few bits.</param>
    public static StateEntry Tensor(string key, StateShape shape = StateShape.Parameter, double initial = 0, bool optional = false, StateRange range = StateRange.Any) =>
        new(key, StateKind.Tensor, optional) { Shape = shape, Initial = initial, Range = range };

    /// <summary>A tensor that starts as a copy of the parameter, as it is before its first step.</summary>
    /// <param name="key">The name.</param>
    /// <param name="optional">Whether a parameter that has a state may lack it.</param>
    /// <param name="shape">Its sizes: <see cref="StateShape.Parameter"/> or <see cref="StateShape.Flat"/>.</param>
    /// <exception cref="ArgumentException">The shape is another one.</exception>
    public static StateEntry CopyOfParameter(string key, bool optional = false, StateShape shape = StateShape.Parameter) => shape is StateShape.Parameter or StateShape.Flat
        ? new(key, StateKind.Tensor, optional) { StartsAsParameter = true, Shape = shape, Range = StateRange.Exact }
        : throw new ArgumentException($"A copy of the parameter has as many numbers, but {shape} has others.", nameof(shape));

    /// <summary>A number.</summary>
    /// <param name="key">The name.</param>
    /// <param name="initial">What it starts with.</param>
    /// <param name="optional">Whether a parameter that has a state may lack it.</param>
    public static StateEntry Number(string key, double initial = 0, bool optional = false) => new(key, StateKind.Number, optional) { Initial = initial };

    /// <summary>A whole number, saved as such: a count.</summary>
    /// <param name="key">The name.</param>
    /// <param name="optional">Whether a parameter that has a state may lack it.</param>
    public static StateEntry WholeNumber(string key, bool optional = false) => new(key, StateKind.Whole, optional);

    /// <summary>Yes or no, saved as such: of a group (<see cref="Optimizer{TOptions}.GroupEntries"/>), as the number 1 or 0.</summary>
    /// <param name="key">The name.</param>
    public static StateEntry Flag(string key) => new(key, StateKind.Flag, optional: true);

    /// <summary>A list of tensors, for <see cref="ClosureOptimizer{TOptions}"/>: each a vector of all parameters' numbers.</summary>
    /// <inheritdoc cref="WholeNumber"/>
    public static StateEntry Tensors(string key, bool optional = false) => new(key, StateKind.Tensors, optional);

    /// <summary>A list of numbers, for <see cref="ClosureOptimizer{TOptions}"/>. Saved as tensors of one element, of double precision.</summary>
    /// <inheritdoc cref="WholeNumber"/>
    public static StateEntry Numbers(string key, bool optional = false) => new(key, StateKind.Numbers, optional);

    /// <summary>
    /// A list of matrices, for rules over whole tensors: one for each dimension of a parameter, say. Their sizes are given by <see cref="ParameterStep{T}.Start(StateEntry, ReadOnlySpan{MatrixSize})"/>. They are kept in
    /// the type computed in, whatever <see cref="OptimizerOptions.StatePrecision"/> says, and in this process's memory. One without numbers is saved as an empty list.
    /// </summary>
    /// <inheritdoc cref="WholeNumber"/>
    public static StateEntry Matrices(string key, bool optional = false) => new(key, StateKind.Matrices, optional);

    /// <summary>What the reference implementation saves and this one does not need: it is not read, and not saved.</summary>
    /// <param name="key">The name.</param>
    public static StateEntry Ignored(string key) => new(key, StateKind.Ignored, optional: true);

    /// <summary>The name.</summary>
    public string Key { get; }

    /// <summary>Whether a parameter that has a state may lack it.</summary>
    public bool IsOptional { get; }

    /// <summary>The sizes of a tensor.</summary>
    public StateShape Shape { get; private init; }

    /// <summary>What it starts with.</summary>
    public double Initial { get; private init; }

    /// <summary>What is known of a tensor's numbers.</summary>
    public StateRange Range { get; private init; }

    /// <summary>Whether it starts as a copy of the parameter.</summary>
    public bool StartsAsParameter { get; private init; }

    internal StateKind Kind { get; }

    /// <summary>The type of the numbers; null when precision and parameter say it.</summary>
    internal ElementType? Type { get; private init; }

    /// <summary>A tensor of the parameter's shape with numbers of this type, which a parameter may lack.</summary>
    internal static StateEntry OfType(string key, ElementType type) => new(key, StateKind.Tensor, optional: true) { Type = type, Range = StateRange.Exact };

    /// <summary>Whether it is declared in the same way.</summary>
    internal bool IsLike(StateEntry other) => ReferenceEquals(this, other)
        || (Kind, IsOptional, Shape, Initial, Range, StartsAsParameter) == (other.Kind, other.IsOptional, other.Shape, other.Initial, other.Range, other.StartsAsParameter);

    /// <summary>A tensor for a parameter: zeros.</summary>
    internal StateTensor Create(Parameter parameter, StatePrecision precision)
    {
        var shape = parameter.HeldShape;
        if (Type is { } own)
            return parameter.Backend.CreateState(parameter, shape, own);
        var type = (Range == StateRange.Exact && precision != StatePrecision.Parameter ? StatePrecision.Compute : precision).TypeFor(parameter.ElementType);
        var format = BlockFormats.Of(this, parameter, precision);
        int needed = Shape switch { StateShape.Rows => 1, StateShape.Columns => 2, _ => 0 };
        if (shape.Length < needed)
            throw new InvalidOperationException($"State '{Key}' is a number for each {(needed == 1 ? "row" : "column")}, but parameter {parameter} has {shape.Length} dimensions; it needs {needed}.");
        if (Shape == StateShape.Scalar)
            shape = [];
        if (Shape == StateShape.Flat)
            return parameter.Backend.CreateState(parameter, [parameter.Numbers / parameter.ElementType.Parts()], type, format);
        if (Shape == StateShape.Outputs && shape.Length > 0)
        {
            long[] outputs = new long[shape.Length];
            Array.Fill(outputs, 1);
            outputs[0] = shape[0];
            shape = outputs;
        }
        if (needed == 0)
            return parameter.Backend.CreateState(parameter, shape, type, format);
        Span<long> reduced = shape.Length <= 16 ? stackalloc long[shape.Length] : new long[shape.Length];
        shape.CopyTo(reduced);
        reduced[^needed] = 1;
        return parameter.Backend.CreateState(parameter, reduced, type, BlockFormat.None);
    }

    /// <summary>The name.</summary>
    public override string ToString() => Key;
}

/// <summary>The sizes of a tensor of an optimizer's state.</summary>
public enum StateShape
{
    /// <summary>The parameter's.</summary>
    Parameter,

    /// <summary>A number for each row: the parameter's sizes, with 1 for the last.</summary>
    Rows,

    /// <summary>A number for each column of each matrix: the parameter's sizes, with 1 for the last but one.</summary>
    Columns,

    /// <summary>One number, without dimensions.</summary>
    Scalar,

    /// <summary>As many numbers as the parameter has, in one dimension: some reference implementations save it so. Elementwise rules take it as the parameter's.</summary>
    Flat,

    /// <summary>A number for each index of the first dimension, an output or a filter: the parameter's first size, with 1 for all others.</summary>
    Outputs,
}

/// <summary>What is known of the numbers of a state's tensor: a precision of few bits (<see cref="StatePrecision.Dynamic8"/>) keeps them by it.</summary>
public enum StateRange
{
    /// <summary>Numbers of either sign: averages of gradients.</summary>
    Any,

    /// <summary>Numbers ≥ 0: averages of squares.</summary>
    NonNegative,

    /// <summary>Numbers whose last bits count: weights, sums over many steps. They are never kept in fewer bits than they are computed in, unless by <see cref="StatePrecision.Parameter"/>.</summary>
    Exact,
}

/// <summary>The sizes of a matrix in a list of an optimizer's state.</summary>
/// <param name="Rows">How many rows it has.</param>
/// <param name="Columns">How many columns it has.</param>
public readonly record struct MatrixSize(long Rows, long Columns);

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

    /// <summary>A number that is 1 or 0 and saved as a bool.</summary>
    Flag,

    /// <summary>A list of tensors.</summary>
    Tensors,

    /// <summary>A list of single numbers, each a tensor in double precision.</summary>
    Numbers,

    /// <summary>A list of matrices in host memory, in the type computed in.</summary>
    Matrices,

    /// <summary>Something that PyTorch saves and does not need.</summary>
    Ignored,
}
